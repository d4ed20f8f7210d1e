"""The closed-form check as a side measure: what its JSON holds, and the figure of it."""

import pytest
from altered import altered
from made_up import provenance

from atbench.probes.mixture import PROBE, page
from atbench.runtime.records import read_record, write_record
from atbench.spec.load import load

BENCHMARK = load("ci")


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Those of a small check, as the task writes them."""
    small = {"nfe": 6, "bumps": [2, 8], "radii": {"kl": [0.005, 0.5], "state": [0.1]}}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("mixture"))
        benchmark = altered(BENCHMARK, "mixture", **small)
        PROBE.measure(benchmark)
        record = read_record(PROBE.path(benchmark))
    assert record["config"] == {"mixture": PROBE.digest(benchmark)} != PROBE.digests(BENCHMARK)
    assert record["settings"] == PROBE.settings(BENCHMARK).written() | small
    assert {"commit", "device", "threads", "sources"} <= record["provenance"].keys()
    return record["rows"]


def record(rows, **changes):
    """A record with these rows."""
    settings = PROBE.settings(BENCHMARK).written()
    made = {"rows": rows, "settings": settings, "config": PROBE.digests(BENCHMARK), "provenance": provenance()}
    return made | changes


def test_figure_shows_ratios_to_plain_training_and_the_bound_over_the_divergence(rows, tmp_path):
    write_record(tmp_path / "mixture.json", record(rows))
    drawn = page.figure(BENCHMARK, page.collect(BENCHMARK, tmp_path))
    above, below = drawn.axes[0], drawn.axes[2]
    lines = {line.get_label(): line for line in [*above.get_lines(), *below.get_lines()]}
    last = {(row["objective"], row["radius"]): row for row in rows if row["bumps"] == 2 and row["t"] == 0}
    expected = last["kl", 0.5]["kl_pq"] / last["plain", 0.0]["kl_pq"]
    assert lines["DRO, KL ball of 0.5 nats"].get_ydata()[-1] == pytest.approx(expected)
    plain = last["plain", 0.0]
    slack = lines[page.BOUND].get_ydata()
    assert slack[-1] == pytest.approx((plain["bound"] - plain["nll"] + plain["kl_qp"]) / plain["kl_qp"])
    assert (slack > 1).all()


def test_measures_of_other_settings_are_left_out_and_damaged_ones_named(rows, tmp_path, capfd):
    write_record(tmp_path / "mixture.json", record(rows, config={"mixture": "0" * 16}))
    assert page.collect(BENCHMARK, tmp_path).empty
    assert page.figure(BENCHMARK, page.collect(BENCHMARK, tmp_path)).axes[0].get_lines() == []
    write_record(tmp_path / "mixture.json", record([rows[0] | {"t": 1.5}]))
    assert page.collect(BENCHMARK, tmp_path).empty
    assert "mixture.json: rows.0.t: 1.5: must be" in capfd.readouterr().err
