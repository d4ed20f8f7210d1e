"""A scale has the methods of a suite but those it leaves out, and of its controls and rivals those that it names."""

import pytest
from spoil import refusal, spoil

from atbench.spec.load import load, suites_at, workflow
from atbench.spec.yaml import EXPERIMENTS

BLOCK = ("suites", "scratch")
MINE = {"extends": "at", "label": "Mine"}
SCALES = sorted(path.stem for path in EXPERIMENTS.glob("scales/*.yaml"))
WITH_SCRATCH = [scale for scale in SCALES if "scratch" in load(scale).file.suites]


def test_a_scale_leaves_methods_out_and_takes_controls_in_by_the_order_of_the_suite(experiments):
    spoil(experiments / "scales/ci.yaml", *BLOCK, "without", ["adm-3x", "ip"])
    spoil(experiments / "scales/ci.yaml", *BLOCK, "controls", ["at-mid", "replay"])
    suite = load("ci").suite("scratch")
    assert suite.methods == ("adm", "at", "replay", "at-mid") and suite.baseline == "adm"
    assert {run.address.method for run in suite.runs()} == set(suite.methods)


@pytest.mark.parametrize("scale", WITH_SCRATCH)
def test_a_method_that_joins_a_suite_is_trained_at_every_scale_of_it(experiments, scale):
    spoil(experiments / "methods.yaml", "my-at", MINE | {"suites": ["scratch"]})
    assert load(scale).suite("scratch").methods[-1] == "my-at"


@pytest.mark.parametrize("scale", WITH_SCRATCH)
def test_what_is_written_into_a_suite_is_made_at_every_scale_of_it(experiments, scale):
    declared = load(scale).declared["scratch"]
    before = load(scale).suite("scratch")
    spoil(experiments / "methods.yaml", "my-at", MINE)
    spoil(experiments / "suites/scratch.yaml", "methods", [*declared.methods, "my-at"])
    spoil(experiments / "samplers.yaml", "mine", {"label": "Mine", "kind": "ddim"})
    spoil(experiments / "suites/scratch.yaml", "samplers", [*declared.samplers, "mine"])
    load.cache_clear()
    after = load(scale).suite("scratch")
    assert set(after.methods) - set(before.methods) == {"my-at"} and len(after.methods) == len(before.methods) + 1
    assert set(after.samplers) - set(before.samplers) == {"mine"}


def test_a_control_that_joins_by_its_own_entry_is_one_row(experiments):
    spoil(experiments / "scales/ci.yaml", *BLOCK, "controls", ["replay"])
    spoil(experiments / "methods.yaml", "replay", "suites", ["scratch"])
    assert load("ci").suite("scratch").methods.count("replay") == 1


@pytest.mark.parametrize(
    ("path", "names", "words"),
    [
        ((*BLOCK, "without"), ["cm"], "suites.scratch.without: unknown method of the suite 'cm'"),
        ((*BLOCK, "without"), ["no-such"], "suites.scratch.without"),
        ((*BLOCK, "without"), ["adm"], "suites.scratch.without: adm is the suite's first"),
        (("suites", "ablations", "without"), ["at-whole"], "suites.ablations.without: at-whole is shown by the view"),
        (("suites", "extractor", "without"), ["digits-cnn", "fashion-cnn"], "suites.extractor.without: leaves no"),
        ((*BLOCK, "controls"), ["at"], "suites.scratch.controls: unknown control of the suite 'at'"),
        ((*BLOCK, "methods"), ["adm"], "suites.scratch.methods"),
    ],
    ids=["of another suite", "of none", "the first", "that a view shows", "all", "no control", "no such key"],
)
def test_what_cannot_be_left_out_or_taken_in_is_refused_by_file_and_key(experiments, path, names, words):
    spoil(experiments / "scales/ci.yaml", *path, names)
    message = refusal(lambda: load("ci"))
    assert "scales/ci.yaml" in message and words in message


def test_the_tour_has_three_methods_of_one_seed_and_says_that_it_releases_their_weights():
    tour = load("tour")
    assert [str(run.address.method) for run in tour.suite("scratch").runs()] == ["adm", "ip", "at"]
    assert tour.file.releases_weights == ("extractor", "scratch") and not load("workstation").file.releases_weights


def test_a_suite_whose_weights_are_to_be_released_is_one_that_exists(experiments):
    spoil(experiments / "scales/ci.yaml", "releases_weights", ["extractr"])
    message = refusal(lambda: load("ci"))
    assert "scales/ci.yaml: releases_weights: unknown suite 'extractr'; known: " in message


def test_a_suite_that_compares_nothing_may_lack_its_first():
    fashion, laptop = load("fashion").suite("extractor"), load("laptop").suite("extractor")
    assert fashion.methods == (fashion.baseline,) == ("fashion-cnn",) and laptop.methods == ("digits-cnn",)
    assert load("fashion").extractor_run.recipe.learning_rate == fashion.tuned["fashion-cnn"].learning_rate


def test_the_suites_of_the_configuration_are_those_that_a_scale_has():
    assert suites_at(load("tour"), workflow().suites) == ["scratch"]
    assert suites_at(load("laptop"), workflow().suites) == list(workflow().suites)


def test_a_suite_that_was_chosen_stays_to_be_refused_where_a_scale_lacks_it():
    assert suites_at(load("tour"), ["scratch", "finetune"]) == ["scratch", "finetune"]


def test_a_rival_of_a_suite_is_sampled_by_the_scale_that_names_it_and_by_no_other(experiments):
    plain = load("ci").suite("scratch").samplers
    assert "es-ddim" not in plain
    spoil(experiments / "scales/ci.yaml", *BLOCK, "rivals", ["es-ddim"])
    spoil(experiments / "scales/ci.yaml", *BLOCK, "sampling", {"es-ddim": {"eps_scale": 1.006}})
    load.cache_clear()
    assert load("ci").suite("scratch").samplers == (*plain, "es-ddim")
    spoil(experiments / "scales/ci.yaml", *BLOCK, "rivals", ["iddpm", "es-heun"])
    load.cache_clear()
    message = refusal(lambda: load("ci"))
    assert "scales/ci.yaml: suites.scratch.rivals: unknown rival of the suite 'iddpm'" in message
