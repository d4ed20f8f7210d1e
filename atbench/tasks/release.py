"""Release: copy what a finished scale or suite shows into results/released, which git keeps."""

import shutil
from pathlib import Path

from atbench import measures, plan, slices, workload
from atbench.config import Benchmark
from atbench.reading import timing
from atbench.reading.runs import collect_runs
from atbench.reading.tidy import collect
from atbench.report.captions import all_reference_rows
from atbench.report.outputs import OF_SCALE, OF_TARGET, outputs, target_artefacts
from atbench.runtime import provenance
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash, read_cell, read_json, write_json
from atbench.spec.address import RELEASED, ROOT, Cell, Run, is_cell, parse_cell

MANIFEST = "manifest.json"
TIME = "time.json"  # CPU seconds behind the results of each suite, start-up share included


def release(benchmark: Benchmark, suites: list[str]) -> None:
    """Copy the cells, pictures, run records, reference rows, tables and figures of ``suites``, with a manifest.

    Raises UserError when a cell is missing or was made by another configuration: only whole suites are released.
    """
    source, target = Path(ROOT, benchmark.scale), Path(RELEASED, benchmark.scale)
    names = sorted(
        {name for suite in suites for name in suite_files(benchmark, suite)} | set(shared_files(benchmark, suites))
    )
    missing = [name for name in names if not (source / name).exists()]
    if missing:
        raise UserError(f"{source / missing[0]}: missing, and {len(missing) - 1} more; finish the suite first")
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    before = read_json(target / TIME) if (target / TIME).exists() else {}
    write_json(target / TIME, before | cost(benchmark, suites))
    names.append(TIME)
    previous = read_json(target / MANIFEST)["files"] if (target / MANIFEST).exists() else {}
    files = previous | {name: file_hash(target / name) for name in names}
    write_json(
        target / MANIFEST, provenance.commit() | {"scale": benchmark.scale, "files": dict(sorted(files.items()))}
    )
    print(f"{target}: {len(names)} files of {', '.join(suites)}")


def cost(benchmark: Benchmark, suites: list[str]) -> dict[str, dict[str, float]]:
    """What `atbench status --time` prints, for each of ``suites`` and of those that only train what they rest on."""
    root = Path(ROOT, benchmark.scale)
    made_from = [run.suite for run in workload.needed(benchmark, suites) if not benchmark.suite(run.suite)["samplers"]]
    names = list(dict.fromkeys([*made_from, *suites]))
    frame, runs = collect(benchmark, root, names), collect_runs(benchmark, root, names)
    return timing.by_suite(frame, runs, all_reference_rows(benchmark, root))


def suite_files(benchmark: Benchmark, suite: str) -> list[str]:
    """Paths below the scale's folder of all that a suite's report reads and shows. Refuses stale cells."""
    paths = []
    for run in plan.runs(benchmark, suite):
        paths.append(run.path / "config.json")
        paths += [path for cell in plan.cells(benchmark, run) for path in cell_files(benchmark, cell)]
        paths += heldout_files(benchmark, run)
    root = Path(ROOT, benchmark.scale)
    paths.append(plan.rows_path(benchmark, suite))
    if plan.is_latent(benchmark, suite):
        paths.append(plan.reconstruction_path(benchmark, suite))
    names = [str(path.relative_to(root)) for path in paths] + outputs(benchmark, [suite])
    return names + [name for target in OF_TARGET for name in target_files(benchmark, target, suite)]


def cell_files(benchmark: Benchmark, cell: Cell) -> list[Path]:
    """The record and the picture of a cell. Refuses one that another configuration made."""
    if cell.path.exists() and read_cell(cell.path)["config"] != slices.digests(benchmark, cell):
        raise UserError(f"{cell}: made by another configuration; evaluate it again before releasing")
    return [cell.path, cell.path.with_suffix(".png")]


def heldout_files(benchmark: Benchmark, run: Run) -> list[Path]:
    """What was measured of a run on held-out images, if it was. Refuses what another configuration made."""
    path = plan.heldout_path(run)
    if not path.exists():
        return []
    made_by = {"training": slices.training_digest(benchmark, run), "heldout": slices.heldout_digest(benchmark, run)}
    if read_json(path)["config"] != made_by:
        raise UserError(f"{path}: made by another configuration; measure it again before releasing")
    return [path]


def target_files(benchmark: Benchmark, target: str, suite: str) -> list[str]:
    """What a target of its own measured of a suite, with its table and figures, once every run has been measured."""
    measured = [p for run in plan.runs(benchmark, suite) for p in measures.target_files(benchmark, target, run)]
    if not all(path.exists() for path in measured):
        return []
    whole = [cell_files(benchmark, parse_cell(path)) if is_cell(str(path)) else [path] for path in measured]
    names = [str(path.relative_to(Path(ROOT, benchmark.scale))) for paths in whole for path in paths]
    return names + [path for made in target_artefacts(benchmark, target, [suite]) for path in made.paths]


def shared_files(benchmark: Benchmark, suites: list[str]) -> list[str]:
    """Files beside those of single suites: records of the runs they rest on, tuning searches, the scale's measures."""
    root = Path(ROOT, benchmark.scale)
    paths = sorted(root.glob("tuning/*.json"))
    paths += [run.path / "config.json" for run in plan.foundations(benchmark, suites)]
    return [str(path.relative_to(root)) for path in paths] + scale_files(root)


def scale_files(root: Path) -> list[str]:
    """What targets of their own have measured at the scale, with the tables and figures of it."""
    done = {f"{kind}.json": made for kind, made in OF_SCALE.items() if (root / f"{kind}.json").exists()}
    return [*done, *(path for made in done.values() for path in made.paths)]
