"""Constants of training-free rivals: where they stand, where they are missed, what of them a digest counts."""

import pytest
from spoil import refusal, spoil

from atbench.spec.address import parse_cell
from atbench.spec.load import load, load_cell
from atbench.spec.models.samplers import KINDS
from atbench.spec.yaml import EXPERIMENTS, read_yaml

BASE, CI = "scales/workstation.yaml", "scales/ci.yaml"
SAMPLERS = read_yaml(EXPERIMENTS / "samplers.yaml")
CORRECTIONS = ("eps_scale", "eps_slope", "dcw", "time_shift")
PUBLIC = {
    ("scratch", "adm", "es-linear", 20): {"eps_scale": 1.0, "eps_slope": 0.0025},
    ("class-conditional", "adm", "es-linear", 20): {"eps_scale": 1.0041, "eps_slope": 0.0002},
    ("class-conditional", "adm", "es", 5): {"eps_scale": 1.006},
    ("edm", "edm", "es-heun", 13): {"eps_scale": 1.0060},
    ("edm", "edm", "es-euler", 35): {"eps_scale": 1.0034},
    ("consistency", "teacher", "es-heun", 35): {"eps_scale": 1.0005},
    ("edm", "edm", "dcw-euler", 13): {"dcw": {"low": 0.005, "high": 0.0, "weights": "level"}},
    ("finetune", "at", "shift-destination", 5): {"time_shift": {"moves": "destination", "window": 80, "cutoff": 300}},
    ("scratch", "at", "shift-control", 5): {"time_shift": {"moves": "destination", "window": 0, "cutoff": 300}},
}


def cell_of(scale, suite, method, sampler, nfe):
    return load_cell(parse_cell(f"results/{scale}/{suite}/{method}/seed0/final/{sampler}-nfe{nfe}.json"))


@pytest.mark.parametrize("point", PUBLIC, ids=lambda point: "-".join(map(str, point)))
def test_public_constants_stand_at_the_data_set_and_step_count_of_their_source(point):
    cell = cell_of("paper", *point)
    assert cell.steps == point[-1]
    assert {key: cell.slice["sampler"][key] for key in CORRECTIONS if key in cell.slice["sampler"]} == PUBLIC[point]


def test_a_constant_at_another_step_count_is_no_part_of_a_digest(experiments):
    before = cell_of("ci", "scratch", "adm", "es", 10).digest

    def digest_with(table):
        spoil(experiments / CI, "suites", "scratch", "sampling", {"es": {"eps_scale": table}})
        load.cache_clear()
        return cell_of("ci", "scratch", "adm", "es", 10).digest

    assert before == digest_with({10: 1.017, 5: 1.0}) == digest_with({10: 1.017, 5: 1.1})
    assert before != digest_with({10: 1.018, 5: 1.0})


def test_a_rival_without_constants_is_refused_by_the_key_that_they_belong_to(experiments):
    for sampler, key in (("es-ddim", "eps_scale"), ("dcw-ddim", "dcw.low"), ("shift-label", "time_shift.window")):
        spoil(experiments / "suites/scratch.yaml", "samplers", [sampler])
        spoil(experiments / "suites/scratch.yaml", "curves", None)
        spoil(experiments / "suites/scratch.yaml", "grids", None)
        message = refusal(lambda: load("ci"))
        assert f"scales/ci.yaml: suites.scratch.sampling.{sampler}.{key}: missing" in message


def test_a_table_that_lacks_a_step_count_of_the_grid_is_refused(experiments):
    spoil(experiments / CI, "suites", "scratch", "sampling", {"es": {"eps_scale": {5: 1.0}}})
    message = refusal(lambda: load("ci"))
    assert "scales/ci.yaml: suites.scratch.sampling.es.eps_scale: missing at nfe 10; there is a value at 5" in message


@pytest.mark.parametrize("key", CORRECTIONS)
def test_the_refusal_of_a_correction_says_for_which_samplers_it_is_defined(experiments, key):
    spoil(experiments / "samplers.yaml", "dpm-solver", key, 1.0)
    message = refusal(lambda: load("ci"))
    kinds = [kind for kind, found in KINDS.items() if key in {option.name for option in found.options}]
    assert f"samplers.yaml: dpm-solver.{key}: no source defines" in message
    assert message.endswith(f"for 'dpm-solver++', only for {', '.join(kinds)}") and kinds


def test_every_constant_of_a_rival_is_the_scales():
    """But for the control's window: what holds for one data set would be taken for another."""
    rivals = [name for name in SAMPLERS if name.partition("-")[0] in ("dcw", "shift") or name.startswith("es-")]
    assert len(rivals) == 12
    for name in rivals:
        entry = SAMPLERS[name]
        found = [entry[key] for key in CORRECTIONS if key in entry]
        values = [value for each in found for value in (each.values() if isinstance(each, dict) else [each])]
        assert [value for value in values if not isinstance(value, str)] == ([0] if name == "shift-control" else []), (
            name
        )
