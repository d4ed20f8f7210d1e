"""Pickles of uint8 arrays and plain containers, read without the power to run anything.

Unpickling calls whatever a file names. Here no name leads outside this module: NumPy's constructors are replaced by
stand-ins that only look at bytes, and every other name is refused.
"""

import io
import pickle
import pickletools

import numpy as np

from atbench.runtime.errors import UserError

MOST_STEPS = 1_000_000  # of the unpickler; a batch of CIFAR-10 takes some 60,000
BYTE = ("u1", "uint8")  # how pickles spell the only dtype there is


def read(file: str, content: bytes) -> dict[str, object]:
    """The dictionary of a pickle (protocols 0 to 5, of Python 2 or 3), its keys as text.

    Values are uint8 arrays, bytes, text, numbers, lists, tuples and dictionaries. Raises UserError naming ``file``
    for a truncated or foreign pickle, another dtype, a global that is not one of NumPy's constructors, or more values
    than a batch of images has.
    """
    try:
        _measure(content)
        found = _Reader(file, content).load()
    except UserError:
        raise
    except Exception as error:  # pickle reports damage by a dozen types
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{file}: not a complete pickle of arrays ({reason[:120]})") from error
    if not isinstance(found, dict):
        raise UserError(f"{file}: holds a {type(found).__name__}, expected a dictionary")
    return {_text(key): value.array if isinstance(value, _Array) else value for key, value in found.items()}


def _measure(content: bytes) -> None:
    """Raises ValueError for steps that take more memory than their bytes: a million empty lists, a place far off."""
    for count, (step, argument, _) in enumerate(pickletools.genops(content), 1):
        if count > MOST_STEPS:
            raise ValueError(f"more than {MOST_STEPS:,} values")
        if step.name in ("PUT", "BINPUT", "LONG_BINPUT") and argument > count:
            raise ValueError(f"keeps a value in place {argument}")


def _text(value: object) -> str:
    """Python 2 wrote text as bytes."""
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


class _Dtype:
    """Stands in for numpy.dtype, and is uint8."""

    def __init__(self, name: bytes | str, *_: object):
        if _text(name).lstrip("|") not in BYTE:
            raise ValueError(f"dtype {_text(name)}, allowed: uint8")

    def __setstate__(self, state: tuple) -> None:
        """Byte order and fields: bytes have neither."""


class _Array:
    """Stands in for numpy.ndarray until its state arrives."""

    array: np.ndarray

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, content = state
        self.array = _from_bytes(content, dtype, shape, "F" if fortran else "C").array


def _reconstruct(kind: type, *_: object) -> _Array:
    if kind is not _Array:
        raise ValueError("an array of another class")
    return _Array()


def _from_bytes(content: bytes, dtype: _Dtype, shape: tuple, order: str) -> _Array:
    if not isinstance(dtype, _Dtype):
        raise ValueError("an array without a dtype")
    made = _Array()
    made.array = np.frombuffer(content, np.uint8).reshape(shape, order=order)
    return made


CORES = ("numpy.core", "numpy._core")  # before and since NumPy 2
STAND_INS = {
    "numpy.ndarray": _Array,
    "numpy.dtype": _Dtype,
    **{f"{core}.multiarray._reconstruct": _reconstruct for core in CORES},
    **{f"{core}.numeric._frombuffer": _from_bytes for core in CORES},
}


class _Reader(pickle.Unpickler):
    """Finds the stand-ins and nothing else."""

    def __init__(self, file: str, content: bytes):
        super().__init__(io.BytesIO(content), encoding="bytes")
        self.file = file

    def find_class(self, module: str, name: str) -> object:
        found = STAND_INS.get(f"{module}.{name}")
        if found is None:
            raise UserError(f"{self.file}: its pickle asks for {module}.{name}: refused, only uint8 arrays are read")
        return found
