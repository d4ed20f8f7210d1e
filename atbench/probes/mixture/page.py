"""Figure of the closed-form check on a Gaussian mixture: what robust objectives do to the mismatch, and the bound."""

from pathlib import Path

import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench.probes.mixture import PROBE
from atbench.report.figures import ONE_TWO_FIVE, PANEL, empty, heading, legend, log_axis, sheet
from atbench.report.style import REFERENCE, narrow
from atbench.spec.benchmark import Benchmark

PLAIN = "plain"
TITLE = "A Gaussian mixture in closed form: robust objectives along sampling"
LABELS = {"kl": "DRO, KL ball of {:g} nats", "state": "AT, ball of states of {:g}"}
# By rising radius. Adversarial training has its colour of all figures, lighter and darker; DRO one that no method has.
COLOURS = {"kl": ("#bcbddc", "#807dba", "#4a1486"), "state": ("#f4a577", "#d55e00", "#7a2f00")}
MARKERS = {"kl": "^", "state": "D"}
BOUND = "plain training: bound on KL(q, p) over KL(q, p)"


def collect(benchmark: Benchmark, root: Path) -> pd.DataFrame:
    """The rows of a scale's ``mixture.json``; empty where it is missing, refused or was made by other settings."""
    record = PROBE.shown(benchmark, root)
    return pd.DataFrame(record["rows"] if record else [])


def figure(benchmark: Benchmark, frame: pd.DataFrame) -> Figure:
    """A column per number of bumps; above, the divergence over that of plain training, below, the bound over its own.

    ``frame`` comes from `collect`.
    """
    title = f"{TITLE} (scale {benchmark.scale})."
    if frame.empty:
        return empty(title)
    bumps = sorted(frame.bumps.unique())
    drawn = sheet(2 * PANEL)
    panels = drawn.subplots(2, len(bumps), sharex=True, sharey="row", squeeze=False)
    for above, below, count in zip(*panels, bumps):
        chosen = frame[frame.bumps == count]
        _ratios(above, chosen)
        _bound(below, chosen)
        above.set_title(f"{count} bumps")
        below.set_xlabel("timestep t" if narrow() else "timestep t (right: more noise)")
    panels[0, 0].set_ylabel("divergence KL(p, q),\nover plain training's")
    panels[1, 0].set_ylabel("bound on KL(q, p),\nover KL(q, p)")
    steps = PROBE.settings(benchmark).nfe
    heading(drawn, title, f"Exact values, no spread; {steps} steps; bumps: how rich the fitted function is.")
    legend(drawn)
    return drawn


def _ratios(axes: Axes, rows: pd.DataFrame) -> None:
    plain = rows[rows.objective == PLAIN].set_index("t").kl_pq
    axes.axhline(1, color=REFERENCE.colour, lw=0.6)
    for objective, label in LABELS.items():
        robust = rows[rows.objective == objective]
        for place, radius in enumerate(sorted(robust.radius.unique())):
            line = robust[robust.radius == radius].set_index("t").kl_pq / plain
            colour = COLOURS[objective][min(place, len(COLOURS[objective]) - 1)]
            axes.plot(line.index, line, color=colour, marker=MARKERS[objective], label=label.format(radius))
    log_axis(axes.yaxis, ticker.LogLocator(subs=ONE_TWO_FIVE))


def _bound(axes: Axes, rows: pd.DataFrame) -> None:
    """Plain training: excess of the bound on E_q[-log p] over the entropy of q, the least possible, over KL(q, p)."""
    plain = rows[rows.objective == PLAIN].set_index("t")
    excess = plain.bound - plain.nll + plain.kl_qp
    axes.axhline(1, color=REFERENCE.colour, lw=0.6)
    axes.plot(excess.index, excess / plain.kl_qp, color="#000000", marker="o", label=BOUND)
