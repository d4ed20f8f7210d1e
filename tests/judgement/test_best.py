"""What is set in bold: who beats every method of an equal budget, by paired seeds."""

import pandas as pd
import pytest

from atbench.judgement.best import winners
from atbench.reading.methods import budgets
from atbench.spec.load import load

SUITE, STUDENTS = load("ci").suite("scratch"), load("ci").suite("consistency")
SEEDS = (0, 1, 2)


def cells(suite=SUITE, **distances) -> pd.DataFrame:
    """A cell per method and seed at one sampler and NFE; a method's distances by seed, NaN where it lacks them."""
    names = {name.replace("-", "_"): name for name in suite.methods}
    rows = [
        {"sampler": "ddim", "nfe": 5, "method": names[name], "seed": seed, "fd": value, "is": 9 - value}
        for name, values in distances.items()
        for seed, value in zip(SEEDS, values)
    ]
    return pd.DataFrame(rows)


def methods(suite, frame, metric="fd") -> set[str]:
    return {method for _, _, method in winners(suite, frame, metric)}


def test_methods_of_equal_budget_are_compared_and_no_others():
    spent = budgets(SUITE)
    assert spent["at"].level_with(spent["adm-3x"]) and not spent["at"].level_with(spent["adm"])
    # AT is the best of all, but of ADM and ADM-IP, which had a third of its updates, ADM is the better.
    frame = cells(adm=(3, 4, 5), ip=(4, 5.1, 6), at=(1, 2, 3), adm_3x=(2, 3, 4.1))
    assert methods(SUITE, frame) == {"adm", "at"}
    assert methods(SUITE, frame[frame.method != "adm-3x"]) == {"adm"}  # nobody is left whom AT could beat


def test_forward_passes_make_a_budget_equal_too():
    spent = budgets(STUDENTS)
    assert spent["cm-at"].level_with(spent["cm-forward"]) and spent["cm-at"].level_with(spent["cm-3x"])
    assert not spent["cm-forward"].level_with(spent["cm-3x"])
    beats_one = cells(STUDENTS, cm_at=(2, 3, 4), cm_forward=(3, 4, 5.1), cm_3x=(1, 2, 3.1))
    assert methods(STUDENTS, beats_one) == {"cm-3x"}
    beats_both = cells(STUDENTS, cm_at=(1, 2, 3), cm_forward=(3, 4, 5.1), cm_3x=(2, 3, 4.1))
    assert methods(STUDENTS, beats_both) == {"cm-at"}


@pytest.mark.parametrize(
    ("ip", "bold"),
    [((2, 3, 4.1), {"ip"}), ((2, 5, 4), set()), ((3, 4, 5), set())],
    ids=["clear in every seed", "lower in the mean alone", "equal"],
)
def test_the_paired_interval_must_exclude_zero(ip, bold):
    assert methods(SUITE, cells(adm=(3, 4, 5), ip=ip)) == bold


def test_one_common_seed_has_no_interval_and_no_winner():
    nan = float("nan")
    assert methods(SUITE, cells(adm=(3, nan, nan), ip=(1, 1, 1))) == set()
    assert methods(SUITE, cells(adm=(3,), ip=(1,))) == set()


def test_a_score_is_better_where_it_is_higher():
    assert methods(SUITE, cells(adm=(3, 4, 5), ip=(2, 3, 4.1)), "is") == {"ip"}


def test_rivals_without_a_result_do_not_count_and_a_sole_survivor_has_won_nothing():
    nan = float("nan")
    assert methods(SUITE, cells(adm=(nan, nan, nan), ip=(1, 2, 3))) == set()
    students = cells(STUDENTS, cm_at=(1, 2, 3), cm_forward=(nan, nan, nan), cm_3x=(2, 3, 4.1))
    assert methods(STUDENTS, students) == {"cm-at"}
