"""Where a number comes from: commit, source hashes, library versions."""

import hashlib
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
# What all results are made by beyond their settings: a change of code that moves their bits counts on, so that no
# table mixes what cannot be compared (docs/protocol.md says what each one changed). Records without one are of 1.
PROTOCOL = 2
LIBRARIES = ("torch", "torch-fidelity", "clean-fid", "numpy", "scipy", "scikit-learn")
# What can change the weights of a run, and what can change a cell beyond its weights. An edit elsewhere
# (reports, README, command line) makes no result stale.
SOURCES = {
    "training": ("rng.py", "data", "diffusion", "models", "training", "tasks/train.py", "tasks/resume.py"),
    "evaluation": (
        "rng.py",
        "data",
        "diffusion",
        "models",
        "sampling",
        "metrics",
        "tasks/evaluate.py",
        "tasks/generate.py",
        "tasks/judge.py",
    ),
}


@cache
def source_hash(part: str, sources: tuple[str, ...] = ()) -> str:
    """Short hash of the Python sources of ``part``: those of SOURCES, or ``sources`` where they are given."""
    hasher = hashlib.sha256()
    for name in sources or SOURCES[part]:
        path = PACKAGE / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            hasher.update(file.relative_to(PACKAGE).as_posix().encode())
            hasher.update(file.read_bytes())
    return hasher.hexdigest()[:16]


@cache
def commit() -> dict[str, str | bool]:
    """The commit of the package's checkout and whether package or experiments differ from it; 'unknown' outside git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(PACKAGE.parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", "atbench", "experiments", "Snakefile")
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(changed)}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": "unknown", "dirty": True}


def versions() -> dict[str, str]:
    """Versions of the libraries that can change a number."""
    return {name: version(name) for name in LIBRARIES}
