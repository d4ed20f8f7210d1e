"""What a benchmark consists of: runs, snapshots, cells, and the configuration slice with its digest for each.

A slice holds exactly what can change its result; the digest of a run contains those of the runs it builds on, so a
change anywhere upstream shows. No torch here: the Snakefile imports this module.
"""

from dataclasses import replace
from pathlib import Path

from atbench.cells import FINAL, ROOT, Cell, Run, step_name
from atbench.config import TUNE_PREFIX, TUNED, Benchmark, load, merge, unknown
from atbench.errors import UserError
from atbench.records import digest


def runs(benchmark: Benchmark, suite: str, seeds: list[int] | None = None) -> list[Run]:
    """Every training run of a suite; ``seeds`` overrides the scale's."""
    declared = benchmark.suite(suite)
    chosen = declared["size"]["seeds"] if seeds is None else seeds
    return [Run(benchmark.scale, suite, method, seed) for method in declared["methods"] for seed in chosen]


def tuning_runs(benchmark: Benchmark, suite: str) -> list[Run]:
    """Every candidate run of the tuning search for ``suite``."""
    grids = search(benchmark, suite)
    candidates = [f"{m}-c{i}" for m, grid in grids.items() for i in range(len(next(iter(grid.values()))))]
    return [Run(benchmark.scale, TUNE_PREFIX + suite, name, benchmark.tuning["seed"]) for name in candidates]


def search(benchmark: Benchmark, suite: str) -> dict[str, dict[str, list[float]]]:
    """Method -> {constant: candidate values} of the tuning search for ``suite``."""
    grids, suite = benchmark.tuning["search"], suite.removeprefix(TUNE_PREFIX)
    if suite not in grids:
        raise unknown("tuning search", suite, grids)
    return grids[suite]


def snapshots(benchmark: Benchmark, run: Run) -> dict[str, int]:
    """Step name -> batches trained so far, in order; the last one is ``final``."""
    suite, method, _ = _resolved(benchmark, run)
    size, start = suite["size"], 0
    total = size["batches"] * method.get("budget", 1)
    if "continues" in method:
        start = size["batches"] * benchmark.methods[method["continues"]].get("budget", 1)
    count = size["snapshots"]
    if count > total - start:
        raise UserError(f"scale {benchmark.scale}: suites.{run.suite}.snapshots: {count} of {total - start} batches")
    batches = [start + (total - start) * i // count for i in range(1, count)]
    return {step_name(b): b for b in batches} | {FINAL: total}


def cells(benchmark: Benchmark, run: Run) -> list[Cell]:
    """The declared cells of a run: the sampler x NFE grid of its last step and the cells of its convergence curve."""
    suite, _, _ = _resolved(benchmark, run)
    if is_tuning(run):
        axes = benchmark.tuning["cells"]
        return [Cell(run, FINAL, sampler, nfe) for sampler in axes["samplers"] for nfe in axes["nfe"]]
    grid = [Cell(run, FINAL, sampler, nfe) for sampler in suite["samplers"] for nfe in benchmark.sizes["nfe"]]
    return grid + [cell for cell in curve_cells(benchmark, run) if cell not in grid]


def curve_cells(benchmark: Benchmark, run: Run) -> list[Cell]:
    """The cells of a run's convergence curve, its last step included."""
    curves = benchmark.suite(run.suite).get("curves")
    if curves is None:
        return []
    nfe = min(benchmark.sizes["nfe"], key=lambda n: abs(n - curves["nfe"]))  # small scales lack the large NFE
    return [Cell(run, step, sampler, nfe) for step in snapshots(benchmark, run) for sampler in curves["samplers"]]


def training_slice(benchmark: Benchmark, run: Run) -> dict:
    """All that determines a run's weights. Raises UserError for an unknown suite, method or candidate."""
    suite, method, overrides = _resolved(benchmark, run)
    size = suite["size"]
    name = run.suite.removeprefix(TUNE_PREFIX)
    training = merge(benchmark.sizes["training"], size.get("training", {}))
    tuned = benchmark.sizes["tuned"].get(name, {})
    base_method = _base_method(run)
    constants = tuned.get("adm", {}) | tuned.get(base_method, {}) | overrides
    return {
        "objective": method["objective"],
        "network": size.get("model", benchmark.sizes["model"]),
        "data": data_of(benchmark, run.suite),
        "conditional": suite["conditional"],
        "perturbation": _filled(method["perturbation"], constants, f"tuned.{name}.{base_method}"),
        "learning_rate": _filled({"learning_rate": TUNED}, constants, f"tuned.{name}.{base_method}")["learning_rate"],
        **training,
        "snapshots": snapshots(benchmark, run),
        # Names behind every random draw of training: methods of one suite and seed see the same batches and noise.
        "seed_names": [name, run.seed],
        **{link: _reference(benchmark, parent) for link, parent in parents(benchmark, run).items()},
    }


def evaluation_slice(benchmark: Benchmark, cell: Cell) -> dict:
    """All that determines a cell beyond the weights of its run."""
    if cell.sampler not in benchmark.samplers:
        raise unknown("sampler", cell.sampler, benchmark.samplers)
    sampler = {key: value for key, value in benchmark.samplers[cell.sampler].items() if key != "label"}
    return {"sampler": sampler, "nfe": cell.nfe, **judging_slice(benchmark, cell.run)}


def judging_slice(benchmark: Benchmark, run: Run) -> dict:
    """What all cells of a run share beyond its weights: images to compare with, counts, seeds and extractor."""
    _resolved(benchmark, run)  # refuses names that no file declares
    return {
        **suite_judging(benchmark, run.suite),
        # Names behind latents, labels and step noise: the same for every method and NFE.
        "seed_names": [run.suite.removeprefix(TUNE_PREFIX), run.seed],
    }


def digests(benchmark: Benchmark, cell: Cell) -> dict[str, str]:
    """The ``config`` block of a current cell."""
    return {"training": training_digest(benchmark, cell.run), "evaluation": evaluation_digest(benchmark, cell)}


def suite_judging(benchmark: Benchmark, suite: str) -> dict:
    """The part of judging that a suite shares: data, counts, metric options and the extractor."""
    return {
        "data": data_of(benchmark, suite),
        **benchmark.sizes["evaluation"],
        "extractor": _extractor(benchmark),
    }


def data_of(benchmark: Benchmark, suite: str) -> dict:
    """The images that a suite trains on and is judged by: its own at this scale, or the scale's."""
    return benchmark.suite(suite.removeprefix(TUNE_PREFIX))["size"].get("data", benchmark.sizes["data"])


def training_digest(benchmark: Benchmark, run: Run) -> str:
    return digest(training_slice(benchmark, run))


def evaluation_digest(benchmark: Benchmark, cell: Cell) -> str:
    return digest(evaluation_slice(benchmark, cell))


def extractor_run(benchmark: Benchmark) -> Run | None:
    """The run that trains the scale's feature extractor; None for a pretrained one, whose weights are a file."""
    name = benchmark.sizes["extractor"]
    return Run(benchmark.scale, "extractor", name, 0) if name in benchmark.methods else None


def parents(benchmark: Benchmark, run: Run) -> dict[str, Run]:
    """The run that this one starts from: under ``continues`` (its full state) or ``init`` (its weights); or nothing."""
    suite, method, _ = _resolved(benchmark, run)
    if "continues" in method:
        return {"continues": replace(run, method=method["continues"])}
    init = suite["size"].get("init", suite["init"])  # a scale may start from another run than the suite's own
    if init == "scratch":
        return {}
    init_suite, init_method = init.split("/")
    return {"init": Run(run.scale, init_suite, init_method, run.seed, run.root)}


def references(benchmark: Benchmark) -> dict[Path, str]:
    """Reference file -> a suite that is judged by it. Raises UserError for two data sets of one name."""
    found: dict[Path, str] = {}
    for suite in (name for name in benchmark.sizes["suites"] if benchmark.suite(name)["samplers"]):
        other = found.setdefault(reference_path(benchmark, suite), suite)
        if data_of(benchmark, suite) != data_of(benchmark, other):
            scale = benchmark.scale
            raise UserError(f"scale {scale}: suites.{suite}.data: not the data set of {other}, but of the same name")
    return found


def reference_path(benchmark: Benchmark, suite: str) -> Path:
    """Features of the real images that a suite is judged by."""
    name = f"{data_of(benchmark, suite)['name']}-{benchmark.sizes['extractor']}"
    return Path(ROOT, benchmark.scale, "reference", f"{name}.npz")


def rows_path(benchmark: Benchmark, suite: str) -> Path:
    """Scores of the floor, held-out and ceiling rows that belong to a suite."""
    path = reference_path(benchmark, suite)
    return path.with_name(f"{path.stem}-rows.json")


def of_run(run: Run) -> Benchmark:
    """The benchmark that a run belongs to, read from its address."""
    return load(run.scale)


def is_tuning(run: Run) -> bool:
    return run.suite.startswith(TUNE_PREFIX)


def _reference(benchmark: Benchmark, run: Run) -> dict:
    """How a slice names another run: by address within the scale and by digest, so that digests chain."""
    return {"run": f"{run.suite}/{run.method}/seed{run.seed}", "digest": training_digest(benchmark, run)}


def _extractor(benchmark: Benchmark) -> dict:
    run = extractor_run(benchmark)
    return {"pretrained": benchmark.sizes["extractor"]} if run is None else _reference(benchmark, run)


def _base_method(run: Run) -> str:
    """The declared method behind a run: ``at`` for the tuning candidate ``at-c2``."""
    return run.method.rpartition("-c")[0] if is_tuning(run) else run.method


def _resolved(benchmark: Benchmark, run: Run) -> tuple[dict, dict, dict]:
    """The suite, the method and the candidate's overrides (empty outside tuning) of a run."""
    suite = benchmark.suite(run.suite.removeprefix(TUNE_PREFIX))
    name = _base_method(run)
    if name not in benchmark.methods:
        raise unknown("method", run.method, benchmark.methods)
    return suite, benchmark.methods[name], _candidate(benchmark, run) if is_tuning(run) else {}


def _candidate(benchmark: Benchmark, run: Run) -> dict:
    name, _, index = run.method.rpartition("-c")
    grid = search(benchmark, run.suite).get(name, {})
    values = {key: dict(enumerate(v)).get(int(index)) if index.isdigit() else None for key, v in grid.items()}
    if not values or None in values.values():
        raise unknown("tuning candidate", run.method, [r.method for r in tuning_runs(benchmark, run.suite)])
    return values


def _filled(block: dict, constants: dict, where: str) -> dict:
    """``block`` with every value ``tuned`` replaced by the constant of that name."""
    missing = [key for key, value in block.items() if value == TUNED and key not in constants]
    if missing:
        raise UserError(f"the scale's {where} lacks {', '.join(missing)}")
    return {key: constants[key] if value == TUNED else value for key, value in block.items()}
