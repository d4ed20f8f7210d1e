"""Mutated experiment files, read as every command reads them first; some of them by `snakemake -n` too.

    python -m faults.experiments --seed 0 --tried 10000 --planned 100

Hypothesis draws an operator of tests/spec/mutations.py and its chance. Each says which files must be refused; what may
be valid may be read as well, but neither may end in a traceback.
"""

import argparse
import pickle
import random
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml as pyyaml
from checkout import Checkout
from faults.chance import drawn
from faults.trials import ACCEPTED, LOST, REFUSED, TRACEBACK, VALID, Ledger, Trial
from hypothesis import strategies as some
from spec import mutations

from atbench.runtime.errors import UserError
from atbench.spec import yaml
from atbench.spec.load import load, workflow
from atbench.workflow.jobs import Jobs

OPERATORS = {operator.__name__: operator for operator in mutations.OPERATORS}
DRAWS = some.tuples(some.sampled_from(sorted(OPERATORS)), some.integers(0, 2**32 - 1))
NAMED = re.compile(r"\S+\.yaml\b|configuration|--config")  # what is wrong is said of a file
Verdict = tuple[str, str]


def read() -> Verdict:
    """What the loader says of the files, and the workflow of its jobs."""
    load.cache_clear()
    try:
        workflow()
        benchmark = load(mutations.SCALE)
        Jobs(benchmark, None).cells(benchmark.suites)
    except UserError as error:
        clear = "\n" not in str(error) and NAMED.search(str(error))
        return (REFUSED, str(error)) if clear else (LOST, f"not one line that names a file: {str(error)!r}")
    except Exception as error:
        return TRACEBACK, f"{type(error).__name__}: {error}"
    return VALID, ""


def planned(checkout: Checkout) -> Verdict:
    """What `snakemake -n` says."""
    said = checkout.run("snakemake", "-n", "--quiet", "all", "--config", f"scale={mutations.SCALE}", expect=None)
    refused = [line for line in said.splitlines() if line.startswith("atbench: ")]
    if "Traceback (most recent call last)" in said or "Exception in" in said:
        return TRACEBACK, said[-300:]
    return (REFUSED, refused[0]) if refused else (VALID, "")


def tried(name: str, chance: int, sound: Path, folder: Path, reading: Callable[[], Verdict]) -> tuple[Verdict, str]:
    """What becomes of the files in ``folder`` with one thing wrong, and what that is. They are as before afterwards."""
    mutation = OPERATORS[name](mutations.read(sound), random.Random(chance))
    try:
        mutations.write(mutation, folder)
        verdict, detail = reading()
    finally:
        shutil.copy(sound / mutation.file, folder / mutation.file)
    if verdict == VALID and mutation.must_be_refused:
        verdict, detail = ACCEPTED, "taken as if nothing were wrong"
    return (verdict, detail), mutation.what


@contextmanager
def parsed_once() -> Iterator[None]:
    """The files that stand unchanged in every trial are parsed once: that is nearly all of the time."""
    parse, known = pyyaml.load, dict[str, bytes]()
    sound = {path.read_text() for path in yaml.EXPERIMENTS.rglob("*.yaml")}

    def load_yaml(text: Any, Loader: Any) -> Any:
        if not isinstance(text, str) or text not in sound:
            return parse(text, Loader=Loader)
        key = f"{Loader.__name__} {text}"
        known[key] = known.get(key) or pickle.dumps(parse(text, Loader=Loader))
        return pickle.loads(known[key])

    with patch.object(pyyaml, "load", load_yaml):
        yield


def main() -> None:
    options = arguments()
    command = f"python -m faults.experiments --seed {options.seed} --tried {options.tried} --planned {options.planned}"
    ledger = Ledger("experiments", command, seed=options.seed)
    sound = yaml.EXPERIMENTS
    with tempfile.TemporaryDirectory(prefix="faults-") as place:
        folder = Path(place, "experiments")
        shutil.copytree(sound, folder)
        with parsed_once(), patch.object(yaml, "EXPERIMENTS", folder):
            for index, draw in enumerate(drawn(DRAWS, options.seed, options.tried)):
                if not ledger.has(f"read {index}"):
                    ledger.add(_trial("file", f"read {index}", *draw, *tried(*draw, sound, folder, read)))
        checkout = Checkout(Path(place, "atbench"))
        for index, draw in enumerate(drawn(DRAWS, options.seed + 1, options.planned)):
            if not ledger.has(f"planned {index}"):
                found = tried(*draw, sound, checkout.folder / "experiments", lambda: planned(checkout))
                ledger.add(_trial("file by snakemake -n", f"planned {index}", *draw, *found))
    print(ledger.summary())


def _trial(how: str, trial: str, name: str, chance: int, found: Verdict, what: str) -> Trial:
    verdict, detail = found
    about = "" if verdict in (REFUSED, VALID) else f"{what} (chance {chance}): {detail}"[:300]
    fault = f"mutated experiment {how}" + ("" if how != "file" else f": {name.replace('_', ' ')}")
    return Trial(fault, trial, verdict, about)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tried", type=int, default=10_000)
    parser.add_argument("--planned", type=int, default=100)
    return parser.parse_args()


if __name__ == "__main__":
    main()
