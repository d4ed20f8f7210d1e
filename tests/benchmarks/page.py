"""docs/speed.md and a figure, from the released records alone."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from atbench.report import figures
from atbench.report.style import COLOURS, REFERENCE, across, settings
from atbench.runtime.errors import UserError
from atbench.runtime.files import visible, write_atomically
from benchmarks import record
from benchmarks.record import CurveForm, MeasuredForm, RecordForm, RowForm, SkippedForm, SpreadForm

REPOSITORY = Path(__file__).resolve().parent.parent.parent
RELEASED, BUILT = REPOSITORY / "results/released/benchmarks", REPOSITORY / "build/benchmarks"
PAGE = REPOSITORY / "docs/speed.md"
BEGIN, END = "<!-- records: written by `python -m benchmarks page` -->", "<!-- end of records -->"
NOTHING = "No record is released yet; `make bench` writes one."
COLUMNS = {  # of a record -> heading
    "eager": "ratio",
    "compiled": "both compiled",
    "cuda": "GPU",
    "cuda-bf16": "GPU, bf16",
    "cuda-bf16-compiled": "GPU, bf16, both compiled",
}
UNITS = {"cpu": "CPU", "gpu": "GPU", "wall": "clock", "bytes": ""}
SHADES = (COLOURS[4], COLOURS[5], COLOURS[1], COLOURS[2], COLOURS[0])  # of the columns
ROW, PANEL, ABREAST = 0.26, 1.7, 3  # inches: height of a line of the figure, and of its curves; curves side by side


def write() -> list[Path]:
    """The page and the figures of all released records. Raises UserError for a record that cannot be believed."""
    found = released()
    made = [page(found)]
    with matplotlib.rc_context(settings()):
        for name, each in found.items():
            drawn = figure(each)
            made += [figures.save(drawn, RELEASED / f"{name}.{kind}") for kind in ("png", "pdf")]
    return made


def released() -> dict[str, RecordForm]:
    """The released records by their names, the newest first."""
    found = {path.stem: record.read(path) for path in visible(RELEASED, "*.json")}
    return dict(sorted(found.items(), key=lambda each: each[1].date, reverse=True))


def page(found: dict[str, RecordForm]) -> Path:
    """Bring the block of the page in step with the records."""
    text = replaced(PAGE.read_text(encoding="utf-8"), block(found))
    write_atomically(PAGE, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return PAGE


def replaced(text: str, block: str) -> str:
    """``text`` with what stands between the two comments made anew. Raises UserError for a page without them."""
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (begun and ended):
        raise UserError(f"docs/speed.md: needs a line {BEGIN} and, below it, a line {END}")
    return f"{before}{BEGIN}\n\n{block}\n\n{END}{after}"


def block(found: dict[str, RecordForm]) -> str:
    """A part of the page for each machine."""
    return "\n\n".join(_of_machine(name, each) for name, each in found.items()) or NOTHING


def _of_machine(name: str, found: RecordForm) -> str:
    place = f"../results/released/benchmarks/{name}"
    picture = f"![Ratios of ours to each peer, and curves of growth]({place}.png)"
    beside = f"[Every pair]({place}.json), [the figure for print]({place}.pdf)."
    return "\n\n".join([f"## {found.machine.gpu or found.machine.cpu}", where(found), picture, table(found), beside])


def where(found: RecordForm) -> str:
    """The circumstances in a few sentences."""
    machine = found.machine
    versions = ", ".join(f"{name} {version[:12]}" for name, version in found.versions.items())
    return (
        f"{machine.cpu}, {machine.cores} cores ({', '.join(machine.flags)}), {machine.memory_bytes / 2**30:.0f} GiB, "
        f"{machine.gpu or 'no GPU'}; {machine.system}, Python {machine.python}. {found.threads} thread a process, "
        f"{found.lanes} rows side by side; {found.seconds / 60:.0f} minutes in all on {found.date[:10]}, commit "
        f"{found.commit[:12]}{' with changes' if found.dirty else ''}. {versions}."
    )


def table(found: RecordForm) -> str:
    """Rows with a peer, what both sides do, and the curves."""
    parts = [_ratios(found), *_missing(found), "\n".join(_sides(found))]
    return "\n\n".join(part for part in (*parts, _curves(found)) if part)


def _ratios(found: RecordForm) -> str:
    columns = [name for name in COLUMNS if any(_measured(row, name) for row in found.rows.values())]
    if not columns:
        return ""
    heads = ["work", *(COLUMNS[name] for name in columns), "goal", "ours takes", "of a matrix product's rate"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, row in found.rows.items():
        entries = [ratio(each) if (each := _measured(row, column)) else "—" for column in columns]
        lead = next((each for column in columns if (each := _measured(row, column))), None)
        if lead is not None:
            goal = "—" if found.quick else _goal(row, lead)  # which is for the work in full
            cells = [f"`{name}`: {row.what}", *entries, goal, amount(lead), _rate(lead)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def ratio(found: MeasuredForm) -> str:
    """The ratio with the interval of its median or, of few pairs, the least and the greatest of them."""
    spread = found.ratios[found.judged_by]
    if spread.interval:
        return f"**{found.ratio:.3f}** [{spread.interval[0]:.3f}, {spread.interval[1]:.3f}]"
    return f"**{found.ratio:.3f}** ({spread.range[0]:.3f} to {spread.range[1]:.3f})"


def amount(found: MeasuredForm) -> str:
    """What a call of ours takes, and of how many pairs that is the median."""
    value, quantity = found.ours[found.judged_by].median, found.judged_by
    words = f"{value / 2**30:.2f} GiB" if quantity == "bytes" else f"{seconds(value)} {UNITS[quantity]}"
    return f"{words}, {len(found.pairs)} pair{'s' if len(found.pairs) > 1 else ''}"


def seconds(value: float) -> str:
    """Seconds with three digits, in a unit that suits them."""
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"


def _rate(found: MeasuredForm) -> str:
    return "—" if found.flops is None else f"{found.flops.share:.2f}"


def _goal(row: RowForm, lead: MeasuredForm) -> str:
    if row.goal is None:
        return "—"
    return f"{row.goal:.2f}: {'met' if lead.ratio <= row.goal else 'not met'}"


def _measured(row: RowForm, column: str) -> MeasuredForm | None:
    found = row.columns.get(column)
    return found if isinstance(found, MeasuredForm) else None


def _missing(found: RecordForm) -> Iterator[str]:
    """Which rows are empty, and why: those with one reason together."""
    reasons: dict[str, list[str]] = {}
    for name, row in found.rows.items():
        for column, each in row.columns.items():
            if isinstance(each, SkippedForm):
                reasons.setdefault(each.skipped, []).append(f"{name} ({column})")
    for name, curve in found.curves.items():
        if isinstance(curve, SkippedForm):
            reasons.setdefault(curve.skipped, []).append(name)
    for reason, names in reasons.items():
        yield f"Empty, since {reason}: {', '.join(names)}."


def _sides(found: RecordForm) -> Iterator[str]:
    for name, row in found.rows.items():
        first = next((each for each in row.columns.values() if isinstance(each, MeasuredForm)), None)
        if first is not None:
            yield f"- `{name}`: ours is {row.ours}. The peer is {row.peer}. Check: {first.agreement}."


def _curves(found: RecordForm) -> str:
    known = {name: curve for name, curve in found.curves.items() if isinstance(curve, CurveForm)}
    lines = ["| ours, as it grows | CPU time by size |", "|---|---|"]
    for name, curve in known.items():
        points = ", ".join(f"{point.size:,}: {seconds(point.cpu.median)}" for point in curve.points)
        lines.append(f"| `{name}`: {curve.what} | {curve.size} {points} |")
    return "\n".join(lines) if known else ""


def figure(found: RecordForm) -> Figure:
    """The ratios as dots, eager and compiled, and below them the curves, both axes logarithmic; by their names."""
    rows = {name: row for name, row in found.rows.items() if any(_measured(row, column) for column in COLUMNS)}
    curves = {name: curve for name, curve in found.curves.items() if isinstance(curve, CurveForm)}
    lines = -(-len(curves) // ABREAST)
    heights = [1.0 + ROW * len(rows), *[PANEL * lines] * bool(curves)]
    drawn = Figure(figsize=(across(), sum(heights)), layout="constrained")
    parts = drawn.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    _dots(parts[0].subplots(), rows)
    panels = list(parts[1].subplots(lines, ABREAST, squeeze=False).flat) if curves else []
    for axes, (name, curve) in zip(panels, curves.items()):
        _growth(axes, name, curve)
    for axes in panels[len(curves) :]:
        axes.set_visible(False)
    parts[0].suptitle(f"Ours beside its peers: {found.machine.gpu or found.machine.cpu}, {found.threads} thread")
    parts[0].axes[0].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return drawn


def _dots(axes: Axes, rows: dict[str, RowForm]) -> None:
    axes.axvline(1, color=REFERENCE.colour, lw=0.9)
    axes.grid(axis="y", visible=False)
    labelled: set[str] = set()

    def once(label: str) -> str | None:
        """A label for its first mark; a legend has each once."""
        new = label not in labelled
        labelled.add(label)
        return label if new else None

    for place, row in enumerate(rows.values()):
        if row.goal is not None:
            axes.plot(row.goal, place, "|", color=REFERENCE.colour, ms=11, label=once("goal"))
        for shift, (name, heading) in enumerate(COLUMNS.items()):
            if each := _measured(row, name):
                low, high = _ends(each.ratios[each.judged_by])
                spans, label = [[each.ratio - low], [high - each.ratio]], "eager" if name == "eager" else heading
                style = {"color": SHADES[shift], "capsize": 2, "label": once(label)}
                axes.errorbar(each.ratio, place + 0.3 * (shift % 2 - 0.5), xerr=spans, fmt="o", **style)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("ours / peer in CPU time, GPU time or memory; below 1 ours takes less")


def _ends(spread: SpreadForm) -> tuple[float, float]:
    low, high = spread.interval or spread.range
    return min(low, spread.median), max(high, spread.median)


def _growth(axes: Axes, name: str, curve: CurveForm) -> None:
    sizes = [float(point.size) for point in curve.points]
    axes.plot(sizes, [point.cpu.median for point in curve.points], "o-", color=SHADES[0])
    axes.set(xlabel=curve.size, ylabel="CPU seconds", title=name)
    figures.log_axis(axes.yaxis, LogLocator(subs=(1, 2, 5)))
    figures.log_axis(axes.xaxis, sizes)
