"""Experiment files: what is unknown or out of range is refused by file and key, files extend each other."""

import copy

import pytest
import yaml
from spoil import refusal, spoil

from atbench.spec.address import FINAL
from atbench.spec.load import load, workflow
from atbench.spec.scales import scale_values
from atbench.spec.yaml import EXPERIMENTS, merge, plain, read_yaml

SCALES = sorted(path.stem for path in (EXPERIMENTS / "scales").glob("*.yaml"))
NAMES = {  # schema -> one file that it governs, and a key below which keys are fixed
    "methods": ("methods.yaml", ("at",)),
    "samplers": ("samplers.yaml", ("ddim",)),
    "suite": ("suites/scratch.yaml", ()),
    "scale": ("scales/ci.yaml", ()),
    "tuning": ("tuning.yaml", ()),
    "mixture": ("mixture.yaml", ()),
    "cost": ("cost.yaml", ()),
    "noise": ("noise.yaml", ()),
    "recognition": ("recognition.yaml", ()),
    "claims": ("claims.yaml", ()),
    "reviews": ("reviews.yaml", ()),
    "wide": ("wide.yaml", ()),
}
CI = load("ci")


# Refusals.


@pytest.mark.parametrize("schema", NAMES)
def test_unknown_key_is_refused_by_file_and_key(experiments, schema):
    name, path = NAMES[schema]
    spoil(experiments / name, *path, "colour", "red")
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
    spoil(experiments / name, *path, value)
    message = refusal(lambda: load("ci"))
    assert name in message and path[-1] in message


def test_unknown_key_of_the_main_file_is_refused(experiments):
    spoil(experiments / "config.yaml", "scael", "ci")
    message = refusal(lambda: workflow())
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
    ("samplers.yaml", ("ddim", "kind"), "euler-maruyama"),
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
    spoil(experiments / name, *path, value)
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
    spoil(experiments / name, *path, value)
    message = refusal(lambda: load("ci"))
    assert word in message and name in message


def test_claims_of_one_family_state_it_alike(experiments):
    family = {"name": "primary", "pilot_std": 0.5}
    spoil(experiments / "claims.yaml", "claims", "against-random-direction", "family", family)
    assert "claims.against-random-direction.family: another claim states primary otherwise" in refusal(
        lambda: load("ci")
    )


def test_a_margin_above_another_metric_is_relative(experiments):
    spoil(experiments / "claims.yaml", "claims", "mismatch", "margin", {"absolute": 0.1, "above": "exposure_floor"})
    assert "claims.mismatch.margin" in refusal(lambda: load("ci"))


def test_step_counts_of_a_claim_may_be_named_one_by_one():
    only = CI.claims["against-equal-updates"].nfe
    assert [nfe for nfe in (5, 8, 10, 20, 50) if only.holds(nfe)] == [5, 10, 20]


def test_unknown_scale_suite_method_sampler_list_the_known_ones():
    assert "'laptopp'" in refusal(lambda: load("laptopp")) and "workstation" in refusal(lambda: load("laptopp"))
    assert "finetune" in refusal(lambda: CI.suite("tune"))
    assert "adm-3x" in refusal(lambda: CI.suite("scratch").run("ddpm", 0))
    assert "dpm-solver" in refusal(lambda: CI.suite("scratch").run("adm", 0).cell(FINAL, "leapfrog", 5).slice)


def test_unknown_base_of_a_scale_is_refused(experiments):
    spoil(experiments / "scales/ci.yaml", "extends", "labtop")
    assert "labtop" in refusal(lambda: load("ci"))


@pytest.mark.parametrize("method", ["cm-ip", "digits-cnn", "edm"])
def test_a_perturbation_is_refused_where_the_network_gives_not_what_it_needs(experiments, method):
    spoil(experiments / "methods.yaml", method, "perturbation", {"kind": "dream", "power": 1.0})
    message = refusal(lambda: load("ci"))
    trained = {"cm-ip": "consistency", "digits-cnn": "classify", "edm": "denoising"}[method]
    reason = f"'dream' perturbs networks of noise-prediction, and {method} trains {trained}"
    assert message == f"experiments/methods.yaml: {method}.perturbation.kind: {reason}"


@pytest.mark.parametrize("candidate", ["at-c4", "at-c", "at-cx", "ddpm-c0", "at"])
def test_unknown_tuning_candidate_is_refused(candidate):
    assert candidate.partition("-c")[0] in refusal(lambda: CI.suite("tune-scratch").run(candidate, 100))


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
        assert load(scale).file.nfe


def test_extends_merges_mappings_and_replaces_lists(experiments):
    base, ci = load("workstation").file.written(), load("ci").file.written()
    assert ci["nfe"] == [5, 10] and base["nfe"] == [5, 8, 10, 20, 50]
    assert ci["training"] == base["training"] and ci["tuned"] == base["tuned"]
    assert ci["suites"]["extractor"] == base["suites"]["extractor"] | {"batches": 40}
    (experiments / "scales/mine.yaml").write_text("extends: ci\nsuites: {scratch: {seeds: [7, 8]}}\n")
    mine = load("mine").file.written()["suites"]["scratch"]
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
    spoil(experiments / "scales/ci.yaml", "nfe", {"value": [5, 10], "source": "paper, Table 1", "why": "as published"})
    spoil(experiments / "scales/ci.yaml", "model", "channels", {"value": 8, "source": "ours"})
    assert load("ci").file.written() == CI.file.written()
    assert scale_values("ci")["nfe"]["source"] == "paper, Table 1"
    assert plain({"value": 1}) == {"value": 1}  # without a source it is an ordinary key


# A typo anywhere.

FREE = {  # places where a file declares names of its own
    "methods.yaml": ((),),
    "samplers.yaml": ((),),
    "claims.yaml": (("claims",),),
    "suites/ablations.yaml": (("views",),),
    "noise.yaml": (("settings",),),
}
FILES = ["methods.yaml", "samplers.yaml", "claims.yaml", "reviews.yaml", "tuning.yaml", "scales/ci.yaml"]
FILES += ["scales/workstation.yaml", "suites/ablations.yaml", "suites/consistency.yaml"]
FILES += ["mismatch.yaml", "heldout.yaml", "wide.yaml", "cost.yaml", "mixture.yaml", "noise.yaml", "recognition.yaml"]


def keys_of(content, path=()):
    """Every (path of keys, key) of nested mappings."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        if isinstance(content, dict):
            yield path, key
        yield from keys_of(value, (*path, key))


def misspelt(content, path, key):
    """A copy in which one key has a letter too many."""
    copied = copy.deepcopy(content)
    place = copied
    for step in path:
        place = place[step]
    place[f"{key}x"] = place.pop(key)
    return copied


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_typo_in_any_block_is_refused_with_file_and_key(experiments, name):
    """`widht` in a network's constructor arguments once went through to the training job."""
    file = experiments / name
    content = yaml.safe_load(file.read_text())
    tried = [(path, key) for path, key in keys_of(content) if path not in FREE.get(name, ()) and key != "extends"]
    assert tried
    for path, key in tried:
        file.write_text(yaml.safe_dump(misspelt(content, path, key)))
        load.cache_clear()
        message = refusal(lambda: load("ci"))
        assert name in message, (path, key, message)
        assert f"{key}x" in message or key in message, (path, key, message)


def test_the_nearest_known_name_is_offered_and_the_file_that_wrote_it_named(experiments):
    spoil(experiments / "scales/workstation.yaml", "suites", "extractor", "model", {"widht": 32})
    expected = "workstation.yaml: suites.extractor.model.widht: unknown key 'widht'; did you mean 'width'?"
    assert refusal(lambda: load("ci")).endswith(expected)


def test_a_number_may_be_written_as_in_yaml_1_2_and_must_be_finite(experiments):
    file = experiments / "methods.yaml"
    file.write_text(file.read_text().replace("gamma: 0.15", "gamma: 15e-2"))
    assert load("ci").methods["ip-script"].perturbation.gamma == 0.15
    for value in (".nan", ".inf"):
        load.cache_clear()
        file.write_text(file.read_text().replace("15e-2", value))
        assert "methods.yaml: ip-script.perturbation.gamma" in refusal(lambda: load("ci"))
        file.write_text(file.read_text().replace(value, "15e-2"))


# Files as people save them.


@pytest.mark.parametrize("name", ["suites/._scratch.yaml", "scales/._ci.yaml", "suites/.scratch.yaml.swp"])
def test_hidden_files_are_not_read(experiments, name):
    (experiments / name).write_bytes(b"\x00\x05\x16\x07")
    assert load("ci").suites


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_file_that_is_not_utf_8_is_named(experiments, encoding):
    file = experiments / "suites/scratch.yaml"
    file.write_text(file.read_text() + "# \u00e9\n", encoding=encoding)
    message = refusal(lambda: load("ci"))
    assert "suites/scratch.yaml: not UTF-8 text" in message


@pytest.mark.parametrize("name", ["My_Suite", "my suite", "MySuite", "a--b"])
@pytest.mark.parametrize("kind", ["suites", "scales"])
def test_a_name_that_no_address_can_hold_is_refused_when_it_is_read(experiments, kind, name):
    text = (experiments / "suites/scratch.yaml").read_text() if kind == "suites" else "extends: ci\n"
    (experiments / f"{kind}/{name}.yaml").write_text(text)
    message = refusal(lambda: load(name if kind == "scales" else "ci"))
    assert f"{kind}/{name}.yaml" in message and "lower-case letters, digits and single hyphens" in message
