"""The README's answer: words, tables and a picture that say no more than the verdicts."""

import matplotlib
import pandas as pd
import pytest

from atbench.judgement.claims import NOTHING, OPEN, REFUTED, SUPPORTED
from atbench.report import headline
from atbench.report.render import MINUS, NO_RESULTS
from atbench.report.style import RC
from atbench.runtime.errors import UserError

FIRST, SECOND, THIRD, FOURTH = headline.PRIMARY


def verdicts(seeds=12, finetuned=NOTHING, **of):
    """Verdicts on all rows in both suites: ``of`` has those of claims from scratch, inconclusive where it has none."""
    rows = []
    for row in (*headline.PRIMARY, *headline.RIVALS):
        for suite in headline.SUITES:
            if suite == "finetune" and row in headline.RIVALS:
                continue  # not asked there
            scratch = of.get(row.claim.replace("-", "_"), OPEN)
            verdict = scratch if suite == "scratch" else finetuned
            made = {"claim": row.claim, "budget": row.budget, "suite": suite, "verdict": verdict, "seeds": seeds}
            made |= {"unit": "relative", "margin": 0.05, "gain": 0.1, "low": -0.2, "high": 0.3}
            rows.append(made if verdict != NOTHING else made | {"gain": None, "low": None, "high": None, "seeds": 0})
    return pd.DataFrame(rows)


def test_the_sentence_gives_each_verdict_the_rows_that_have_it():
    found = headline.sentence(verdicts(against_replay=REFUTED, against_random_direction=SUPPORTED))
    assert found == (
        "Trained from scratch, 12 seeds: that AT samples better is **supported** against random perturbations of the "
        "same length; **not supported** against its own updates without a perturbation (`replay`); **inconclusive** "
        "against ADM of as many updates and ADM-IP of as many batches. Fine-tuned from one common ADM: no results yet."
    )


def test_before_the_last_declared_seed_all_are_inconclusive():
    assert headline.sentence(verdicts(seeds=5)).startswith(
        "Trained from scratch, 5 of 12 seeds: all **inconclusive**, for a verdict is given once, with the last seed."
    )


def test_suites_that_wait_for_seeds_share_a_sentence():
    assert headline.sentence(verdicts(seeds=5, finetuned=OPEN)) == (
        "Trained from scratch, 5 of 12 seeds; Fine-tuned from one common ADM, 5 of 12 seeds: all **inconclusive**, for "
        "a verdict is given once, with the last seed."
    )


def test_each_table_counts_its_own_seeds():
    numbers = verdicts()
    numbers.loc[numbers.claim == "with-training-free", "seeds"] = 11
    first, second = headline.tables(numbers).split("\n\n")
    assert "12 seeds" in first.splitlines()[0] and "11 of 12 seeds" in second.splitlines()[0]


def test_the_text_says_what_at_is_and_what_all_seeds_can_find():
    said = headline.text(verdicts())
    assert "3 updates on each batch, after steps of 0.00625 per dimension, 3.5 times the published ones" in said
    assert "All 12 seeds find a gain of 31\N{NO-BREAK SPACE}% four times in five" in said
    assert "FD-fashion to held-out images (**not FID**), on average over IDDPM and DDIM at 5, 10 and 20" in said
    assert "*Corrected*: by IDDPM, DCW and DDIM, DCW" in said


def test_a_suite_without_results_has_no_column_and_what_is_not_asked_a_dash():
    first, second = headline.tables(verdicts(against_replay=SUPPORTED)).split("\n\n")
    assert first.splitlines()[0] == "| AT gains in few steps over (primary tests) | Trained from scratch, 12 seeds |"
    assert first.splitlines()[2].endswith(f"| **supported**: +10 % [{MINUS}20, +30] |")
    both, rivals = headline.tables(verdicts(finetuned=OPEN)).split("\n\n")
    assert both.splitlines()[0].endswith(
        "| Trained from scratch, 12 seeds | Fine-tuned from one common ADM, 12 seeds |"
    )
    assert len(rivals.splitlines()) == 2 + len(headline.RIVALS) and rivals.splitlines()[0] == second.splitlines()[0]


def test_gains_without_an_interval_stand_alone():
    numbers = verdicts(seeds=1).assign(low=float("nan"), high=float("nan"))
    assert "| inconclusive: +10 % |" in headline.tables(numbers)


def test_a_row_that_no_claim_asks_about_is_refused():
    numbers = verdicts()
    with pytest.raises(UserError, match="no claim 'against-replay' at equal updates"):
        headline.tables(numbers[numbers.claim != "against-replay"])


def test_the_picture_has_a_panel_for_each_suite_with_results_and_a_mark_for_each_row():
    with matplotlib.rc_context(RC):
        one = headline.picture(verdicts(against_replay=SUPPORTED))
        two = headline.picture(verdicts(finetuned=REFUTED))
    assert len(one.axes) == 1 and len(two.axes) == 2
    labels = {text.get_text() for legend in two.legends for text in legend.get_texts()}
    assert labels == {"the least gain that counts, 5%", "decided", OPEN}
    marks = sum(len(container[0].get_xdata()) for container in one.axes[0].containers)
    assert marks == len(headline.PRIMARY) + len(headline.RIVALS)
    assert one.axes[0].get_yticklabels()[0].get_text() == FIRST.words.replace("`", "")


def test_without_any_result_there_is_no_picture():
    with pytest.raises(UserError, match="results/released/fashion: no results of scratch, finetune"):
        headline.picture(verdicts().assign(verdict=NOTHING))


def test_its_numbers_in_words_leave_out_what_has_no_results():
    said = headline.in_numbers(verdicts())
    assert said.count(";") == len(headline.PRIMARY) + len(headline.RIVALS) - 1 and "finetune" not in said
    assert said.startswith("scratch, against-replay, equal updates: 0.1000 [-0.2000, 0.3000]")
    assert NO_RESULTS not in said
