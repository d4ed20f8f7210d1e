"""What `atbench new` writes: one working file of each sort, to be changed. Nothing here is part of the suite."""
