"""The machine and its files: device, processes, restarts, result files, provenance, the user's errors."""
