"""What all tests share."""

import os
import sys

import pytest

# Before torch is imported: tiny tensors only lose time to a second thread, and bits depend on the number of threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def forget_other_folders():
    """Addresses are relative: what a process remembers of one current directory is wrong in the next."""
    evaluating = sys.modules.get("atbench.tasks.evaluate")
    if evaluating is not None:
        evaluating.weights.cache_clear()
        evaluating.run_record.cache_clear()
