"""Bytes on the disk of a clone, with its history, and of the environment that `make` builds in it.

python tests/benchmarks/footprint.py        writes results/released/footprint.json, for the README
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
WRITTEN = REPOSITORY / "results/released/footprint.json"


def used(folder: Path) -> int:
    """Bytes that a folder's files take; a file with several names counts once."""
    files = {(each.lstat().st_ino, each.lstat().st_blocks) for each in folder.rglob("*")}
    return 512 * sum(blocks for _, blocks in files)


def main() -> None:
    environment = Path(sys.prefix)
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", "--no-local", "--single-branch", REPOSITORY, clone], check=True)
        found = {"clone_bytes": used(clone), "environment_bytes": used(environment)}
    packages = {each.name: used(each) for each in environment.glob("lib/python*/site-packages/*") if each.is_dir()}
    largest = dict(sorted(packages.items(), key=lambda entry: -entry[1])[:5])
    WRITTEN.write_text(json.dumps({**found, "largest_packages": largest}, indent=1) + "\n")
    print(WRITTEN.relative_to(REPOSITORY), found)


if __name__ == "__main__":
    main()
