"""What a benchmark consists of: runs, snapshots, cells and reference files. No torch: the Snakefile imports this."""

from dataclasses import replace
from pathlib import Path

from atbench import budget, search
from atbench.config import IMPORTED, PRETRAINED, ROLES, TUNE_PREFIX, Benchmark, load
from atbench.overlay import merge
from atbench.runtime.errors import UserError, unknown
from atbench.spec.address import FINAL, ROOT, Cell, Run, step_name

CONSISTENCY = "consistency"  # the objective of consistency models, and the kind of their sampler
INHERITED = "inherited"  # the objective of the run under `init`
SAMPLED = {
    CONSISTENCY: CONSISTENCY,
    "heun": "denoising",
}  # kind of sampler -> objective; the others sample eps-networks


def runs(benchmark: Benchmark, suite: str, seeds: list[int] | None = None) -> list[Run]:
    """Every training run of a suite; ``seeds`` overrides the scale's."""
    declared = benchmark.suite(suite)
    chosen = declared["size"]["seeds"] if seeds is None else seeds
    return [Run(benchmark.scale, suite, method, seed) for method in declared["methods"] for seed in chosen]


def snapshots(benchmark: Benchmark, run: Run) -> dict[str, int]:
    """Step name -> batches trained so far, in order; the last one is ``final``."""
    suite, method, _ = resolved(benchmark, run)
    imported = checkpoint(benchmark, run)
    if imported:
        return {FINAL: imported["batches"]}
    size, start = suite["size"], 0
    total = budget.batches(benchmark, size, method)
    if "continues" in method:
        start = budget.batches(benchmark, size, benchmark.methods[method["continues"]])
    count = size["snapshots"] if total > start else 1
    if count > max(total - start, 1):
        raise UserError(f"scale {benchmark.scale}: suites.{run.suite}.snapshots: {count} of {total - start} batches")
    batches = [start + (total - start) * i // count for i in range(1, count)]
    return {step_name(b): b for b in batches} | {FINAL: total}


def cells(benchmark: Benchmark, run: Run) -> list[Cell]:
    """The declared cells of a run: the sampler x NFE grid of its last step and the cells of its convergence curve."""
    suite, _, _ = resolved(benchmark, run)
    if search.is_candidate(run):
        axes = search.judging_cells(benchmark, run.suite)
        return [Cell(run, FINAL, sampler, nfe) for sampler in axes["samplers"] for nfe in axes["nfe"]]
    samplers = [sampler for sampler in suite["samplers"] if fits(benchmark, run, sampler)]
    grid = [Cell(run, FINAL, sampler, nfe) for sampler in samplers for nfe in nfe_of(benchmark, run.suite, sampler)]
    return grid + [cell for cell in curve_cells(benchmark, run) if cell not in grid]


def fits(benchmark: Benchmark, run: Run, sampler: str) -> bool:
    """Whether a sampler samples what a run trains."""
    wanted = SAMPLED.get(benchmark.samplers[sampler]["kind"], "noise-prediction")
    return resolved(benchmark, run)[1]["objective"] == wanted


def samplers_of(benchmark: Benchmark, suite: str) -> list[str]:
    """The samplers of a suite that fit a method of it at this scale: a teacher may be of one kind or another."""
    trained = runs(benchmark, suite, [0])
    return [s for s in benchmark.suite(suite)["samplers"] if any(fits(benchmark, run, s) for run in trained)]


def nfe_of(benchmark: Benchmark, suite: str, sampler: str | None = None) -> list[int]:
    """The step counts of a suite's grid, its own or the scale's; of one sampler where they differ, else of all used."""
    declared = benchmark.suite(suite).get("nfe", benchmark.sizes["nfe"])
    if isinstance(declared, list):
        return declared
    used = [sampler] if sampler else samplers_of(benchmark, suite)
    return sorted(set().union(*(declared[name] for name in used)))


def curve_cells(benchmark: Benchmark, run: Run) -> list[Cell]:
    """The cells of a run's convergence curve, its last step included."""
    curves = benchmark.suite(run.suite).get("curves")
    if curves is None:
        return []
    samplers = [sampler for sampler in curves["samplers"] if fits(benchmark, run, sampler)]
    # Small scales lack the large NFE.
    nfes = {s: min(nfe_of(benchmark, run.suite, s), key=lambda n: abs(n - curves["nfe"])) for s in samplers}
    return [Cell(run, step, s, nfe) for step in snapshots(benchmark, run) for s, nfe in nfes.items()]


def data_of(benchmark: Benchmark, suite: str) -> dict:
    """The images that a suite trains on: its own at this scale, or the scale's."""
    return size_of(benchmark, suite).get("data", benchmark.sizes["data"])


def judged_by(benchmark: Benchmark, suite: str) -> dict:
    """The images that a suite is judged by: those it trains on, unless its block says others."""
    return size_of(benchmark, suite).get("judged_by", data_of(benchmark, suite))


def evaluation_of(benchmark: Benchmark, suite: str) -> dict:
    """The scale's ``evaluation:`` block, with what a suite has of its own."""
    return merge(benchmark.sizes["evaluation"], size_of(benchmark, suite).get("evaluation", {}))


def size_of(benchmark: Benchmark, suite: str) -> dict:
    """A suite's block in the scale file."""
    return benchmark.suite(suite.removeprefix(TUNE_PREFIX))["size"]


def extractor_run(benchmark: Benchmark) -> Run | None:
    """The run that trains the scale's feature extractor; None for a pretrained one, whose weights are a file."""
    name = benchmark.sizes["extractor"]
    return Run(benchmark.scale, "extractor", name, 0) if name in benchmark.methods else None


def autoencoder_run(benchmark: Benchmark, run: Run) -> Run | None:
    """The run that trains the autoencoder in whose latent space ``run`` works.

    None for suites on pixels, and for those that start from released weights, which come with an autoencoder.
    """
    if not is_latent(benchmark, run.suite) or pretrained(benchmark, run.suite):
        return None
    return Run(benchmark.scale, "autoencoder", benchmark.sizes["autoencoder"], 0)


def foundations(benchmark: Benchmark, suites: list[str]) -> list[Run]:
    """The runs that suites rest on beside their parents: the extractor's, the autoencoder's."""
    latent = [autoencoder_run(benchmark, runs(benchmark, suite)[0]) for suite in suites]
    return [run for run in dict.fromkeys([extractor_run(benchmark), *latent]) if run is not None]


def parents(benchmark: Benchmark, run: Run) -> dict[str, Run]:
    """The run that this one starts from: under ``continues`` (its full state) or ``init`` (its weights); or nothing."""
    suite, method, _ = resolved(benchmark, run)
    if "continues" in method:
        return {"continues": replace(run, method=method["continues"])}
    init = init_of(suite)
    if init in ("scratch", IMPORTED) or init.startswith(f"{PRETRAINED}/"):
        return {}
    parent = Run(run.scale, *init.split("/"), run.seed, run.root)
    # One checkpoint is one seed, from which runs of every seed may start.
    imported = benchmark.suite(parent.suite)["init"] == IMPORTED
    return {"init": replace(parent, seed=0) if imported else parent}


def checkpoint(benchmark: Benchmark, run: Run) -> dict | None:
    """What the scale declares about the files that an imported run comes from; None for a run that is trained.

    Raises UserError when the suite imports and the scale has no file for this run.
    """
    suite, _, _ = resolved(benchmark, run)
    if suite["init"] != IMPORTED:
        return None
    declared = suite["size"][IMPORTED]
    if search.is_candidate(run) or run.method not in declared or run.seed:
        found = ", ".join(f"{run.suite}/{method}/seed0" for method in declared)
        raise UserError(f"scale {benchmark.scale}: no checkpoint of {run.suite}/{run.method}/seed{run.seed}: {found}")
    return declared[run.method]


def checkpoint_files(benchmark: Benchmark, run: Run) -> list[str]:
    """Paths of the files that an imported run comes from; none for a run that is trained."""
    declared = checkpoint(benchmark, run) or {}
    return [declared[role]["path"] for role in ROLES if role in declared]


def pretrained(benchmark: Benchmark, suite: str) -> str | None:
    """The network whose released weights a suite starts from; None where it starts from a run or from scratch."""
    kind, _, network = init_of(benchmark.suite(suite.removeprefix(TUNE_PREFIX))).partition("/")
    return network if kind == PRETRAINED else None


def references(benchmark: Benchmark) -> dict[Path, str]:
    """Reference file -> a suite that is judged by it. Raises UserError for two data sets of one name."""
    found: dict[Path, str] = {}
    for suite in (name for name in benchmark.sizes["suites"] if benchmark.suite(name)["samplers"]):
        other = found.setdefault(reference_path(benchmark, suite), suite)
        if judged_by(benchmark, suite) != judged_by(benchmark, other):
            scale = benchmark.scale
            raise UserError(f"scale {scale}: suites.{suite}.data: not the data set of {other}, but of the same name")
    return found


def reference_path(benchmark: Benchmark, suite: str, images: int | None = None) -> Path:
    """Features of the real images that a suite is judged by, or of ``images`` drawn from each split of them."""
    name = f"{judged_by(benchmark, suite)['name']}-{benchmark.sizes['extractor']}" + (f"-n{images}" if images else "")
    return Path(ROOT, benchmark.scale, "reference", f"{name}.npz")


def rows_path(benchmark: Benchmark, suite: str, images: int | None = None) -> Path:
    """Scores of the floor, held-out and ceiling rows that belong to a suite."""
    path = reference_path(benchmark, suite, images)
    return path.with_name(f"{path.stem}-rows.json")


def reconstruction_path(benchmark: Benchmark, suite: str) -> Path:
    """Scores of real images after the autoencoder of a suite in latent space."""
    path = reference_path(benchmark, suite)
    return path.with_name(f"{path.stem}-reconstruction.json")


def mismatch_path(run: Run) -> Path:
    """Measures of the mismatch between training and sampling of a run's last step."""
    return run.path / FINAL / "mismatch.json"


def heldout_path(run: Run) -> Path:
    """The loss on held-out images before and after a run's training."""
    return run.path / FINAL / "heldout.json"


def is_latent(benchmark: Benchmark, suite: str) -> bool:
    """Whether a suite works in the latent space of an autoencoder."""
    return benchmark.suite(suite.removeprefix(TUNE_PREFIX)).get("space", "pixel") == "latent"


def of_run(run: Run) -> Benchmark:
    """The benchmark that a run belongs to, read from its address."""
    return load(run.scale)


def lineage(benchmark: Benchmark, run: Run) -> list[str]:
    """The run's method after all those that it extends: tuned constants of later ones replace those of earlier ones."""
    names = [search.base_method(run)]
    while "extends" in benchmark.methods[names[0]]:
        names.insert(0, benchmark.methods[names[0]]["extends"])
    return names


def resolved(benchmark: Benchmark, run: Run) -> tuple[dict, dict, dict]:
    """The suite, the method and the candidate's overrides (empty outside tuning) of a run."""
    suite = benchmark.suite(run.suite.removeprefix(TUNE_PREFIX))
    name = search.base_method(run)
    if name not in benchmark.methods:
        raise unknown("method", run.method, benchmark.methods)
    method = benchmark.methods[name]
    if method["objective"] == INHERITED and init_of(suite).startswith(f"{PRETRAINED}/"):
        method = method | {"objective": "noise-prediction"}
    elif method["objective"] == INHERITED:
        parent = Run(benchmark.scale, *init_of(suite).split("/"), run.seed)
        method = method | {"objective": resolved(benchmark, parent)[1]["objective"]}
    return suite, method, search.overrides(benchmark, run) if search.is_candidate(run) else {}


def init_of(suite: dict) -> str:
    """``scratch``, ``imported``, pretrained/network or suite/method to start from; a scale's own goes first."""
    return suite["size"].get("init", suite["init"])
