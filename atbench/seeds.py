"""Seeds by name: every random draw of the benchmark is addressed by what it is for, never by order or rank.

Two methods of one suite and seed then meet the same batches, noises and latents (common random numbers), and a
result does not change with the batch size, the number of processes or what ran before.
"""

import hashlib
import json


def seed_of(*names: str | int) -> int:
    """63-bit seed for a tuple of names, e.g. ``seed_of("scratch", 0, "eps", batch_index)``."""
    digest = hashlib.sha256(json.dumps(names).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1  # torch's generators take a signed 64-bit seed
