"""The peers: pinned by commit or by the lock, never part of the repository. Where one is absent, its rows are skipped.

guided-diffusion is no package: it is cloned into build/peers, or found in the folder that ATBENCH_PEERS names. Its
sources are used unchanged, and only if they are those of the commit.
"""

import hashlib
import importlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent.parent
VARIABLE = "ATBENCH_PEERS"
CACHE = REPOSITORY / "build/peers"
PACKAGES = ("diffusers", "torch-fidelity", "clean-fid")  # at the lock's versions
NAME = "guided-diffusion"
URL = "https://github.com/openai/guided-diffusion"
COMMIT = "22e0df8183507e13a7813f8d38d51b072ca1e67c"
SOURCES = "278682f478dd5f84"  # of that commit, as `sources` has it
PATIENCE = 120  # seconds for a clone
# What its training loop imports for several machines and cloud storage; one process calls nothing of it.
UNUSED = {"blobfile": (), "mpi4py": ("MPI",)}


class Absent(Exception):
    """A peer that is not here, in words for the record."""


def clone() -> None:
    """Clone guided-diffusion at its commit into the cache, unless it is somewhere. Raises Absent where that fails."""
    if os.environ.get(VARIABLE) or (CACHE / NAME).exists():
        return
    folder = CACHE / f"{NAME}.new"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    git = ["git", "-C", str(folder)]
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    for step in (["init", "-q"], ["fetch", "-q", "--depth=1", URL, COMMIT], ["checkout", "-q", "FETCH_HEAD"]):
        try:
            subprocess.run([*git, *step], check=True, capture_output=True, text=True, env=environment, timeout=PATIENCE)
        except subprocess.SubprocessError as error:
            shutil.rmtree(folder)
            said = str(getattr(error, "stderr", None) or error).strip().splitlines()
            raise Absent(f"{NAME} cannot be cloned from {URL} ({said[-1]}); {VARIABLE}=FOLDER names one") from error
    folder.rename(CACHE / NAME)


def guided_diffusion() -> Path:
    """The folder of guided-diffusion. Raises Absent where it is not, or is not that of the commit."""
    folder = Path(os.environ.get(VARIABLE) or CACHE, NAME)
    if not (folder / "guided_diffusion").is_dir():
        raise Absent(f"{NAME} is neither in build/peers nor where {VARIABLE} says")
    if sources(folder) != SOURCES:
        raise Absent(f"{NAME} is not that of commit {COMMIT[:12]}, unchanged")
    return folder


def sources(folder: Path) -> str:
    """Short hash of the Python sources of guided-diffusion, whatever ends their lines."""
    found = hashlib.sha256()
    for file in sorted((folder / "guided_diffusion").glob("*.py")):
        found.update(file.name.encode() + b"\n" + file.read_bytes().replace(b"\r\n", b"\n"))
    return found.hexdigest()[:16]


def guided_module(name: str) -> ModuleType:
    """A module of guided-diffusion. Raises Absent as `guided_diffusion` does."""
    folder = str(guided_diffusion())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    for package, names in UNUSED.items():
        if package not in sys.modules and find_spec(package) is None:
            sys.modules[package] = ModuleType(package)
            for each in names:
                setattr(sys.modules[package], each, ModuleType(each))
    vars(np).setdefault("int", int)  # which NumPy has dropped since
    return importlib.import_module(f"guided_diffusion.{name}")


def package(name: str) -> ModuleType:
    """An installed package. Raises Absent where it is not."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Absent(f"{name} is not installed ({error})") from error
