"""Runs and cells: what follows from the experiment files, and what a digest counts."""

import json
import re

import pytest
import yaml
from spoil import refusal, spoil

from atbench.runtime.files import digest
from atbench.spec.address import FINAL, step_name
from atbench.spec.load import load
from atbench.spec.yaml import EXPERIMENTS

SCALES = sorted(path.stem for path in (EXPERIMENTS / "scales").glob("*.yaml"))
SUITES = ["scratch", "finetune", "class-conditional"]
CI = load("ci")
SCRATCH = CI.suite("scratch")
ADM, IP, AT, LONG = (SCRATCH.run(method, 0) for method in ("adm", "ip", "at", "adm-3x"))


def test_ci_snapshots_golden():
    assert ADM.snapshots == {"0000010": 10, "final": 20}
    assert LONG.snapshots == {"0000040": 40, "final": 60}
    assert CI.suite("finetune").run("at", 0).snapshots == {"0000005": 5, "final": 10}
    assert CI.suite("extractor").run("digits-cnn", 0).snapshots == {"final": 40}
    assert [step_name(n) for n in (0, 500, 1234567)] == ["0000000", "0000500", "1234567"]


@pytest.mark.parametrize("scale", SCALES)
def test_snapshots_ascend_and_end_with_the_budget(scale):
    benchmark = load(scale)
    for suite in (suite for suite in SUITES if suite in benchmark.suites):
        for run in benchmark.suite(suite).runs():
            ends = list(run.snapshots.values())
            assert list(run.snapshots)[-1] == FINAL and ends[0] > 0 and ends == sorted(set(ends))
            assert ends[-1] == run.method.budget * run.suite.size.batches


def test_ci_cells_golden():
    found = [str(cell.address.path.relative_to(ADM.address.path)) for cell in ADM.cells]
    grid = [f"final/{sampler}-nfe{n}.json" for sampler in ("iddpm", "ddim", "es", "dpm-solver") for n in (5, 10)]
    assert found == [*grid, "0000010/ddim-nfe10.json"]  # the curve asks for 50; ci has at most 10
    assert [run.address.method for run in SCRATCH.runs()] == ["adm", "ip", "at", "adm-3x"]
    assert [run.address.seed for run in SCRATCH.runs(seeds=[4, 5])] == [4, 5] * 4


def test_tuning_runs_are_the_grid_of_the_search():
    search = CI.tuning.search["scratch"]
    tuning = CI.suite("tune-scratch").runs()
    assert len(tuning) == sum(len(values) for grid in search.methods.values() for values in grid.values())
    assert str(tuning[0]) == f"results/ci/tune-scratch/{next(iter(search.methods))}-c0/seed{CI.tuning.seed}"
    found = [(cell.address.step, cell.address.sampler, cell.nfe) for cell in tuning[0].cells]
    assert found == [(FINAL, sampler, nfe) for sampler in search.cells.samplers for nfe in search.cells.nfe]


def test_parents_golden():
    finetune = CI.suite("finetune")
    assert ADM.parents == {}
    assert LONG.parents == {"continues": ADM}
    assert finetune.run("at", 0).parents == {"init": LONG}
    assert finetune.run("adm-3x", 0).parents == {"continues": finetune.run("adm", 0)}


def test_methods_share_everything_but_their_science():
    parts = [dict(run.slice) for run in (ADM, IP, AT)]
    kinds = [part.pop("perturbation")["kind"] for part in parts]
    assert kinds == ["none", "gaussian", "adversarial"]
    assert parts[0] == parts[1] == parts[2]


def test_tuned_constants_are_filled_in():
    constants = CI.file.tuned["scratch"]
    assert IP.slice["perturbation"] == {"kind": "gaussian", "gamma": constants["ip"].gamma}
    assert AT.recipe.learning_rate == AT.slice["learning_rate"] == constants["adm"].learning_rate
    candidate = CI.suite("tune-scratch").run("at-c3", 100)
    assert candidate.recipe.perturbation.step_rms == CI.tuning.search["scratch"].methods["at"]["step_rms"][3]


def test_missing_tuned_constant_is_refused(experiments):
    for scale in ("workstation", "ci"):
        spoil(experiments / f"scales/{scale}.yaml", "tuned", "scratch", {"adm": {"learning_rate": 0.001}})
    assert re.search("tuned.scratch.ip.*gamma", refusal(lambda: load("ci")))


def test_digest_ignores_the_order_of_keys_and_nothing_else():
    value = {"a": 1, "b": {"c": [1, 2], "d": 0.5}}
    assert digest(value) == digest({"b": {"d": 0.5, "c": [1, 2]}, "a": 1})
    others = [
        {"a": 2, "b": value["b"]},
        {"a": 1, "b": {"c": [2, 1], "d": 0.5}},
        {"a": 1, "b": {"c": [1, 2], "d": 0.25}},
    ]
    assert len({digest(value), *map(digest, others)}) == 4
    assert digest(json.loads(json.dumps(value))) == digest(value)


def all_digests(benchmark):
    """Address -> digest of every training run and declared cell."""
    runs = [run for suite in (*SUITES, "extractor") for run in benchmark.suite(suite).runs()]
    found = {str(run): run.digest for run in runs}
    return found | {str(cell): cell.digest for run in runs for cell in run.cells}


def moved_by(experiments, name, *path_and_value):
    """Addresses whose digest an edit of an experiment file changes; those that it adds or removes do not count."""
    before = all_digests(load("ci"))
    spoil(experiments / name, *path_and_value)
    load.cache_clear()
    after = all_digests(load("ci"))
    return {address for address in before.keys() & after.keys() if before[address] != after[address]}


def test_shuffled_files_change_no_digest(experiments):
    before = all_digests(load("ci"))
    for file in (experiments / "methods.yaml", *(experiments / "scales").glob("*.yaml")):
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()), sort_keys=True))
    load.cache_clear()
    assert all_digests(load("ci")) == before


@pytest.mark.parametrize(
    "change",
    [
        ("scales/ci.yaml", "suites", "scratch", "seeds", [0, 1]),
        ("scales/ci.yaml", "nfe", [5, 10, 20]),
        ("methods.yaml", "at", "label", "our method"),
        ("samplers.yaml", "ddim", "label", "DDIM, eta 0"),
        ("suites/scratch.yaml", "title", "From nothing"),
        ("suites/scratch.yaml", "methods", ["adm", "at", "adm-3x", "ip"]),
        ("scales/ci.yaml", "threads", 1),
        ("scales/ci.yaml", "evaluation", "floor_repeats", 5),
    ],
)
def test_axes_labels_and_the_floors_precision_are_in_no_digest(experiments, change):
    assert moved_by(experiments, *change) == set()


def test_a_base_runs_constant_moves_what_builds_on_it(experiments):
    moved = moved_by(experiments, "scales/ci.yaml", "tuned", "scratch", "adm", "learning_rate", 0.0123)
    runs = {address for address in moved if not address.endswith(".json")}
    assert runs == {
        f"results/ci/{suite}/{m}/seed0" for suite in ("scratch", "finetune") for m in CI.suite(suite).methods
    }
    assert moved == runs  # how a cell is measured has not changed; its training digest stands beside it


def test_the_extractor_moves_every_evaluation_and_no_training(experiments):
    moved = moved_by(experiments, "scales/ci.yaml", "tuned", "extractor", "digits-cnn", "learning_rate", 0.0123)
    trainings = {address for address in moved if not address.endswith(".json")}
    assert trainings == {"results/ci/extractor/digits-cnn/seed0"}
    assert moved - trainings == {address for address in all_digests(CI) if address.endswith(".json")}


def test_a_constant_of_one_method_moves_that_method_alone(experiments):
    moved = moved_by(experiments, "methods.yaml", "at", "perturbation", "radius_rms", 0.2)
    assert moved == {f"results/ci/{suite}/at/seed0" for suite in SUITES}


def test_a_samplers_constant_moves_its_cells_alone(experiments):
    moved = moved_by(experiments, "samplers.yaml", "es", "eps_scale", 1.02)
    assert moved and all("/es-nfe" in address for address in moved)


def test_seeds_have_digests_of_their_own():
    parts = [SCRATCH.run("adm", seed).slice for seed in (0, 1)]
    assert digest(parts[0]) != digest(parts[1])
    assert {key for key in parts[0] if parts[0][key] != parts[1][key]} == {"seed_names"}


def test_each_data_set_has_a_reference_of_its_own():
    assert [str(path) for path in CI.references] == ["results/ci/reference/digits-digits-cnn.npz"]
    paper = load("paper")
    assert {path.name: suite for path, suite in paper.references.items()} == {
        "cifar10-inception-2015.npz": "scratch",
        "imagenet64-inception-2015.npz": "class-conditional",
        "coco-inception-2015.npz": "latent-consistency",
    }
    assert paper.suite("finetune").judging.rows_path() == paper.suite("scratch").judging.rows_path()
    assert CI.suite("tune-scratch").judging.reference_path() == SCRATCH.judging.reference_path()


def test_two_data_sets_of_one_name_are_refused(experiments):
    folder = {"name": "image-folder", "resolution": 8, "channels": 1, "held_out": 0.25}
    for suite in ("scratch", "class-conditional"):
        spoil(experiments / "scales/ci.yaml", "suites", suite, "data", folder | {"path": suite})
    message = refusal(lambda: load("ci").references)
    assert "scales/ci.yaml" in message and "suites.class-conditional.data" in message and "scratch" in message


@pytest.mark.parametrize("scale", ["ci", "laptop", "workstation", "paper"])
def test_a_whole_scale_has_every_suite_that_a_claim_or_a_question_names(scale):
    benchmark = load(scale)
    asked = [suite for claim in benchmark.claims.values() for suite in claim.suites]
    asked += [
        member.partition("/")[0] for question in benchmark.questions if (member := question.view or question.cost)
    ]
    assert set(asked) | {"placement"} <= set(benchmark.suites)


def test_fine_tuning_at_paper_scale_is_the_published_path():
    tuned = load("paper").suite("finetune")
    for method in ("adm", "at"):
        run = tuned.run(method, 0)
        before = run.parents["init"]
        assert (before.batches, before.batches + run.batches) == (250_000, 450_000)
    assert tuned.run("at", 0).budget().updates == 3 * 200_000


def fewer_cells(experiments, **block):
    spoil(experiments / "scales/ci.yaml", "suites", "scratch", {"batches": 20, "seeds": [0, 1]} | block)
    load.cache_clear()
    return load("ci").suite("scratch")


def test_a_scale_may_give_a_sampler_step_counts_of_its_own(experiments):
    suite = fewer_cells(experiments, nfe={"ddim": [4]})
    found = {(cell.address.sampler, cell.nfe) for cell in suite.run("at", 0).cells}
    assert {nfe for sampler, nfe in found if sampler == "ddim"} == {4}
    assert {nfe for sampler, nfe in found if sampler == "iddpm"} == {5, 10}


def test_seeds_of_the_headline_have_its_cells_alone(experiments):
    suite = fewer_cells(experiments, headline={"seeds": [1], "samplers": ["ddim"], "nfe": [5]})
    whole, headline = (suite.run("at", seed).cells for seed in (0, 1))
    assert [(cell.address.sampler, cell.nfe) for cell in headline] == [("ddim", 5)]
    assert len(whole) > len(headline) and {cell.address.sampler for cell in whole} == set(suite.samplers)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"rivals": ["es-dimm"]}, "suites.scratch.rivals: unknown sampler 'es-dimm'"),
        ({"rivals": ["cm"]}, "suites.scratch.rivals: unknown rival of the suite 'cm'"),
        ({"nfe": {"es-ddim": [5]}}, "suites.scratch.nfe: unknown sampler of the suite 'es-ddim'"),
        (
            {"headline": {"seeds": [1], "samplers": ["cm"], "nfe": [5]}},
            "suites.scratch.headline.samplers: unknown sampler of the suite 'cm'",
        ),
        (
            {"headline": {"seeds": [7], "samplers": ["ddim"], "nfe": [5]}},
            "suites.scratch.headline.seeds: 7 is none of its seeds",
        ),
    ],
)
def test_fewer_cells_are_of_the_suite_and_of_its_seeds(experiments, block, words):
    assert words in refusal(lambda: fewer_cells(experiments, **block))
