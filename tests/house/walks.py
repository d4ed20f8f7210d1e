"""How many files a run enters on its way to training, and a cell on its way to sampling: counted while they run.

    python tests/house/walks.py        trains two runs of the ci scale in a temporary folder and prints both walks

A file is entered when a function of it is called with the run or the cell: with the resolved spec, or with what it
consists of (its suite, address, judging, recipe, or another run that it rests on).
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

PACKAGE = Path(__file__).parent.parent.parent / "atbench"


def files_entered(action: Callable[[], object], last: str) -> list[str]:
    """Files below atbench/ with a function that was called with a spec before one named ``last`` was called."""
    from atbench.spec.address import Cell, Run
    from atbench.spec.judging import Judging, Linked
    from atbench.spec.recipe import Recipe
    from atbench.spec.run import CellSpec, RunSpec
    from atbench.spec.suite import SuiteSpec

    travellers = (Cell, Run, Judging, Linked, Recipe, CellSpec, RunSpec, SuiteSpec)
    entered: dict[str, None] = {}
    arrived = False

    def watch(frame, event: str, _) -> None:
        nonlocal arrived
        if event != "call" or arrived:
            return
        code = frame.f_code
        arrived = code.co_qualname == last
        if not code.co_filename.startswith(str(PACKAGE)):
            return
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if any(holds(frame.f_locals.get(name), travellers) for name in names):
            entered.setdefault(str(Path(code.co_filename).relative_to(PACKAGE)))

    sys.setprofile(watch)
    try:
        action()
    finally:
        sys.setprofile(None)
    assert arrived, f"{last} was never called"
    return list(entered)


def holds(value: object, travellers: tuple[type, ...]) -> bool:
    """Whether an argument is a spec, or a list of them."""
    return isinstance(value, travellers) or (
        isinstance(value, list | tuple) and any(isinstance(v, travellers) for v in value)
    )


def walks() -> dict[str, list[str]]:
    """Files entered by a run up to its first batch, and by a cell up to its first block of images."""
    from atbench.spec.load import load
    from atbench.tasks.evaluate import evaluate
    from atbench.tasks.reference import reference
    from atbench.tasks.train import train

    benchmark = load("ci")
    suite = benchmark.suite("scratch")
    train(benchmark.extractor_run)
    reference(suite)
    run = suite.run("at", 0)
    to_training = files_entered(lambda: train(run), "Trainer.train_batch")
    to_sampling = files_entered(lambda: evaluate([run.cells[0]]), "Generator.one")
    return {"a run on its way to training": to_training, "a cell on its way to sampling": to_sampling}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for what, files in walks().items():
            print(f"{what}: {len(files)} files: {', '.join(files)}")
