"""What came of each trial, kept line by line, so that an interrupted run of the harness goes on where it was."""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from checkout import REPOSITORY

FOLDER = REPOSITORY / "build/faults"
SOURCES = ("atbench", "experiments", "Snakefile", "tests/faults", "tests/spec/mutations.py")

SURVIVED = "survived"  # the same command came to the same end
REFUSED = "refused"  # in a line that names the file
VALID = "valid"  # what may be valid was taken: neither a fault nor a merit
LOST = "lost"  # results that were sound are gone, the report ended, or the command cannot continue
ACCEPTED = "wrongly accepted"
TRACEBACK = "traceback"
SKIPPED = "skipped"  # the machine cannot do this; the detail says why
BAD = (LOST, ACCEPTED, TRACEBACK)


@dataclass(frozen=True)
class Trial:
    """One fault and what came of it."""

    fault: str  # row of the table
    name: str  # unique within its part; seed included, so that it can be done again
    verdict: str
    detail: str = ""
    seconds: float = 0.0


class Ledger:
    """The trials of a part of the harness: those of the same sources and settings are kept, others thrown away."""

    def __init__(self, part: str, command: str, **settings: object):
        self.file = FOLDER / f"{part}.jsonl"
        self.trials: dict[str, Trial] = {}
        self._since = time.monotonic()
        started = {"part": part, "command": command, "settings": settings, "sources": _sources()}
        if self.file.exists() and self.file.read_text().startswith(json.dumps(started) + "\n"):
            self.trials = {trial.name: trial for trial in read(self.file)}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps(started) + "\n")  # written anew: the last line may have been cut off
        self._write(list(self.trials.values()))

    def has(self, name: str) -> bool:
        """Whether a trial was made before."""
        return name in self.trials

    def add(self, *trials: Trial) -> None:
        """Keep trials, all of them or, if the harness is killed now, none. The time since the last ones was theirs."""
        seconds, self._since = time.monotonic() - self._since, time.monotonic()
        self._write([replace(trial, seconds=round(seconds / len(trials), 3)) for trial in trials])

    def _write(self, trials: list[Trial]) -> None:
        with open(self.file, "a") as file:
            file.write("".join(json.dumps(asdict(trial)) + "\n" for trial in trials))
        self.trials |= {trial.name: trial for trial in trials}

    def summary(self) -> str:
        """How many trials came to what, and the first of each bad end of each fault."""
        found = list(self.trials.values())
        counts = {verdict: sum(trial.verdict == verdict for trial in found) for verdict in {t.verdict for t in found}}
        first = {(t.fault, t.verdict): t for t in reversed(found) if t.verdict in (*BAD, SKIPPED)}
        lines = [f"  {trial.verdict}: {trial.fault}: {trial.name}: {trial.detail[:300]}" for trial in first.values()]
        return "\n".join([f"{self.file.stem}: {len(found)} trials, {counts}", *lines])


def head(file: Path) -> dict[str, Any]:
    """What a part was: its command, its settings, the sources that it tried."""
    return dict(json.loads(file.read_text().split("\n", 1)[0]))


def read(file: Path) -> Iterator[Trial]:
    """The trials of a part. A line cut off by a kill of the harness is made again."""
    for line in file.read_text().splitlines()[1:]:
        try:
            yield Trial(**json.loads(line))
        except ValueError:
            return


def _sources() -> str:
    """Hash of the code under trial and of the harness."""
    found = hashlib.sha256()
    for name in SOURCES:
        path = REPOSITORY / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix != ".pyc":
                found.update(file.read_bytes())
    return found.hexdigest()[:16]
