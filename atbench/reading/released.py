"""Weights that are released with a scale: those of a run are found where all of them fit the manifest."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from atbench.reading.tree import MANIFEST, Tree
from atbench.runtime.errors import UserError
from atbench.runtime.files import digest
from atbench.runtime.records import Record
from atbench.spec.address import RELEASED, ROOT, Run, is_run, parse_run
from atbench.spec.judging import Linked
from atbench.spec.records import RunForm
from atbench.spec.run import RunSpec


@dataclass(frozen=True)
class ReleasedRun:
    """A run whose weights are released."""

    record: Record  # its config.json
    weights: dict[str, Path]  # their names below the folder of a run -> the released files

    @property
    def key(self) -> str:
        """All that taking it writes."""
        return digest([self.record["digest"], {name: self.record["files"][name] for name in self.weights}])


def released_run(run: RunSpec | Linked) -> ReleasedRun | None:
    """The released weights of a run in its present configuration; None where there are none.

    Raises UserError naming a file that the manifest does not list, or lists with another content, and one that the
    run's record tells otherwise.
    """
    tree, address = Tree(Path(RELEASED, run.address.scale)), run.address
    folder = tree.folder(address)
    if address.root != ROOT or not Path(folder, address.weights_folder.name).is_dir():
        return None
    path = folder / address.record.name
    source = tree.source(path)
    if source is None:
        raise UserError(f"{path}: missing beside its weights")
    _check_listed(tree, source)
    record = tree.read(path, RunForm)
    assert record is not None
    if record["digest"] != run.digest:
        return None
    steps = record["slice"].get("snapshots")
    if not isinstance(steps, dict) or not steps:
        raise UserError(f"{path}: slice.snapshots: names no weights")
    names = [f"{address.weights_folder.name}/{address.weights(step).name}" for step in steps]
    for name in names:
        _check_listed(tree, folder / name)
        if record["files"].get(name, {}).get("sha256") != tree.listed(folder / name):
            raise UserError(f"{folder / name}: not the file that the record of its run tells of")
    return ReleasedRun(record, {name: folder / name for name in names})


def runs_with_weights(scale: str) -> Iterator[Run]:
    """The runs of a scale beside whose released records weights lie, whatever they are."""
    for folder in sorted(Path(RELEASED, scale).glob("*/*/seed*/weights")):
        below = folder.parent.relative_to(RELEASED)
        if is_run(f"{ROOT}/{below}"):
            yield parse_run(f"{ROOT}/{below}")


def _check_listed(tree: Tree, file: Path) -> None:
    if not tree.check_listed(file):
        raise UserError(f"{file}: {MANIFEST} does not list it")
