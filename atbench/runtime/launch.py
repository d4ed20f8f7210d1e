"""A command that starts itself again: in several processes, or with settings that are read as a process starts."""

import os
import sys

from atbench.runtime.device import ALLOCATOR, processes


def in_processes() -> None:
    """Start again as several processes under torchrun, where ATBENCH_PROCESSES asks for them."""
    wanted = processes()
    if wanted > 1 and "WORLD_SIZE" not in os.environ:
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={wanted}", "-m", "atbench"]
        os.execv(sys.executable, [sys.executable, *torchrun, *sys.argv[1:]])


def with_allocator() -> None:
    """Start again with the allocator's settings that the workflow gives its jobs."""
    if not ALLOCATOR.keys() <= os.environ.keys():
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], ALLOCATOR | os.environ)
