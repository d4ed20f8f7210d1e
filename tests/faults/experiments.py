"""Mutated experiment files, read as every command reads them first; some of them by `snakemake -n` too.

    python -m faults.experiments --seed 0 --tried 10000 --planned 100

The operators stand in tests/spec/mutations.py. Each takes the experiment files as a mapping, path below experiments/ ->
content, with a source of chance, and gives the files with one thing wrong, and whether that *must* be refused.
"""

import argparse
import importlib
import pickle
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml as pyyaml
from checkout import REPOSITORY, Checkout
from faults.chance import drawn
from faults.trials import ACCEPTED, LOST, REFUSED, SKIPPED, TRACEBACK, VALID, Ledger, Trial
from hypothesis import strategies as some

from atbench.runtime.errors import UserError
from atbench.spec import yaml
from atbench.spec.jobs import Jobs
from atbench.spec.load import load

Operator = Callable[[dict[str, Any], random.Random], tuple[dict[str, Any], bool]]
SCALES = ("ci", "paper")  # that see a file which is no scale's own


@cache
def files() -> dict[str, Any]:
    """Path below experiments/ -> content."""
    found = [path for path in sorted(yaml.EXPERIMENTS.rglob("*.yaml")) if "profiles" not in path.parts]
    return {path.relative_to(yaml.EXPERIMENTS).as_posix(): yaml.read_yaml(path) for path in found}


def operators() -> dict[str, Operator]:
    """The operators by name; none where the project has none."""
    try:
        return dict(importlib.import_module("spec.mutations").OPERATORS)
    except ModuleNotFoundError:
        return {}


def spoilt(operator: Operator, number: int, folder: Path) -> tuple[list[str], bool]:
    """Write the experiment files with one thing wrong below ``folder``: what changed, and whether it must be refused.

    A content may be the text, or the bytes, of a file.
    """
    sound = files()
    tree, must = operator(deepcopy(sound), random.Random(number))
    changed = [name for name in {*tree, *sound} if tree.get(name) != sound.get(name) or name not in tree]
    shutil.copytree(yaml.EXPERIMENTS, folder, dirs_exist_ok=True)
    for name in changed:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name in tree:
            text = tree[name] if isinstance(tree[name], str | bytes) else pyyaml.safe_dump(tree[name], sort_keys=False)
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        else:
            (folder / name).unlink()
    return changed, must


def loaded(folder: Path, changed: list[str], must: bool) -> tuple[str, str]:
    """What reading the files says, at the scales that see what changed."""
    own = [Path(name).stem for name in changed if name.startswith("scales/")]
    said: list[str] = []
    with patch.object(yaml, "EXPERIMENTS", folder):
        for scale in own or SCALES:
            load.cache_clear()
            try:
                benchmark = load(scale)
                Jobs(benchmark, None).cells(benchmark.suites)
            except UserError as error:
                said.append(str(error))
            except Exception as error:
                return TRACEBACK, f"{scale}: {type(error).__name__}: {error}"[:300]
    load.cache_clear()
    unclear = [line for line in said if "\n" in line]
    if unclear:
        return LOST, f"not one line: {unclear[0]!r}"[:300]
    return (REFUSED, said[0]) if said else (ACCEPTED, "read as if nothing were wrong") if must else (VALID, "")


@contextmanager
def parsed_once() -> Iterator[None]:
    """Files that stand unchanged in every tree are parsed once: that is nearly all of the time."""
    parse, known = pyyaml.load, {}

    def load_yaml(text: str, Loader: Any) -> Any:
        if text not in known:
            value = pickle.dumps(parse(text, Loader=Loader))
            if text not in sound:
                return pickle.loads(value)
            known[text] = value
        return pickle.loads(known[text])

    sound = {path.read_text() for path in yaml.EXPERIMENTS.rglob("*.yaml")}
    with patch.object(pyyaml, "load", load_yaml):
        yield


def planned(checkout: Checkout, changed: list[str], must: bool) -> tuple[str, str]:
    """What `snakemake -n` says."""
    scale = next((Path(name).stem for name in changed if name.startswith("scales/")), SCALES[0])
    said = checkout.run("snakemake", "-n", "--quiet", "all", "--config", f"scale={scale}", expect=None)
    refused = [line for line in said.splitlines() if line.startswith("atbench: ")]
    if "Traceback (most recent call last)" in said or "Exception in" in said:
        return TRACEBACK, said[-300:]
    return (REFUSED, refused[0]) if refused else (ACCEPTED, "planned") if must else (VALID, "")


def draws(known: dict[str, Operator], number: int, count: int) -> list[tuple[str, int]]:
    """Operators, each with the number of its chance."""
    return drawn(some.tuples(some.sampled_from(sorted(known)), some.integers(0, 2**32 - 1)), number, count)


def main() -> None:
    options, known = arguments(), operators()
    command = f"python -m faults.experiments --seed {options.seed} --tried {options.tried} --planned {options.planned}"
    ledger = Ledger("experiments", command, seed=options.seed)
    if not known:
        ledger.add(Trial("mutated experiment file", "all", SKIPPED, "tests/spec/mutations.py: there is none"))
    else:
        _read(known, options, ledger)
        _plan(known, options, ledger)
    print(ledger.summary())


def _read(known: dict[str, Operator], options: argparse.Namespace, ledger: Ledger) -> None:
    for index, (name, chance) in enumerate(draws(known, options.seed, options.tried)):
        if not ledger.has(f"read {index}"):
            with tempfile.TemporaryDirectory(prefix="faults-") as folder, parsed_once():
                verdict = loaded(Path(folder), *spoilt(known[name], chance, Path(folder)))
            _keep(ledger, "experiment file", f"read {index}", name, chance, *verdict)


def _plan(known: dict[str, Operator], options: argparse.Namespace, ledger: Ledger) -> None:
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        checkout = Checkout(Path(folder, "atbench"))
        for index, (name, chance) in enumerate(draws(known, options.seed + 1, options.planned)):
            if not ledger.has(f"planned {index}"):
                shutil.rmtree(checkout.folder / "experiments")
                shutil.copytree(REPOSITORY / "experiments", checkout.folder / "experiments")
                verdict = planned(checkout, *spoilt(known[name], chance, checkout.folder / "experiments"))
                _keep(ledger, "experiment file by snakemake -n", f"planned {index}", name, chance, *verdict)


def _keep(ledger: Ledger, fault: str, trial: str, operator: str, chance: int, verdict: str, detail: str) -> None:
    about = "" if verdict in (REFUSED, VALID) else f"{operator}, chance {chance}: {detail}"
    ledger.add(Trial(f"mutated {fault}: {operator}", trial, verdict, about))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tried", type=int, default=10_000)
    parser.add_argument("--planned", type=int, default=100)
    return parser.parse_args()


if __name__ == "__main__":
    main()
