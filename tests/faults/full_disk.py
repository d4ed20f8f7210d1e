"""Commands on a disk that is full after so many bytes, or that cannot be written, then the same on one with room.

    python -m faults.full_disk --seed 0 --sizes 8

The disk is a small tmpfs in a mount namespace of its own (`unshare -rm`); where the system allows none, every trial is
skipped and says so.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from checkout import Checkout
from faults import workflow
from faults.trials import LOST, REFUSED, SKIPPED, SURVIVED, TRACEBACK, Ledger, Trial

RUN, CELL = "results/ci/scratch/adm/seed0", "results/ci/scratch/adm/seed0/final/ddim-nfe5.json"
WORKFLOW = ("snakemake", "--cores", "1", CELL, "--config", "scale=ci", "suites=[scratch]")
COMMANDS = {  # name -> what must be there before, what is tried
    "train": ([], ("atbench", "train", RUN)),
    "evaluate": ([WORKFLOW, ("rm", CELL)], ("atbench", "evaluate", CELL)),
    "report": ([WORKFLOW], ("atbench", "report", "--scale", "ci", "--suites", "scratch")),
    "workflow": ([], WORKFLOW),
}
ROOM = 64 * 1024  # KiB: more than any of them needs


def main() -> None:
    options = arguments()
    command = f"python -m faults.full_disk --seed {options.seed} --sizes {options.sizes}"
    ledger = Ledger("full-disk", command, seed=options.seed)
    if options.inside:
        for name in COMMANDS:
            with tempfile.TemporaryDirectory(prefix="faults-") as folder:
                tried(name, Checkout(Path(folder, "atbench")), options, ledger)
        return
    if why := _lacking():
        ledger.add(*(Trial(f"full disk: {name}", name, SKIPPED, why) for name in COMMANDS))
    else:
        again = [sys.executable, "-m", "faults.full_disk", "--inside", *sys.argv[1:]]
        subprocess.run(["unshare", "-rm", *again], check=True)
    print(Ledger("full-disk", command, seed=options.seed).summary())


def tried(name: str, checkout: Checkout, options: argparse.Namespace, ledger: Ledger) -> None:
    """The trials of one command: a disk of each size, and one that cannot be written."""
    before, command = COMMANDS[name]
    for each in before:
        checkout.run(*each)
    results, saved = checkout.folder / "results", checkout.folder.parent / "before"
    results.mkdir(exist_ok=True)
    shutil.copytree(results, saved, symlinks=True)
    checkout.run(*command)
    wanted = workflow.results(results)
    taken, start = (_kib(folder) for folder in (results, saved))
    chance = random.Random(f"{options.seed} {name}")
    rooms = [int(chance.uniform(0.02, 2.5) * max(taken - start, 64)) for _ in range(options.sizes)]
    for room in [*rooms, None]:
        trial = f"{name}, read-only" if room is None else f"{name}, room for {room} KiB"
        if not ledger.has(trial):
            kind = "read-only folder" if room is None else "full disk"
            ledger.add(Trial(f"{kind}: {name}", trial, *_on_a_disk(checkout, saved, command, wanted, room)))


def _on_a_disk(checkout: Checkout, saved: Path, command: tuple, wanted: dict, room: int | None) -> tuple[str, str]:
    """What a command does on a disk with so many KiB left (None: read-only), then on a large one: verdict, and why."""
    results = checkout.folder / "results"
    shutil.rmtree(checkout.folder / ".snakemake", ignore_errors=True)
    _do("mount", "-t", "tmpfs", "-o", f"size={ROOM}k", "none", str(results))
    try:
        shutil.copytree(saved, results, dirs_exist_ok=True, symlinks=True)
        sound = workflow.results(results)
        limit = "ro" if room is None else f"size={_used(results) + room}k"
        _do("mount", "-o", f"remount,{limit}", str(results))
        said = checkout.run(*command, expect=None)
        kept = workflow.results(results)
        spoilt = [path for path in sound if kept.get(path) != sound[path] and kept.get(path) != wanted.get(path)]
        _do("mount", "-o", f"remount,rw,size={ROOM}k", str(results))
        again = checkout.run(*command, expect=None)
        missing, differing, _ = workflow.differences(wanted, workflow.results(results))
    except (ValueError, shutil.Error) as error:
        return LOST, f"a record that no one can read: {error}"
    finally:
        _do("umount", str(results))
    if "Traceback (most recent call last)" in said:
        return TRACEBACK, _last(said)
    if spoilt or missing or differing:
        return LOST, f"{', '.join([*spoilt, *missing, *differing][:4])}: {_last(again)}"
    reasons = [line for line in said.splitlines() if "No space left" in line or "Read-only" in line]
    if kept.keys() >= wanted.keys():
        return SURVIVED, ""
    return (REFUSED, reasons[0][:300]) if reasons else (LOST, f"stopped without a word of the disk: {_last(said)}")


def _last(said: str) -> str:
    return ([line for line in said.splitlines() if line.strip()] or ["nothing was said"])[-1][:300]


def _kib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1024


def _used(disk: Path) -> int:
    """KiB in use, which a tmpfs counts by pages."""
    found = os.statvfs(disk)
    return (found.f_blocks - found.f_bfree) * found.f_frsize // 1024


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _lacking() -> str:
    """Why this system cannot give a small disk; empty where it can."""
    probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        done = subprocess.run(probe, capture_output=True, text=True)
    except OSError as error:
        return f"unshare: {error.strerror}"
    return "" if done.returncode == 0 else f"unshare -rm mount: {done.stderr.strip()}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sizes", type=int, default=8, help="disks per command")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
