"""Mutated records, read as every report reads them: each change of content must be refused in a line that names it.

    python -m faults.records --seed 0 --tried 10000

Hypothesis draws a record of a released scale, an operator (`faults.record_mutations`) and its chance. A batch of them
is put into a tree of local records; each is read, then the suite's status and all of its tables and figures are made.
The scales take turns: together they have every kind of record.
"""

import argparse
import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from checkout import REPOSITORY
from faults import record_mutations as mutations
from faults.chance import drawn
from faults.trials import ACCEPTED, BAD, LOST, REFUSED, TRACEBACK, VALID, Ledger, Trial
from hypothesis import strategies as some

from atbench.reading import packs, tidy
from atbench.reading.tree import MANIFEST, Tree, of_its_time
from atbench.report.build import build
from atbench.report.outputs import artefacts
from atbench.report.show import show
from atbench.report.status import status
from atbench.runtime.errors import UserError
from atbench.spec.address import is_cell, parse_cell
from atbench.spec.load import load
from atbench.spec.probes import probes, probes_of_runs, probes_of_scales
from atbench.spec.records import ReconstructionForm, RowsForm, RunForm, TimeForm
from atbench.spec.searches import SamplerTuningForm, TuningForm

SCALES, BATCH, RARE = ("laptop-1", "laptop", "fashion"), 50, 4
# Kinds of the scale, in every suite's batches.
BESIDE = {"time", "tuning", "samplers", "cost", "mixture", "noise", "recognition", "rows", "reconstruction"}
OF_CELLS = {"another cell": None, "sealed anew": mutations.sealed_anew}
FORMS = {name: probe.form for name, probe in probes().items()} | {
    "run": RunForm,
    "rows": RowsForm,
    "reconstruction": ReconstructionForm,
    "tuning": TuningForm,
    "samplers": SamplerTuningForm,
    "time": TimeForm,
}
Verdict = tuple[str, str]


@dataclass(frozen=True)
class Mutant:
    """A record that something was done to."""

    path: str  # below the scale's folder
    operator: str
    number: int  # of the chance

    @property
    def kind(self) -> str:
        return kind_of(self.path)


class World:
    """A tree of local records, sealed as jobs seal them, made from a released scale in the current folder."""

    def __init__(self, scale: str):
        released = REPOSITORY / "results/released" / scale
        self.benchmark, self.root = of_its_time(load(scale), released), Path("results", scale)
        self.sound: dict[str, mutations.Record] = {}
        for file in sorted(path for path in released.rglob("*") if path.is_file()):
            name = file.relative_to(released).as_posix()
            if file.suffix == ".jsonl":
                suite = file.parent.name
                self.sound |= {f"{suite}/{path}": record for path, record in packs.read_whole(file).items()}
            elif file.suffix == ".json" and name != MANIFEST:  # which a released tree alone has
                self.sound[name] = json.loads(file.read_text())
            elif "/sheets/" in name:
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, self.root / name)
        self.sound = {path: mutations.sealed(record) for path, record in self.sound.items()}
        for path in self.sound:
            self.put(path)
        refused = [path for path in self.sound if read(self, path)[0] != VALID]
        assert not refused, f"sound records are refused: {refused[:5]}"
        done = [suite for suite in self.suites if "done" in {*tidy.collect(self.benchmark, self.root, [suite]).status}]
        assert done == self.suites, "cells that count for nothing could not be believed wrongly"

    @cached_property
    def suites(self) -> list[str]:
        """Those with cells."""
        return sorted({path.split("/")[0] for path in self.sound if kind_of(path) == "cell"})

    def of_suite(self, suite: str) -> list[str]:
        """What a report of a suite may read; what is rare stands there several times, to be drawn as often."""
        found = [path for path in self.sound if path.startswith(f"{suite}/") or kind_of(path) in BESIDE]
        return found + [path for path in found if kind_of(path) != "cell"] * RARE

    def put(self, path: str, mutant: Mutant | None = None) -> bool:
        """Write the sound record, or a mutant of it; whether that must be refused."""
        content, must = self.sound[path], False
        if mutant:
            content, must = self._operator(mutant)(content, random.Random(mutant.number))
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8")
        return must

    def _operator(self, mutant: Mutant) -> mutations.Operator:
        if mutant.operator == "another cell":
            return mutations.of_another([self.sound[path] for path in self.sound if kind_of(path) == "cell"])
        return (mutations.OPERATORS | OF_CELLS)[mutant.operator]

    def mutants(self) -> some.SearchStrategy[tuple[str, list[Mutant]]]:
        """A suite, and a batch of mutants among what its report reads."""

        def of(suite: str) -> some.SearchStrategy:
            mutant = some.sampled_from(self.of_suite(suite)).flatmap(
                lambda path: some.builds(
                    Mutant,
                    some.just(path),
                    some.sampled_from([*mutations.OPERATORS, *(OF_CELLS if kind_of(path) == "cell" else ())]),
                    some.integers(0, 2**32 - 1),
                )
            )
            batch = some.lists(mutant, min_size=BATCH, max_size=BATCH, unique_by=lambda mutant: mutant.path)
            return some.tuples(some.just(suite), batch)

        return some.sampled_from([suite for suite in self.suites if len(self.of_suite(suite)) > 2 * BATCH]).flatmap(of)


def kind_of(path: str) -> str:
    """What a record is about, by its name."""
    if is_cell(f"results/{SCALES[0]}/{path}"):
        return "cell"
    stem = Path(path).stem
    of_path = (kind for kind in ("rows", "reconstruction", "samplers", "tuning") if kind in path)
    return next(of_path, {"config": "run"}.get(stem, stem))


def read(world: World, path: str) -> Verdict:
    """What the reading layer says of a record."""
    file, tree = world.root / path, Tree(world.root)
    try:
        if kind_of(path) == "cell":
            tree.cell(parse_cell(file))
            str(show(file, over_seeds=False))
        else:
            tree.read(file, FORMS[kind_of(path)])
    except UserError as error:
        named = Path(path).name in str(error) and "\n" not in str(error)
        return (REFUSED, str(error)) if named else (LOST, f"not one line that names it: {str(error)!r}"[:300])
    except Exception as error:
        return TRACEBACK, f"reading: {type(error).__name__}: {error}"[:300]
    return VALID, ""


def tried(world: World, suite: str, mutants: list[Mutant], figures: bool) -> dict[Mutant, Verdict]:
    """What becomes of a batch of mutants, one by one and in a report."""
    must = {mutant: world.put(mutant.path, mutant) for mutant in mutants}
    found = {mutant: read(world, mutant.path) for mutant in mutants}
    for mutant, (verdict, _) in found.items():
        if verdict == VALID and must[mutant]:
            found[mutant] = ACCEPTED, "taken as if nothing had been changed"
    for mutant in [mutant for mutant, (verdict, _) in found.items() if verdict != REFUSED]:
        world.put(mutant.path)  # known: what the report makes of the others is asked now
    refused = [mutant for mutant, (verdict, _) in found.items() if verdict == REFUSED]
    while refused and reported(world, suite, figures):
        culprit, how = _culprit(world, suite, figures, refused)
        found[culprit] = how
        refused.remove(culprit)
        world.put(culprit.path)
    found |= _drawn(world, suite, refused)
    for mutant in mutants:
        world.put(mutant.path)
    return found


def reported(world: World, suite: str, figures: bool) -> Verdict | None:
    """What ends a report, None where nothing does."""
    try:
        status(world.benchmark, world.root, [suite], time=True)
        build(world.benchmark, world.root, [suite], only=pages(world, suite, figures))
    except UserError as error:
        return LOST, f"the report ends: {error}"[:300]
    except Exception as error:
        return TRACEBACK, f"report: {type(error).__name__}: {error}"[:300]
    return None


def pages(world: World, suite: str, figures: bool) -> list[str]:
    """A path of every table, and figure, that shows a suite."""
    made = artefacts(world.benchmark, [suite])
    for probe in probes_of_runs().values():
        made += probe.artefacts(suite) if suite in probe.suites(world.benchmark) else []
    for probe in probes_of_scales().values():
        made += probe.artefacts()
    return [each.paths[0] for each in made if figures or each.stem.startswith("tables/")]


def _culprit(world: World, suite: str, figures: bool, refused: list[Mutant]) -> tuple[Mutant, Verdict]:
    """One mutant that ends the report, by halves, and how it does so alone. All stand as they stood afterwards."""
    suspects = refused
    for mutant in refused:
        world.put(mutant.path)
    while len(suspects) > 1:
        half = suspects[: len(suspects) // 2]
        for mutant in half:
            world.put(mutant.path, mutant)
        suspects = half if reported(world, suite, figures) else suspects[len(half) :]
        for mutant in half:
            world.put(mutant.path)
    world.put(suspects[0].path, suspects[0])
    alone = reported(world, suite, figures) or (LOST, "the report ends, with others of its batch alone")
    for mutant in refused:
        world.put(mutant.path, mutant)
    return suspects[0], alone


def _drawn(world: World, suite: str, refused: list[Mutant]) -> dict[Mutant, Verdict]:
    """A refused cell must be to do again, and every table must be as if no refused record were there at all."""
    frame = tidy.collect(world.benchmark, world.root, [suite])
    counted = frame[frame.status == "done"]
    done = {f"{r.suite}/{r.method}/seed{r.seed}/{r.step}/{r.sampler}-nfe{r.nfe}.json" for r in counted.itertuples()}
    found = {m: (ACCEPTED, "counts as done") for m in refused if m.path in done}
    tables = _tables(world)
    for mutant in refused:
        (world.root / mutant.path).unlink()
    build(world.benchmark, world.root, [suite], only=pages(world, suite, figures=False))
    differing = [name for name, rows in _tables(world).items() if tables[name] != rows]
    return found | ({refused[0]: (ACCEPTED, f"drawn, it or another of its batch: {differing}")} if differing else {})


def _tables(world: World) -> dict[str, list[str]]:
    """The rows of every table. The words above them may count what is refused, and name it."""
    files = sorted((world.root / "tables").glob("*.md"))
    return {file.name: [line for line in file.read_text().splitlines() if line.startswith("|")] for file in files}


@contextmanager
def world_in_passing(scale: str) -> Iterator[World]:
    """A world in a temporary folder, which is the current one meanwhile."""
    place = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        os.chdir(folder)
        try:
            yield World(scale)
        finally:
            os.chdir(place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tried", type=int, default=10_000)
    options = parser.parse_args()
    command = f"python -m faults.records --seed {options.seed} --tried {options.tried}"
    ledger = Ledger("records", command, seed=options.seed)
    for scale in SCALES:
        with world_in_passing(scale) as world:
            _try_all(world, scale, ledger, drawn(world.mutants(), options.seed, options.tried // BATCH // len(SCALES)))
    print(ledger.summary())


def _try_all(world: World, scale: str, ledger: Ledger, batches: list[tuple[str, list[Mutant]]]) -> None:
    """Add what becomes of the batches that the ledger does not have yet."""
    for index, (suite, mutants) in enumerate(batches):
        if ledger.has(f"{scale}.{index}.0"):
            continue
        found = tried(world, suite, mutants, figures=index % 5 == 0)
        names = [f"{scale}.{index}.{place}" for place in range(len(mutants))]
        ledger.add(*(_trial(name, mutant, *found[mutant]) for name, mutant in zip(names, mutants, strict=True)))
        bad = sum(verdict in BAD for verdict, _ in found.values())
        print(f"batch {index} of {suite} at {scale}: {bad} bad of {len(mutants)}", flush=True)


def _trial(name: str, mutant: Mutant, verdict: str, detail: str) -> Trial:
    about = f"{mutant.operator} of {mutant.path}, chance {mutant.number}"
    return Trial(
        f"mutated record: {mutant.operator}", name, verdict, "" if verdict == REFUSED else f"{about}: {detail}"
    )


if __name__ == "__main__":
    main()
