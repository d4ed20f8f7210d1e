"""Whole runs of the workflow, killed at seeded moments and continued by the same command.

    python -m faults.kills --seed 0 --runs 6 --kills 10 --signal KILL

A moment is drawn evenly from the seconds that a tenth of an undisturbed run takes, twice over, so that the signals of a
run spread over its whole length: start-up, training, evaluation and report.
"""

import argparse
import random
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

from checkout import Checkout
from faults import workflow
from faults.trials import ACCEPTED, LOST, SURVIVED, TRACEBACK, Ledger, Trial

FAULTS = {"KILL": "kill -9 of the whole process group", "TERM": "SIGTERM to the whole process group"}


def main() -> None:
    options = arguments()
    stop = signal.Signals[f"SIG{options.signal}"]
    command = f"python -m faults.kills --seed {options.seed} --runs {options.runs} --kills {options.kills}"
    command += f" --signal {options.signal}"
    settings = {"seed": options.seed, "kills": options.kills}
    ledger = Ledger(f"kills-{options.signal.lower()}", command, **settings)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        undisturbed = None
        run = 0
        while len(ledger.trials) < options.runs * options.kills:  # a run that ends early is followed by a run more
            if not ledger.has(_name(options, run, 0)):
                undisturbed = undisturbed or Undisturbed(Path(folder, "undisturbed"))
                ledger.add(*disturbed(Path(folder, str(run)), options, run, stop, undisturbed))
            run += 1
    print(ledger.summary())


class Undisturbed:
    """A run without faults: what it leaves behind, and how long it takes."""

    def __init__(self, folder: Path):
        checkout = Checkout(folder)
        code, self.seconds = workflow.run(checkout, folder / "command.log")
        assert code == 0, (folder / "command.log").read_text()[-3000:]
        self.results = workflow.results(checkout.folder / "results")
        print(f"undisturbed: {self.seconds:.0f} s, {len(self.results)} files", flush=True)


def disturbed(
    folder: Path, options: argparse.Namespace, run: int, stop: signal.Signals, undisturbed: Undisturbed
) -> list[Trial]:
    """A run that is stopped again and again: a trial per signal."""
    checkout, log = Checkout(folder), folder / "command.log"
    chance = random.Random(f"{options.seed} {options.signal} {run}")
    moments, waited, code = [], [], None
    while len(moments) < options.kills and code is None:
        after = chance.uniform(0.5, 2 * undisturbed.seconds / options.kills)
        code, seconds = workflow.run(checkout, log, stop, after)
        if seconds < after:  # it ended by itself: done, or it could not continue
            break
        moments.append(after)
        waited.append(seconds - after)
        code = None
    if code is None:
        code, _ = workflow.run(checkout, log)
    verdict, detail = judged(code, log.read_text(errors="replace"), undisturbed.results, checkout)
    print(f"run {run}: {len(moments)} signals: {verdict} {detail}", flush=True)
    if verdict == SURVIVED:
        shutil.rmtree(folder)
    else:
        detail += _kept(folder, options, run)
    when = [f"after {after:.1f} s, gone {late:.1f} s later" for after, late in zip(moments, waited)] or ["never"]
    return [
        Trial(FAULTS[options.signal], _name(options, run, index), verdict, f"{moment}. {detail}")
        for index, moment in enumerate(when)
    ]


def judged(code: int, said: str, wanted: dict[str, Any], checkout: Checkout) -> tuple[str, str]:
    """What became of a run, and in words why."""
    last = [line for line in said.splitlines() if line.strip()]
    if code != 0:
        verdict = TRACEBACK if "Traceback (most recent call last)" in said else LOST
        return verdict, f"the same command ended with {code}: {' | '.join(last[-3:])[:300]}"
    missing, differing, beside = workflow.differences(wanted, workflow.results(checkout.folder / "results"))
    if differing:
        return ACCEPTED, f"differ from an undisturbed run: {', '.join(differing[:4])} ({len(differing)} in all)"
    if missing:
        return LOST, f"missing: {', '.join(missing[:4])} ({len(missing)} in all)"
    return SURVIVED, f"left behind: {', '.join(beside[:4])} ({len(beside)} in all)" if beside else ""


def _kept(folder: Path, options: argparse.Namespace, run: int) -> str:
    """Put a spoilt checkout where it can be looked at, outside of the repository: copies of that would copy it."""
    place = Path(tempfile.gettempdir(), f"atbench-spoilt-{options.signal.lower()}-{options.seed}-{run}")
    shutil.rmtree(place, ignore_errors=True)
    shutil.move(folder, place)
    return f"; see {place}"


def _name(options: argparse.Namespace, run: int, index: int) -> str:
    return f"seed {options.seed} run {run} signal {index}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--kills", type=int, default=10, help="signals per run")
    parser.add_argument("--signal", choices=FAULTS, default="KILL")
    return parser.parse_args()


if __name__ == "__main__":
    main()
