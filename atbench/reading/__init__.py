"""Results on disk as frames: a row per cell, a row per run, what they cost."""
