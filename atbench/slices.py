"""The configuration slice of every result, with its digest.

A slice holds exactly what can change its result; the digest of a run contains those of the runs it builds on, so a
change anywhere upstream shows. No torch here: the Snakefile imports this module.
"""

from atbench import plan, search
from atbench.config import ROLES, TUNE_PREFIX, TUNED, Benchmark
from atbench.overlay import merge
from atbench.runtime.errors import UserError, unknown
from atbench.runtime.files import digest
from atbench.spec.address import Cell, Run

# Data sets whose name alone says which images they are, checked on reading: where their files lie changes no result.
PUBLIC = ("cifar10", "imagenet64")
PLACE = ("path", "download")


def training_slice(benchmark: Benchmark, run: Run) -> dict:
    """All that determines a run's weights. Raises UserError for an unknown suite, method or candidate."""
    suite, method, overrides = plan.resolved(benchmark, run)
    size = suite["size"]
    if plan.checkpoint(benchmark, run):
        return _imported_slice(benchmark, run)
    name = run.suite.removeprefix(TUNE_PREFIX)
    training = merge(benchmark.sizes["training"], size.get("training", {}))
    constants, where = _tuned(benchmark, run) | overrides, f"tuned.{name}.{search.base_method(run)}"
    return {
        "objective": method["objective"],
        **{key: method[key] for key in ("delta_on", "target_gradient") if key in method},
        "network": size.get("model", benchmark.sizes["model"]),
        "data": _images(plan.data_of(benchmark, run.suite)),
        "conditional": suite["conditional"],
        "perturbation": _filled(method["perturbation"], constants, where),
        "learning_rate": _filled({"learning_rate": TUNED}, constants, where)["learning_rate"]
        * method.get("learning_rate_factor", 1),
        **training,
        "snapshots": plan.snapshots(benchmark, run),
        # Names behind every random draw of training: methods of one suite and seed see the same batches and noise.
        "seed_names": [name, run.seed],
        **{link: _reference(benchmark, parent) for link, parent in plan.parents(benchmark, run).items()},
        **_latent_space(benchmark, run),
    }


def _imported_slice(benchmark: Benchmark, run: Run) -> dict:
    """All that determines the weights of an imported run: its files, by hash, and the network they are for."""
    suite, method, _ = plan.resolved(benchmark, run)
    declared = plan.checkpoint(benchmark, run)
    return {
        "objective": method["objective"],
        "network": suite["size"].get("model", benchmark.sizes["model"]),
        "conditional": suite["conditional"],
        "snapshots": plan.snapshots(benchmark, run),
        "imported": {role: declared[role]["sha256"] for role in ROLES if role in declared},
    }


def _tuned(benchmark: Benchmark, run: Run) -> dict:
    """Tuned constants of a run: those of the suite's first method, whose learning rate all use, then its own."""
    suite, _, _ = plan.resolved(benchmark, run)
    tuned = benchmark.sizes["tuned"].get(run.suite.removeprefix(TUNE_PREFIX), {})
    found = {}
    for name in (suite["methods"][0], *plan.lineage(benchmark, run)):
        found |= tuned.get(name, {})
    return found


def evaluation_slice(benchmark: Benchmark, cell: Cell) -> dict:
    """All that determines a cell beyond the weights of its run."""
    if cell.sampler not in benchmark.samplers:
        raise unknown("sampler", cell.sampler, benchmark.samplers)
    own = plan.size_of(benchmark, cell.run.suite).get("sampling", {}).get(cell.sampler, {})
    sampler = {key: value for key, value in (benchmark.samplers[cell.sampler] | own).items() if key != "label"}
    if not plan.fits(benchmark, cell.run, cell.sampler):
        raise UserError(f"{cell}: {cell.sampler} does not sample what {cell.run.method} trains")
    if sampler["kind"] == plan.CONSISTENCY:
        sampler["grid"] = training_slice(benchmark, cell.run)["distillation"]["grid"]
    return {"sampler": sampler, "nfe": cell.nfe, **judging_slice(benchmark, cell.run)}


def judging_slice(benchmark: Benchmark, run: Run) -> dict:
    """What all cells of a run share beyond its weights: images to compare with, counts, seeds and extractor."""
    plan.resolved(benchmark, run)  # refuses names that no file declares
    shared = suite_judging(benchmark, run.suite)
    del shared["floor_repeats"]  # how precise the floor row is changes no cell
    return {
        **shared,
        # Names behind latents, labels and step noise: the same for every method and NFE.
        "seed_names": [run.suite.removeprefix(TUNE_PREFIX), run.seed],
    }


def digests(benchmark: Benchmark, cell: Cell) -> dict[str, str]:
    """The ``config`` block of a current cell."""
    return {"training": training_digest(benchmark, cell.run), "evaluation": evaluation_digest(benchmark, cell)}


def mismatch_digest(benchmark: Benchmark, run: Run) -> str:
    """Of all that determines the mismatch measures of a run beyond its weights."""
    samplers = {name: benchmark.samplers[name] for name in benchmark.mismatch["samplers"]}
    return digest({**benchmark.mismatch, "samplers": samplers, **judging_slice(benchmark, run)})


def heldout_digest(benchmark: Benchmark, run: Run) -> str:
    """Of all that determines what is said of a run's predictions on held-out images beyond its weights."""
    settings = {name: value for name, value in benchmark.heldout.items() if name != "suites"}
    return digest({**settings, "data": _images(plan.data_of(benchmark, run.suite))})


def suite_judging(benchmark: Benchmark, suite: str) -> dict:
    """What a suite is judged by, reference rows included: data, counts, metric options and the extractor."""
    return {
        "data": _images(plan.judged_by(benchmark, suite)),
        **plan.evaluation_of(benchmark, suite),
        "extractor": _extractor(benchmark),
    }


def training_digest(benchmark: Benchmark, run: Run) -> str:
    return digest(training_slice(benchmark, run))


def evaluation_digest(benchmark: Benchmark, cell: Cell) -> str:
    return digest(evaluation_slice(benchmark, cell))


def _images(data: dict) -> dict:
    """What of a `data:` block decides its images."""
    return {key: value for key, value in data.items() if data["name"] not in PUBLIC or key not in PLACE}


def _reference(benchmark: Benchmark, run: Run) -> dict:
    """How a slice names another run: by address within the scale and by digest, so that digests chain."""
    return {"run": f"{run.suite}/{run.method}/seed{run.seed}", "digest": training_digest(benchmark, run)}


def _latent_space(benchmark: Benchmark, run: Run) -> dict:
    network = plan.pretrained(benchmark, run.suite)
    if network is not None:  # released weights, their autoencoder included
        return {"pretrained": network}
    autoencoder = plan.autoencoder_run(benchmark, run)
    return {} if autoencoder is None else {"autoencoder": _reference(benchmark, autoencoder)}


def _extractor(benchmark: Benchmark) -> dict:
    run = plan.extractor_run(benchmark)
    extractor = {"pretrained": benchmark.sizes["extractor"]} if run is None else _reference(benchmark, run)
    return extractor | {key: benchmark.sizes[key] for key in ("cross_checks",) if key in benchmark.sizes}


def _filled(block: dict, constants: dict, where: str) -> dict:
    """``block`` with every value ``tuned`` replaced by the constant of that name."""
    missing = [key for key, value in block.items() if value == TUNED and key not in constants]
    if missing:
        raise UserError(f"the scale's {where} lacks {', '.join(missing)}")
    return {key: constants[key] if value == TUNED else value for key, value in block.items()}
