"""The metrics of a cell, a file each: what it declares in METRICS, and `measure`, which gives their values."""
