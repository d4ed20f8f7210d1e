"""Side measures: each a guest with one door, its settings, task, record, table and figure in one module or folder."""
