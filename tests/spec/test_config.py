"""Experiment files, addresses, plan, command line: what is unknown is refused by name, what matters is in a digest."""

import copy
import dataclasses
import json
import re
import shutil

import pytest
import yaml

from atbench import cli, config, plan, search, slices
from atbench.config import EXPERIMENTS, load, read_yaml, scale_values
from atbench.overlay import merge, plain
from atbench.runtime.errors import UserError
from atbench.runtime.files import digest
from atbench.spec import address
from atbench.spec.address import FINAL, Cell, Run, parse_cell, parse_run, step_name

SCALES = sorted(path.stem for path in (EXPERIMENTS / "scales").glob("*.yaml"))
SUITES = ["scratch", "finetune", "class-conditional"]
NAMES = {  # schema -> one file that it governs, and a key below which keys are fixed
    "methods": ("methods.yaml", ("at",)),
    "samplers": ("samplers.yaml", ("ddim",)),
    "suite": ("suites/scratch.yaml", ()),
    "scale": ("scales/ci.yaml", ()),
    "tuning": ("tuning.yaml", ()),
    "mixture": ("mixture.yaml", ()),
    "cost": ("cost.yaml", ()),
    "claims": ("claims.yaml", ()),
    "reviews": ("reviews.yaml", ()),
    "wide": ("wide.yaml", ()),
}
CI = load("ci")
ADM, IP, AT, LONG = (Run("ci", "scratch", method, 0) for method in ("adm", "ip", "at", "adm-3x"))


@pytest.fixture
def experiments(tmp_path, monkeypatch):
    """A copy of the experiment files that the package reads instead of its own."""
    folder = tmp_path / "experiments"
    shutil.copytree(EXPERIMENTS, folder)
    monkeypatch.setattr(config, "EXPERIMENTS", folder)
    config.load.cache_clear()
    yield folder
    config.load.cache_clear()


def edit(file, *path_and_value):
    """Set the value at a path of keys in a YAML file; the path is created."""
    *path, key, value = path_and_value
    content = yaml.safe_load(file.read_text())
    place = content
    for step in path:
        place = place.setdefault(step, {})
    place[key] = value
    file.write_text(yaml.safe_dump(content))


def refusal(action):
    """The one-line message with which ``action`` is refused."""
    with pytest.raises(UserError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Refusals.


@pytest.mark.parametrize("schema", NAMES)
def test_unknown_key_is_refused_by_file_and_key(experiments, schema):
    name, path = NAMES[schema]
    edit(experiments / name, *path, "colour", "red")
    message = refusal(lambda: load("ci"))
    assert name in message and "colour" in message


NESTED = [
    ("methods.yaml", ("at", "perturbation", "adv_lr"), 0.1),
    ("methods.yaml", ("adm", "perturbation", "gamma"), 0.1),
    ("suites/scratch.yaml", ("curves", "metric"), "fd"),
    ("suites/scratch.yaml", ("grids", "seed"), 1),
    ("scales/ci.yaml", ("data", "split"), "train"),
    ("scales/ci.yaml", ("model", "width"), 8),
    ("scales/ci.yaml", ("training", "momentum"), 0.9),
    ("scales/ci.yaml", ("training", "ema", "warmup"), 10),
    ("scales/ci.yaml", ("evaluation", "batch"), 10),
    ("scales/ci.yaml", ("evaluation", "metrics", "fid"), 1),
    ("scales/ci.yaml", ("suites", "scratch", "iterations"), 10),
    ("scales/ci.yaml", ("tuned", "scratch", "at", "adv_lr"), 0.1),
    ("tuning.yaml", ("search", "scratch", "cells", "steps"), [5]),
    ("claims.yaml", ("claims", "few-steps", "p_value"), 0.05),
    ("claims.yaml", ("claims", "few-steps", "against", "seconds"), "adm"),
    ("claims.yaml", ("claims", "few-steps", "nfe", "at_most"), 10),
]


@pytest.mark.parametrize(("name", "path", "value"), NESTED, ids=[".".join(path) for _, path, _ in NESTED])
def test_unknown_nested_key_is_refused_by_file_and_key(experiments, name, path, value):
    edit(experiments / name, *path, value)
    message = refusal(lambda: load("ci"))
    assert name in message and path[-1] in message


def test_unknown_key_of_the_main_file_is_refused(experiments):
    edit(experiments / "config.yaml", "scael", "ci")
    message = refusal(lambda: config.default("scale"))
    assert "experiments/config.yaml" in message and "scael" in message


VALUES = [
    ("scales/ci.yaml", ("nfe",), []),
    ("scales/ci.yaml", ("nfe",), [5, 5]),
    ("scales/ci.yaml", ("nfe",), [0]),
    ("scales/ci.yaml", ("nfe",), [5.5]),
    ("scales/ci.yaml", ("suites", "scratch", "seeds"), []),
    ("scales/ci.yaml", ("suites", "scratch", "batches"), 0),
    ("scales/ci.yaml", ("suites", "scratch", "snapshots"), 0),
    ("scales/ci.yaml", ("model", "channel_mult"), []),
    ("scales/ci.yaml", ("model", "dropout"), 1),
    ("scales/ci.yaml", ("training", "timesteps"), "importance"),
    ("scales/ci.yaml", ("training", "ema"), {"decay": 0.9, "relative_length": 0.1}),
    ("scales/ci.yaml", ("threads",), "all"),
    ("methods.yaml", ("at", "perturbation", "inner_steps"), 0),
    ("methods.yaml", ("at", "perturbation", "step_rms"), "tunned"),
    ("methods.yaml", ("ip", "perturbation", "gamma"), -0.1),
    ("methods.yaml", ("adm", "objective"), "denoise"),
    ("methods.yaml", ("adm", "perturbation", "kind"), "uniform"),
    ("samplers.yaml", ("ddim", "kind"), "euler"),
    ("suites/scratch.yaml", ("methods",), []),
    ("suites/scratch.yaml", ("curves", "samplers"), []),
    ("suites/scratch.yaml", ("init",), "Scratch"),
    ("tuning.yaml", ("search", "scratch", "cells", "nfe"), []),
    ("tuning.yaml", ("search", "scratch", "methods", "adm", "learning_rate"), [0.1]),
    ("claims.yaml", ("claims", "few-steps", "test"), "equal"),
    ("claims.yaml", ("claims", "few-steps", "better"), "best"),
    ("claims.yaml", ("claims", "few-steps", "against"), {}),
    ("claims.yaml", ("claims", "few-steps", "margin"), {"relative": 0.05, "absolute": 0.1}),
    ("claims.yaml", ("claims", "few-steps", "margin"), {"relative": 1.5}),
    ("claims.yaml", ("claims", "few-steps", "nfe"), {"from": 50, "to": 5}),
    ("wide.yaml", ("nfe",), [2000]),
    ("reviews.yaml", ("questions",), [{"asked": "why?"}]),
    ("reviews.yaml", ("questions",), [{"asked": "why?", "claims": ["free"], "view": "ablations/norm"}]),
    ("reviews.yaml", ("questions",), [{"asked": "why?", "view": "norm"}]),
]


@pytest.mark.parametrize(("name", "path", "value"), VALUES, ids=[f"{'.'.join(p)}={v}" for _, p, v in VALUES])
def test_value_out_of_range_is_refused_by_file_and_key(experiments, name, path, value):
    edit(experiments / name, *path, value)
    message = refusal(lambda: load("ci"))
    assert name in message and (path[-1] in message or path[-2] in message)


@pytest.mark.parametrize("key", ["title", "methods", "samplers", "init", "conditional"])
def test_missing_key_is_refused_by_file_and_key(experiments, key):
    file = experiments / "suites/scratch.yaml"
    file.write_text(yaml.safe_dump({k: v for k, v in yaml.safe_load(file.read_text()).items() if k != key}))
    message = refusal(lambda: load("ci"))
    assert "suites/scratch.yaml" in message and key in message


CHECKPOINT = {"batches": 1, "ema": {"path": "ema.pt", "sha256": 64 * "0"}}
IMPORTED = {"seeds": [0], "imported": {"adm": CHECKPOINT}}
UNKNOWN_NAMES = [
    ("suites/scratch.yaml", ("methods",), ["adm", "amd"], "amd"),
    ("suites/scratch.yaml", ("samplers",), ["ddmi"], "ddmi"),
    ("suites/scratch.yaml", ("curves", "samplers"), ["ddmi"], "ddmi"),
    ("suites/scratch.yaml", ("grids", "sampler"), "ddmi", "ddmi"),
    ("suites/finetune.yaml", ("init",), "scrach/adm", "scrach"),
    ("suites/finetune.yaml", ("init",), "scratch/amd", "amd"),
    ("methods.yaml", ("adm-3x", "continues"), "amd", "amd"),
    ("methods.yaml", ("at-mid", "extends"), "ta", "ta"),
    ("methods.yaml", ("at", "extends"), "at-mid", "at-mid"),
    ("scales/ci.yaml", ("suites", "scrach"), {"batches": 1, "snapshots": 1, "seeds": [0]}, "scrach"),
    ("scales/ci.yaml", ("tuned", "scrach"), {"at": {"step_rms": 0.1}}, "scrach"),
    ("scales/ci.yaml", ("tuned", "scratch", "ta"), {"step_rms": 0.1}, "'ta'"),
    ("tuning.yaml", ("search", "scratch", "methods", "amd"), {"learning_rate": [1, 2, 3, 4]}, "amd"),
    ("tuning.yaml", ("search", "scratch", "cells", "samplers"), ["ddmi"], "ddmi"),
    ("tuning.yaml", ("metric",), "df", "df"),
    ("cost.yaml", ("methods", "scrach"), ["adm"], "scrach"),
    ("cost.yaml", ("methods", "scratch"), ["adm", "ta"], "'ta'"),
    ("claims.yaml", ("claims", "few-steps", "suites"), ["scrach"], "scrach"),
    ("claims.yaml", ("claims", "few-steps", "method"), "ta", "'ta'"),
    ("claims.yaml", ("claims", "few-steps", "against"), {"batches": "amd"}, "amd"),
    ("claims.yaml", ("claims", "few-steps", "samplers"), ["ddmi"], "ddmi"),
    ("claims.yaml", ("claims", "few-steps", "metric"), "df", "claims.few-steps.metric"),
    ("claims.yaml", ("claims", "mismatch", "suites"), ["ablations"], "unknown mismatch suite 'ablations'"),
    ("claims.yaml", ("claims", "mismatch", "samplers"), ["es"], "unknown mismatch sampler 'es'"),
    ("claims.yaml", ("claims", "mismatch", "metric"), "fd", "unknown mismatch metric 'fd'"),
    ("claims.yaml", ("claims", "hundreds-of-steps", "suites"), ["edm"], "unknown wide suite 'edm'"),
    ("wide.yaml", ("suites",), ["scrach"], "scrach"),
    ("wide.yaml", ("samplers",), ["ddmi"], "ddmi"),
    ("claims.yaml", ("claims", "few-steps", "metric"), "exposure", "unknown metric 'exposure'"),
    ("reviews.yaml", ("questions",), [{"asked": "why?", "claims": ["fre"]}], "questions.0.claims"),
    ("reviews.yaml", ("questions",), [{"asked": "why?", "metrics": ["sdif"]}], "sdif"),
    ("reviews.yaml", ("questions",), [{"asked": "why?", "view": "ablations/nrom"}], "questions.0.view: unknown view"),
    ("reviews.yaml", ("questions",), [{"asked": "why?", "cost": "scratch/ta"}], "questions.0.cost: unknown cost"),
    ("scales/ci.yaml", ("extractor",), "inception-2051", "'inception-2051'"),
    ("scales/ci.yaml", ("suites", "imported"), {"seeds": [0], "imported": {"amd": CHECKPOINT}}, "amd"),
    ("scales/ci.yaml", ("suites", "imported"), {"seeds": [0], "imported": {"adm-3x": CHECKPOINT}}, "adm-3x"),
    ("scales/ci.yaml", ("suites", "imported"), IMPORTED | {"seeds": [0, 1]}, "one seed"),
    ("scales/ci.yaml", ("suites", "imported"), IMPORTED | {"batches": 1}, "imported.batches"),
    ("scales/ci.yaml", ("suites", "imported"), {"seeds": [0], "batches": 1, "snapshots": 1}, "suites.imported"),
    ("scales/ci.yaml", ("suites", "scratch", "imported"), {"adm": CHECKPOINT}, "suites.scratch"),
]


@pytest.mark.parametrize(
    ("name", "path", "value", "word"), UNKNOWN_NAMES, ids=[f"{'.'.join(p)}={w}" for _, p, _, w in UNKNOWN_NAMES]
)
def test_name_that_no_file_declares_is_refused(experiments, name, path, value, word):
    edit(experiments / name, *path, value)
    message = refusal(lambda: load("ci"))
    assert word in message and name in message


def test_unknown_scale_suite_method_sampler_list_the_known_ones():
    assert "'laptopp'" in refusal(lambda: load("laptopp")) and "workstation" in refusal(lambda: load("laptopp"))
    assert "finetune" in refusal(lambda: CI.suite("tune"))
    assert "adm-3x" in refusal(lambda: slices.training_slice(CI, Run("ci", "scratch", "ddpm", 0)))
    assert "dpm-solver" in refusal(lambda: slices.evaluation_slice(CI, Cell(ADM, FINAL, "euler", 5)))


def test_unknown_base_of_a_scale_is_refused(experiments):
    edit(experiments / "scales/ci.yaml", "extends", "labtop")
    assert "labtop" in refusal(lambda: load("ci"))


@pytest.mark.parametrize("candidate", ["at-c4", "at-c", "at-cx", "ddpm-c0", "at"])
def test_unknown_tuning_candidate_is_refused(candidate):
    assert candidate.partition("-c")[0] in refusal(
        lambda: slices.training_slice(CI, Run("ci", "tune-scratch", candidate, 100))
    )


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "b: {c: 1, c: 1}\n", "a: [\n", "- 1\n", "", "a: b: c\n"])
def test_broken_yaml_is_refused_by_file(tmp_path, text):
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    assert str(file) in refusal(lambda: read_yaml(file))


def test_repeated_key_is_named_with_its_line(experiments):
    file = experiments / "methods.yaml"
    file.write_text(file.read_text() + "\nadm:\n  label: again\n")
    message = refusal(lambda: load("ci"))
    assert "methods.yaml" in message and "repeated key adm" in message


def test_missing_experiment_file_is_named(experiments):
    (experiments / "samplers.yaml").unlink()
    assert "samplers.yaml" in refusal(lambda: load("ci"))


# Merging.


def test_every_committed_scale_is_valid():
    assert {"ci", "laptop", "workstation"} <= set(SCALES)
    for scale in SCALES:
        assert load(scale).sizes["nfe"]


def test_extends_merges_mappings_and_replaces_lists(experiments):
    laptop, ci = load("laptop").sizes, load("ci").sizes
    assert ci["nfe"] == [5, 10] and laptop["nfe"] == [5, 8, 10, 20, 50]
    assert ci["training"] == laptop["training"] and ci["tuned"] == laptop["tuned"]
    assert ci["suites"]["extractor"] == laptop["suites"]["extractor"] | {"batches": 40}
    (experiments / "scales/mine.yaml").write_text("extends: ci\nsuites: {scratch: {seeds: [7, 8]}}\n")
    mine = load("mine").sizes["suites"]["scratch"]
    assert mine == ci["suites"]["scratch"] | {"seeds": [7, 8]}


def test_null_removes_what_the_extended_scale_has_and_nothing_else(experiments):
    (experiments / "scales/mine.yaml").write_text("extends: ci\nsuites: {edm: null}\ntraining: {flip: null}\n")
    assert "edm" not in scale_values("mine")["suites"] and "flip" not in scale_values("mine")["training"]
    assert scale_values("mine")["suites"].keys() == scale_values("ci")["suites"].keys() - {"edm"}
    (experiments / "scales/mine.yaml").write_text("extends: ci\nsuites: {edn: null}\n")
    message = refusal(lambda: load("mine"))
    assert "scales/mine.yaml" in message and "edn: null" in message


def test_merge_leaves_its_arguments_alone():
    base, over = {"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "d": {"e": 2}}
    before = copy.deepcopy((base, over))
    assert merge(base, over) == {"a": {"b": 1, "c": [3]}, "d": {"e": 2}}
    assert (base, over) == before


def test_constants_with_a_source_reduce_to_their_value(experiments):
    edit(experiments / "scales/ci.yaml", "nfe", {"value": [5, 10], "source": "paper, Table 1", "why": "as published"})
    edit(experiments / "scales/ci.yaml", "model", "channels", {"value": 8, "source": "ours"})
    assert load("ci").sizes == CI.sizes
    assert scale_values("ci")["nfe"]["source"] == "paper, Table 1"
    assert plain({"value": 1}) == {"value": 1}  # without a source it is an ordinary key


# Addresses.


def declared_cells(scale):
    benchmark = load(scale)
    suites = [suite for suite in SUITES if suite in benchmark.sizes["suites"]]
    runs = [run for suite in suites for run in plan.runs(benchmark, suite)]
    runs += [run for suite in search.suites(benchmark) for run in search.candidates(benchmark, suite)]
    return [cell for run in runs for cell in plan.cells(benchmark, run)]


def test_each_data_set_has_a_reference_of_its_own():
    assert [str(path) for path in plan.references(CI)] == ["results/ci/reference/digits-digits-cnn.npz"]
    paper = load("paper")
    assert {path.name: suite for path, suite in plan.references(paper).items()} == {
        "cifar10-inception-2015.npz": "scratch",
        "imagenet64-inception-2015.npz": "class-conditional",
        "coco-inception-2015.npz": "latent-consistency",
    }
    assert plan.rows_path(paper, "finetune") == plan.rows_path(paper, "scratch")
    assert plan.reference_path(CI, "tune-scratch") == plan.reference_path(CI, "scratch")


def test_two_data_sets_of_one_name_are_refused(experiments):
    folder = {"name": "image-folder", "resolution": 8, "channels": 1, "held_out": 0.25}
    for suite in ("scratch", "class-conditional"):
        edit(experiments / "scales/ci.yaml", "suites", suite, "data", folder | {"path": suite})
    message = refusal(lambda: plan.references(load("ci")))
    assert "scale ci" in message and "suites.class-conditional.data" in message and "scratch" in message


@pytest.mark.parametrize("scale", SCALES)
def test_addresses_round_trip(scale):
    found = declared_cells(scale)
    assert len(set(map(str, found))) == len(found) > 0
    for cell in found:
        assert parse_cell(str(cell)) == cell and address.is_cell(str(cell))
        assert parse_run(cell.run.path) == cell.run
        assert cell.axes["nfe"] == cell.nfe and not address.is_cell(str(cell.run))


@pytest.mark.parametrize("root", ["results", "results/released", "/tmp/x/results", "."])
def test_address_keeps_its_root(root):
    cell = Cell(Run("ci", "scratch", "adm", 0, root), FINAL, "dpm-solver", 5)
    assert parse_cell(cell.path).run == cell.run or root == "."
    assert parse_cell(cell.path).path == cell.path


BAD_CELLS = [
    "",
    "results/ci/scratch/adm/seed0",
    "results/ci/scratch/adm/seed0/final/ddim.json",
    "results/ci/scratch/adm/seed0/final/ddim-nfe.json",
    "results/ci/scratch/adm/seed0/final/ddim-nfe-5.json",
    "results/ci/scratch/adm/seed0/final/ddim-nfe5.png",
    "results/ci/scratch/adm/seed0/final/ddim-nfe5.json.json",
    "results/ci/scratch/adm/seed0/last/ddim-nfe5.json",
    "results/ci/scratch/adm/seed0/10/ddim-nfe5.json",
    "results/ci/scratch/adm/seed/final/ddim-nfe5.json",
    "results/ci/scratch/adm/seedx/final/ddim-nfe5.json",
    "results/ci/scratch/adm/seed-1/final/ddim-nfe5.json",
    "results/ci/scratch/adm/final/ddim-nfe5.json",
    "results/ci/scratch/ADM/seed0/final/ddim-nfe5.json",
    "results/ci/scratch/adm_3x/seed0/final/ddim-nfe5.json",
    "results/ci/scratch/adm/seed0/final/ddim-nfe5.json\n",
]


@pytest.mark.parametrize("path", BAD_CELLS)
def test_what_is_no_cell_is_refused_with_the_form(path):
    assert not address.is_cell(path)
    assert "results/<scale>/<suite>" in refusal_of_address(path)


def refusal_of_address(path):
    with pytest.raises(UserError) as caught:
        parse_cell(path)
    return str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        "results/ci/scratch/adm/seed007/final/ddim-nfe5.json",
        "results/ci/scratch/adm/seed0/final/ddim-nfe05.json",
        "results/XXci/scratch/adm/seed0/final/ddim-nfe5.json",
        "results/ci/scratch/adm/seed٣/final/ddim-nfe5.json",
    ],
)
def test_an_address_names_itself_or_is_refused(path):
    assert not address.is_cell(path) or str(parse_cell(path)) == path


@pytest.mark.parametrize(
    "path", ["", "results", "results/ci/scratch/adm", "results/ci/scratch/adm/seed0/final", "seed0"]
)
def test_what_is_no_run_is_refused_with_the_form(path):
    assert "results/<scale>/<suite>/<method>/seed<S>" in refusal(lambda: parse_run(path))


# Plan and digests.


def test_ci_snapshots_golden():
    assert plan.snapshots(CI, ADM) == {"0000010": 10, "final": 20}
    assert plan.snapshots(CI, LONG) == {"0000040": 40, "final": 60}
    assert plan.snapshots(CI, Run("ci", "finetune", "at", 0)) == {"0000005": 5, "final": 10}
    assert plan.snapshots(CI, Run("ci", "extractor", "digits-cnn", 0)) == {"final": 40}
    assert [step_name(n) for n in (0, 500, 1234567)] == ["0000000", "0000500", "1234567"]


@pytest.mark.parametrize("scale", SCALES)
def test_snapshots_ascend_and_end_with_the_budget(scale):
    benchmark = load(scale)
    for suite in (suite for suite in SUITES if suite in benchmark.sizes["suites"]):
        for run in plan.runs(benchmark, suite):
            snapshots = plan.snapshots(benchmark, run)
            ends = list(snapshots.values())
            assert list(snapshots)[-1] == FINAL and ends[0] > 0 and ends == sorted(set(ends))
            budget = benchmark.methods[run.method].get("budget", 1)
            assert ends[-1] == budget * benchmark.suite(suite)["size"]["batches"]


def test_ci_cells_golden():
    found = [str(cell.path.relative_to(ADM.path)) for cell in plan.cells(CI, ADM)]
    grid = [f"final/{sampler}-nfe{n}.json" for sampler in ("iddpm", "ddim", "es", "dpm-solver") for n in (5, 10)]
    assert found == [*grid, "0000010/ddim-nfe10.json"]  # the curve asks for 50; ci has at most 10
    assert [run.method for run in plan.runs(CI, "scratch")] == ["adm", "ip", "at", "adm-3x"]
    assert [run.seed for run in plan.runs(CI, "scratch", seeds=[4, 5])] == [4, 5] * 4


def test_tuning_runs_are_the_grid_of_the_search():
    grids, judged = search.grids(CI, "scratch"), CI.tuning["search"]["scratch"]["cells"]
    tuning = search.candidates(CI, "scratch")
    assert len(tuning) == sum(len(values) for grid in grids.values() for values in grid.values())
    assert str(tuning[0]) == f"results/ci/tune-scratch/{next(iter(grids))}-c0/seed{CI.tuning['seed']}"
    found = [(cell.step, cell.sampler, cell.nfe) for cell in plan.cells(CI, tuning[0])]
    assert found == [(FINAL, sampler, nfe) for sampler in judged["samplers"] for nfe in judged["nfe"]]


def test_parents_golden():
    tuned = Run("ci", "finetune", "at", 0)
    assert plan.parents(CI, ADM) == {}
    assert plan.parents(CI, LONG) == {"continues": ADM}
    assert plan.parents(CI, tuned) == {"init": LONG}
    assert plan.parents(CI, dataclasses.replace(tuned, method="adm-3x")) == {
        "continues": Run("ci", "finetune", "adm", 0)
    }


def test_methods_share_everything_but_their_science():
    parts = [slices.training_slice(CI, run) for run in (ADM, IP, AT)]
    kinds = [part.pop("perturbation")["kind"] for part in parts]
    assert kinds == ["none", "gaussian", "adversarial"]
    assert parts[0] == parts[1] == parts[2]


def test_tuned_constants_are_filled_in():
    constants = CI.sizes["tuned"]["scratch"]
    assert slices.training_slice(CI, IP)["perturbation"] == {"kind": "gaussian", "gamma": constants["ip"]["gamma"]}
    assert slices.training_slice(CI, AT)["learning_rate"] == constants["adm"]["learning_rate"]
    candidate = slices.training_slice(CI, Run("ci", "tune-scratch", "at-c3", 100))
    assert candidate["perturbation"]["step_rms"] == search.grids(CI, "scratch")["at"]["step_rms"][3]


def test_missing_tuned_constant_is_refused(experiments):
    for scale in ("laptop", "ci"):
        edit(experiments / f"scales/{scale}.yaml", "tuned", "scratch", {"adm": {"learning_rate": 0.001}})
    assert re.search("tuned.scratch.ip.*gamma", refusal(lambda: slices.training_slice(load("ci"), IP)))


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
    runs = [run for suite in (*SUITES, "extractor") for run in plan.runs(benchmark, suite)]
    found = {str(run): slices.training_digest(benchmark, run) for run in runs}
    grid = [cell for run in runs for cell in plan.cells(benchmark, run)]
    return found | {str(cell): slices.evaluation_digest(benchmark, cell) for cell in grid}


def moved_by(experiments, name, *path_and_value):
    """Addresses whose digest an edit of an experiment file changes; those that it adds or removes do not count."""
    before = all_digests(load("ci"))
    edit(experiments / name, *path_and_value)
    config.load.cache_clear()
    after = all_digests(load("ci"))
    return {address for address in before.keys() & after.keys() if before[address] != after[address]}


def test_shuffled_files_change_no_digest(experiments):
    before = all_digests(load("ci"))
    for file in (experiments / "methods.yaml", *(experiments / "scales").glob("*.yaml")):
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()), sort_keys=True))
    config.load.cache_clear()
    assert all_digests(load("ci")) == before


@pytest.mark.parametrize(
    "change",
    [
        ("scales/ci.yaml", "suites", "scratch", "seeds", [0, 1]),
        ("scales/ci.yaml", "nfe", [5, 10, 20]),
        ("methods.yaml", "at", "label", "our method"),
        ("samplers.yaml", "ddim", "label", "DDIM, eta 0"),
        ("suites/scratch.yaml", "title", "From nothing"),
        ("suites/scratch.yaml", "methods", ["adm", "at", "adm-3x"]),
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
        f"results/ci/{suite}/{m}/seed0" for suite in ("scratch", "finetune") for m in CI.suite(suite)["methods"]
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
    parts = [slices.training_slice(CI, dataclasses.replace(ADM, seed=seed)) for seed in (0, 1)]
    assert digest(parts[0]) != digest(parts[1])
    assert {key for key in parts[0] if parts[0][key] != parts[1][key]} == {"seed_names"}


# The command line.

FINAL_CELL = "results/ci/scratch/adm/seed0/final/{}.json"
BAD_COMMANDS = {
    "unknown scale of a run": (["train", "results/laptopp/scratch/adm/seed0"], "laptopp"),
    "unknown suite": (["train", "results/ci/scrach/adm/seed0"], "scrach"),
    "suite without a size": (["train", "results/ci/tune-scrach/adm-c0/seed0"], "scrach"),
    "unknown method": (["train", "results/ci/scratch/amd/seed0"], "amd"),
    "unknown candidate": (["train", "results/ci/tune-scratch/at-c9/seed100"], "at-c9"),
    "method of another network": (["train", "results/ci/extractor/adm/seed0"], "model of network"),
    "address of a cell": (["train", FINAL_CELL.format("ddim-nfe5")], "not the address of a run"),
    "seed no integer": (["train", "results/ci/scratch/adm/seed1.5"], "not the address of a run"),
    "bad address": (["evaluate", "results/ci/scratch/adm"], "not the address of a cell"),
    "address of a run": (["evaluate", "results/ci/scratch/adm/seed0"], "not the address of a cell"),
    "nfe no integer": (["evaluate", FINAL_CELL.format("ddim-nfex")], "not the address of a cell"),
    "nfe 0": (["evaluate", FINAL_CELL.format("ddim-nfe0")], "nfe 0"),
    "nfe 0, iddpm": (["evaluate", FINAL_CELL.format("iddpm-nfe0")], "nfe 0"),
    "nfe 0, dpm-solver": (["evaluate", FINAL_CELL.format("dpm-solver-nfe0")], "nfe 0"),
    "nfe 1, iddpm": (["evaluate", FINAL_CELL.format("iddpm-nfe1")], "nearest valid nfe: 2"),
    "nfe 37, ddim": (["evaluate", FINAL_CELL.format("ddim-nfe37")], "nearest valid nfe"),
    "nfe 2000": (["evaluate", FINAL_CELL.format("iddpm-nfe2000")], "nearest valid nfe: 1000"),
    "nfe 2000, ddim": (["evaluate", FINAL_CELL.format("ddim-nfe2000")], "nearest valid nfe: 1000"),
    "unknown sampler": (["evaluate", FINAL_CELL.format("euler-nfe5")], "euler"),
    "two scales": (
        ["evaluate", *(f"results/{s}/scratch/adm/seed0/final/ddim-nfe5.json" for s in ("ci", "laptop"))],
        "scale",
    ),
    "nothing trained": (["evaluate", FINAL_CELL.format("ddim-nfe5")], "results/ci/"),
    "parent missing": (["train", "results/ci/scratch/adm-3x/seed0"], "scratch/adm/seed0/final/state.pt"),
    "show nothing": (["show", FINAL_CELL.format("ddim-nfe5")], "ddim-nfe5.json"),
    "show a run": (["show", "results/ci/scratch/adm/seed0"], "not the address of a cell"),
    "export nothing": (["export", FINAL_CELL.format("ddim-nfe5"), "x.npz"], "results/ci/"),
    "unknown scale": (["status", "--scale", "laptopp"], "laptopp"),
    "unknown suite of a report": (["status", "--scale", "ci", "--suites", "scrach"], "scrach"),
    "report outside": (["report", "--scale", "ci", "--only", "/tmp/table.csv"], "/tmp/table.csv"),
    "reference of nothing": (["reference", "--scale", "ci", "scratch"], "extractor/digits-cnn/seed0/config.json"),
    "score a missing folder": (["score", "--scale", "ci", "nowhere", "--name", "x"], "nowhere"),
    "tune nothing": (["tune", "--scale", "ci", "scratch"], "tune-scratch"),
    "tune an unknown suite": (["tune", "--scale", "ci", "scrach"], "scrach"),
}


def failed(arguments, capsys):
    """The single line on stderr with which a command ends by exit code 2."""
    assert cli.main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("atbench: ")
    return lines[0]


@pytest.mark.parametrize("name", BAD_COMMANDS)
def test_mistakes_end_in_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, name):
    arguments, word = BAD_COMMANDS[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATBENCH_DEVICE", "cpu")
    assert word in failed(arguments, capsys)
    assert not list(tmp_path.rglob("*.json"))


def test_unknown_device_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATBENCH_DEVICE", "tpu")
    assert "ATBENCH_DEVICE: 'tpu'" in failed(["train", "results/ci/scratch/adm/seed0"], capsys)


def test_absent_device_is_refused_and_not_replaced(tmp_path, monkeypatch, capsys):
    import torch

    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATBENCH_DEVICE", absent)
    assert "not available" in failed(["train", "results/ci/scratch/adm/seed0"], capsys)


def test_broken_main_file_is_one_line_too(experiments, capsys):
    edit(experiments / "config.yaml", "scael", "ci")
    assert "scael" in failed(["status"], capsys)


@pytest.mark.parametrize("arguments", [[], ["fly"], ["train"], ["report", "--seeds", "x"]])
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2 and "usage: atbench" in capsys.readouterr().err
