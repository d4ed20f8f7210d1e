"""How fast it is, against whom: `make bench`, or `python -m benchmarks` with tests/ on PYTHONPATH.

A row compares ours with a peer on the same work (`rows/`), in turns (`method.py`); the record of a machine says how
it went (`record.py`), and docs/speed.md shows it (`page.py`). Nothing here asserts a time.

The scripts beside measure other things, each alone: `allocator.py`, `footprint.py`, `sampling_noise.py`, `start_up.py`.
"""
