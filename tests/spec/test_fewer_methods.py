"""A scale may have fewer methods than a suite, and rivals of its samplers; by default its own suites stand for all."""

import pytest
from spoil import refusal, spoil

from atbench.spec.load import load, suites_at, workflow

BLOCK = ("suites", "scratch", "methods")


def test_a_scale_has_the_methods_that_it_names_in_the_order_of_the_suite(experiments):
    spoil(experiments / "scales/ci.yaml", *BLOCK, ["at", "adm"])
    suite = load("ci").suite("scratch")
    assert suite.methods == ("adm", "at") and suite.baseline == "adm"
    assert {run.address.method for run in suite.runs()} == {"adm", "at"}


@pytest.mark.parametrize(
    ("path", "methods", "words"),
    [
        (BLOCK, ["adm", "cm"], "suites.scratch.methods: unknown method of the suite 'cm'"),
        (BLOCK, ["adm", "no-such"], "suites.scratch.methods"),
        (BLOCK, ["at"], "suites.scratch.methods: must hold the suite's first, adm"),
        (BLOCK, [], "suites.scratch.methods"),
        (("suites", "ablations", "methods"), ["adm", "at-mid"], "suites.ablations.methods: lacks"),
    ],
    ids=["of another suite", "of none", "without the first", "none at all", "that a view shows"],
)
def test_what_cannot_be_left_out_or_taken_in_is_refused_by_file_and_key(experiments, path, methods, words):
    spoil(experiments / "scales/ci.yaml", *path, methods)
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
    block = ("suites", "scratch")
    assert "es-ddim" not in load("ci").suite("scratch").samplers
    spoil(experiments / "scales/ci.yaml", *block, "samplers", ["es-ddim", "ddim", "iddpm"])
    spoil(experiments / "scales/ci.yaml", *block, "sampling", {"es-ddim": {"eps_scale": 1.006}})
    load.cache_clear()
    assert load("ci").suite("scratch").samplers == ("iddpm", "ddim", "es-ddim")
    spoil(experiments / "scales/ci.yaml", *block, "samplers", ["iddpm", "es-heun"])
    load.cache_clear()
    message = refusal(lambda: load("ci"))
    assert "scales/ci.yaml: suites.scratch.samplers: unknown sampler of the suite 'es-heun'" in message
