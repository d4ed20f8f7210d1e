"""Training-free samplers that a scale names as the best, and claims that compare them: what is refused, what stands."""

import pytest
from rivals import BEST, with_rivals
from spoil import refusal, spoil

from atbench.judgement.comparisons import comparisons
from atbench.runtime.records import read_record
from atbench.spec.load import load
from atbench.spec.rivals import base_of
from atbench.spec.yaml import EXPERIMENTS

CLAIMS = [name for name, claim in load("ci").claims.items() if claim.training_free]
CORRECTED = {
    "iddpm": ["es", "es-linear", "dcw-iddpm"],
    "ddim": ["es-ddim", "dcw-ddim", "shift-label", "shift-destination", "shift-control", "shift-next"],
    "heun": ["es-heun", "dcw-heun"],
    "euler": ["es-euler", "dcw-euler"],
}


def test_every_correction_knows_the_plain_sampler_that_it_corrects():
    samplers = load("ci").samplers
    found = {base: [name for name in samplers if base_of(name, samplers) == base] for base in samplers}
    assert {base: names for base, names in found.items() if names} == CORRECTED


def test_the_claims_stand_where_a_scale_names_the_best_and_nowhere_else(experiments):
    before = comparisons(load("ci"), ["scratch"])
    assert CLAIMS and not any(each.claim in CLAIMS for each in before)
    with_rivals(experiments)
    load.cache_clear()
    found = [each for each in comparisons(load("ci"), ["scratch"]) if each.claim in CLAIMS]
    assert {each.suite for each in found} == {"scratch"}
    by_claim = {(each.claim, each.budget): each for each in found}
    assert len(found) == len(by_claim) == 6
    over, both = by_claim["over-training-free", "batches"], by_claim["with-training-free", "updates"]
    assert (over.method, over.samplers) == ("at-mid", ("iddpm", "ddim"))
    assert (over.baseline, over.baseline_samplers) == ("adm", ("dcw-iddpm", "es-ddim"))
    assert both.samplers == both.baseline_samplers == ("dcw-iddpm", "es-ddim") and both.baseline == "adm-3x"
    assert by_claim["over-training-free-replay", "updates"].baseline == "replay"


def test_a_claim_together_wants_all_of_its_samplers_named_and_each_those_that_are(experiments):
    with_rivals(experiments, best={"ddim": "es-ddim"})
    assert not any(each.claim in CLAIMS for each in comparisons(load("ci"), ["scratch"]))
    spoil(experiments / "claims.yaml", "claims", "over-training-free", "judged", "each")
    load.cache_clear()
    found = [each for each in comparisons(load("ci"), ["scratch"]) if each.claim in CLAIMS]
    assert {(each.claim, each.samplers, each.baseline_samplers) for each in found} == {
        ("over-training-free", ("ddim",), ("es-ddim",))
    }


@pytest.mark.parametrize(
    ("best", "words"),
    [
        ({"iddpm": "dcw-idpm"}, "scratch.best_training_free.iddpm: unknown sampler 'dcw-idpm'"),
        ({"iddmp": "dcw-iddpm"}, "scratch.best_training_free: unknown sampler 'iddmp'"),
        ({"iddpm": "es-linear"}, "iddpm: unknown sampler of the suite at this scale 'es-linear'; known: dcw-ddim"),
        ({"heun": "es-ddim"}, "heun: unknown sampler of the suite at this scale 'heun'"),
        ({"iddpm": "dcw-ddim"}, "iddpm: 'dcw-ddim' is no training-free correction of 'iddpm'"),
        ({"iddpm": "ddim"}, "iddpm: 'ddim' is no training-free correction of 'iddpm'"),
        ({"es": "dcw-iddpm"}, "es: 'dcw-iddpm' is no training-free correction of 'es'"),
    ],
)
def test_a_best_sampler_that_cannot_be_is_refused_by_file_and_key(experiments, best, words):
    with_rivals(experiments, best=best)
    message = refusal(lambda: load("ci"))
    assert message.startswith("experiments/scales/ci.yaml: suites.scratch.best_training_free") and words in message


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("samplers", ["lcm"], "samplers: unknown sampler with a training-free correction 'lcm'"),
        ("training_free", "method", "training_free: 'method' is not allowed; allowed: 'baseline', 'both'"),
        ("points", "curve", "training_free: compares cells of the grid, not curve"),
        ("family", {"name": "primary", "pilot_std": 0.3}, "training_free: its tests depend on the scale"),
    ],
)
def test_a_claim_that_no_scale_could_judge_is_refused(experiments, key, value, words):
    spoil(experiments / "claims.yaml", "claims", "over-training-free", key, value)
    assert words in refusal(lambda: load("ci"))


def test_a_named_sampler_is_part_of_no_digest(experiments):
    with_rivals(experiments, best={})
    before = [cell.digest for cell in load("ci").suite("scratch").cells()]
    with_rivals(experiments, best=BEST)
    load.cache_clear()
    assert [cell.digest for cell in load("ci").suite("scratch").cells()] == before


def test_where_a_search_was_released_its_best_are_the_named():
    """No scale may pick a rival by the results that it reports."""
    for path in (EXPERIMENTS.parent / "results/released").glob("*/tuning/*-samplers.json"):
        scale, record = path.parent.parent.name, read_record(path)
        block = load(scale).suite(record["suite"]).size
        assert {base: record["best"][base] for base in block.best_training_free} == block.best_training_free
