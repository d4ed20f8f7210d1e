"""Distances between sets of images, through torch-fidelity and clean-fid.

Both import torchvision, one of whose detection operators imports torch's compiler: 6 of the 11 CPU seconds that such a
process takes to start (tests/benchmarks/start_up.py). Nothing here is compiled, so torchvision is imported beside a
stand-in for the one function that it asks the compiler for.
"""

import sys
from types import ModuleType

COMPILER = ("torch._dynamo", "torch._dynamo.utils")


def import_torchvision_lightly() -> None:
    """Import torchvision, telling it that nothing can be compiled; the compiler itself stays importable."""
    if {"torchvision", *COMPILER} & sys.modules.keys():
        return  # too late to save anything
    stand_ins = {name: ModuleType(name) for name in COMPILER}
    stand_ins["torch._dynamo.utils"].is_compile_supported = lambda device_type: False
    sys.modules.update(stand_ins)
    try:
        import torchvision  # noqa: F401
    finally:
        for name in COMPILER:
            del sys.modules[name]


import_torchvision_lightly()
