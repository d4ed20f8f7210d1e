"""Figure of the closed-form check on a Gaussian mixture: what robust objectives do to the mismatch, and the bound."""

from pathlib import Path

import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench.probes.mixture import PROBE
from atbench.reading.tree import Tree
from atbench.report.figures import ONE_TWO_FIVE, PANEL, WIDTH, empty, legend, log_axis
from atbench.report.style import REFERENCE, Style
from atbench.spec.benchmark import Benchmark

PLAIN = "plain"
TITLE = "A Gaussian mixture in closed form: robust objectives along sampling"
LABELS = {"kl": "DRO, KL ball", "state": "AT, ball of states"}
COLOURS = {"kl": ("#56b4e9", "#0072b2", "#00344f"), "state": ("#e69f00", "#d55e00", "#7a2f00")}  # by rising radius
MARKERS = {"kl": "^", "state": "D"}


def collect(benchmark: Benchmark, root: Path) -> pd.DataFrame:
    """The rows of a scale's ``mixture.json``; empty where it is missing, refused or was made by other settings."""
    record = Tree(root).shown(Path(root) / PROBE.path(benchmark).name, PROBE.form)
    current = record is not None and record["config"] == PROBE.digests(benchmark)
    return pd.DataFrame(record["rows"] if record and current else [])


def figure(benchmark: Benchmark, frame: pd.DataFrame) -> Figure:
    """A column per number of bumps; above, the divergence over that of plain training, below, nats and their bound.

    ``frame`` comes from `collect`.
    """
    title = f"{TITLE} (scale {benchmark.scale})"
    if frame.empty:
        return empty(title)
    bumps = sorted(frame.bumps.unique())
    drawn = Figure(figsize=(WIDTH, 2 * PANEL + 1.2))
    panels = drawn.subplots(2, len(bumps), sharex=True, sharey="row", squeeze=False)
    for above, below, count in zip(*panels, bumps):
        chosen = frame[frame.bumps == count]
        _ratios(above, chosen)
        _bound(below, chosen)
        above.set_title(f"{count} bumps")
        below.set_xlabel("timestep t (noise grows to the right)")
    panels[0, 0].set_ylabel("KL(p, q) of x_t\nover plain training's")
    panels[1, 0].set_ylabel("nats")
    drawn.suptitle(
        f"{title}\nexact values, {PROBE.settings(benchmark).nfe} steps; bumps: how rich the fitted function is"
    )
    legend(drawn, columns=4)
    return drawn


def _ratios(axes: Axes, rows: pd.DataFrame) -> None:
    plain = rows[rows.objective == PLAIN].set_index("t").kl_pq
    axes.axhline(1, color=REFERENCE.colour, lw=0.6)
    for objective, label in LABELS.items():
        robust = rows[rows.objective == objective]
        radii = sorted(robust.radius.unique())
        for place, radius in enumerate(radii):
            line = robust[robust.radius == radius].set_index("t").kl_pq / plain
            look = Style(COLOURS[objective][min(place, len(COLOURS[objective]) - 1)], MARKERS[objective])
            axes.plot(
                line.index, line, color=look.colour, marker=look.marker, ls=look.line, label=f"{label} {radius:g}"
            )
    log_axis(axes.yaxis, ticker.LogLocator(subs=ONE_TWO_FIVE))


def _bound(axes: Axes, rows: pd.DataFrame) -> None:
    """Plain training: excess of E_q[-log p] and of its bound over the entropy of q, which is the least possible."""
    plain = rows[rows.objective == PLAIN].set_index("t")
    excess = plain.bound - plain.nll + plain.kl_qp
    axes.plot(excess.index, excess, color="#000000", ls="--", marker="o", label="plain: bound on KL(q, p)")
    axes.plot(plain.index, plain.kl_qp, color="#000000", marker="s", label="plain: KL(q, p)")
    log_axis(axes.yaxis, ticker.LogLocator())
