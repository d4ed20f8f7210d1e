"""The README's own numbers, from released records: the verdict table, the picture of its first claim, what a run costs.

Each block stands between two comments of the README, so that a test can hold the page to the records.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench.judgement.claims import REFUTED, SUPPORTED, VERDICTS
from atbench.report import figures, prose, quoted, released_frames
from atbench.report.render import write_text
from atbench.report.style import RC, REFERENCE
from atbench.report.verdict_table import amount
from atbench.runtime.errors import UserError
from atbench.runtime.files import write_atomically
from atbench.runtime.json_files import read_json
from atbench.spec.address import RELEASED
from atbench.spec.load import load, workflow

SCALE = "workstation"  # the released scale with the seeds that a verdict takes
FOOTPRINT = Path(RELEASED, "footprint.json")  # by tests/benchmarks/footprint.py
PICTURE = Path("docs/images/verdicts.svg")
BUDGETS = {"batches": "against ADM of equal batches", "updates": "against ADM of equal updates"}
SHOWN = ("few-steps", ("scratch", "finetune"))  # the claim of the picture, and the suites that it has a panel for


class Row(NamedTuple):
    """A row of the README's table: what is claimed, and the comparisons of claims.yaml that it sums up."""

    words: str
    of: tuple[tuple[str, str], ...]  # claim, suite


ROWS = (
    Row("AT samples better in few steps: trained from scratch", (("few-steps", "scratch"),)),
    Row("the same, fine-tuned from one ADM", (("few-steps", "finetune"),)),
    Row("the same, class-conditional", (("few-steps-conditional", "class-conditional"),)),
    Row("AT does not slow convergence", (("convergence", "scratch"), ("convergence-finetune", "finetune"))),
    Row(
        "AT helps consistency models, plain and latent",
        (("consistency", "consistency"), ("latent-consistency", "latent-consistency")),
    ),
    Row("AT reduces the mismatch itself", (("mismatch", "scratch"), ("mismatch", "finetune"))),
)


def write(readme: Path) -> list[Path]:
    """Bring the blocks of ``readme`` and the picture beside it in step with the released records; returns their paths.

    Raises UserError for a README without the comments of a block, and for records that are missing or not whole.
    """
    numbers = verdicts()
    text = quoted.replaced(readme, replaced(readme.read_text(encoding="utf-8"), blocks(numbers)))
    with matplotlib.rc_context(RC):
        return [write_text(readme, text), _save(picture(numbers), readme.parent / PICTURE, said(numbers))]


def blocks(numbers: pd.DataFrame) -> dict[str, str]:
    """Name of a block -> its Markdown."""
    return {"verdicts": table(numbers), "cost": cost()}


def replaced(text: str, made: dict[str, str]) -> str:
    """``text`` with what stands between the comments of each block made anew."""
    for name, block in made.items():
        begin, end = f"<!-- {name}: written by `atbench readme` -->", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise UserError(f"README.md: needs a line {begin} and, below it, a line {end}")
        text = f"{before}{begin}\n\n{block}\n\n{end}{after}"
    return text


def verdicts() -> pd.DataFrame:
    """The verdicts at the released scale with five seeds, and the paper's own gains beside them."""
    return prose.judged(SCALE)[1]


def table(numbers: pd.DataFrame) -> str:
    """The table of ROWS: a verdict and gains for each budget, the paper's gain beside it."""
    lines = [
        "| claim of the paper, tried on digits | seeds | AT against equal batches | AT against equal updates | paper |",
        "|---|---|---|---|---|",
    ]
    for row in ROWS:
        chosen = _of(numbers, row.of)
        seeds = " or ".join(map(str, sorted(set(chosen.seeds))))
        entries = [_entry(chosen[chosen.budget == budget]) for budget in BUDGETS]
        stated = chosen.paper.dropna()
        paper = amount(stated.iloc[0], "relative") if len(stated) else "—"
        lines.append(f"| {row.words} | {seeds} | {entries[0]} | {entries[1]} | {paper} |")
    return "\n".join(lines).replace(" %", "\N{NO-BREAK SPACE}%")


def _of(numbers: pd.DataFrame, pairs: tuple[tuple[str, str], ...]) -> pd.DataFrame:
    """The comparisons of claims and suites. Raises UserError for one that was not judged."""
    for claim, suite in pairs:
        if not ((numbers.claim == claim) & (numbers.suite == suite)).any():
            raise UserError(f"{RELEASED}/{SCALE}: no verdict on the claim {claim!r} with the suite {suite!r}")
    return numbers[[pair in pairs for pair in zip(numbers.claim, numbers.suite)]]


def _entry(rows: pd.DataFrame) -> str:
    """Verdicts of some comparisons under one budget, each with its gain, or the least and the greatest of several."""
    parts = []
    for verdict in VERDICTS:
        having = rows[rows.verdict == verdict]
        if len(having):
            words = f"**{verdict}**" if verdict in (SUPPORTED, REFUTED) else verdict
            parts.append(f"{words}{_share(len(having), len(rows))}{_gains(having)}")
    return "; ".join(parts) or "—"


def _share(having: int, of: int) -> str:
    if of == 1:
        return ""
    return f", all {of}" if having == of > 2 else ", both" if having == of else f", {having} of {of}"


def _gains(rows: pd.DataFrame) -> str:
    gains = rows.gain.dropna()
    if gains.empty:
        return ""
    unit = rows.unit.iloc[0]
    if len(rows) > 1:
        return f": {amount(gains.min(), unit, '')} to {amount(gains.max(), unit)}"
    only = rows.iloc[0]
    return f": {amount(only.gain, unit)} [{amount(only.low, unit, '')}, {amount(only.high, unit, '')}]"


def cost() -> str:
    """Sentences on what the default run took when its results were released, and what it takes of a disk."""
    scale = workflow().scale
    benchmark, taken = load(scale), read_json(FOOTPRINT)
    run = released_frames.frame("default-run").iloc[0]
    cells = sum(len(benchmark.suite(suite).cells()) for suite in workflow().suites)
    clone, environment = taken["clone_bytes"] / 1e6, taken["environment_bytes"] / 1e9
    return (
        f"`make reproduce` makes {cells:,} cells at the default scale `{scale}`. When they were released that took "
        f"{run.seconds:,.0f} CPU seconds ([by suite]({RELEASED}/{scale}/{released_frames.TIME})), about "
        f"{run.half:.0f} minutes on two cores. A clone "
        f"with its history takes {clone:.0f} MB of disk, the environment {environment:.1f} GB, most of it PyTorch with "
        f"its CUDA libraries ([measured]({FOOTPRINT})). "
        f"Each job asks for {benchmark.file.queue.memory_gb:g} GB of memory."
    )


def _save(figure: Figure, path: Path, words: str) -> Path:
    """Write an SVG whose bytes depend on the figure alone, with ``words`` as its description."""
    metadata = {"Date": None, "Creator": None, "Description": words}
    write_atomically(path, lambda temporary: figure.savefig(temporary, format="svg", metadata=metadata))
    return path


def said(numbers: pd.DataFrame) -> str:
    """The numbers of the picture in words: kept inside its file, so that a test can hold it to the records."""
    claim, suites = SHOWN
    shown = _of(numbers, tuple((claim, suite) for suite in suites))
    return "; ".join(
        f"{row.suite}, {row.samplers}, {BUDGETS[row.budget]}: {row.gain:.4f} [{row.low:.4f}, {row.high:.4f}]"
        for row in shown.itertuples()
    )


def picture(numbers: pd.DataFrame) -> Figure:
    """The gain of ADM-AT over ADM in few steps, by sampler and budget: a panel for each suite."""
    claim, suites = SHOWN
    benchmark = load(SCALE)
    figure = figures.sheet(1.8)
    panels = figure.subplots(1, len(suites), sharex=True, sharey=True)
    for axes, suite in zip(panels, suites):
        rows = _of(numbers, ((claim, suite),))
        _panel(axes, rows, benchmark.methods["at"].style.colour)
        samplers = rows.samplers.drop_duplicates()
        axes.set_yticks(range(len(samplers)), [benchmark.samplers[name].label for name in samplers])
        axes.set_title(f"{benchmark.declared[suite].title}, {rows.seeds.max()} seeds")
        axes.set_xlabel("gain in % of ADM's distance (right: AT is better)")
        axes.grid(axis="x", visible=True)
        axes.set_ylim(len(samplers) - 0.5, -0.5)
    words = "Points: means over paired seeds; bars: 95 % t-intervals; gains are shares of the Fréchet distance."
    figures.heading(figure, "ADM-AT against ADM at 5 to 20 network evaluations.", words)
    figures.legend(figure)
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    """A point and its interval for each sampler, filled at equal batches and hollow at equal updates."""
    axes.axvline(0, color=REFERENCE.colour, lw=0.9)
    axes.grid(axis="y", visible=False)
    for place, (budget, face, label) in enumerate(_marks(colour)):
        chosen = rows[rows.budget == budget]
        heights = [index + 0.3 * (place - 0.5) for index in range(len(chosen))]
        gain, low, high = (100 * chosen[key].to_numpy() for key in ("gain", "low", "high"))
        spans = [gain - low, high - gain]
        axes.errorbar(gain, heights, xerr=spans, fmt="D", color=colour, mfc=face, capsize=2, label=label)
    stated = rows.paper.reset_index(drop=True)
    for index, value in stated[stated.notna()].items():
        label = "the paper on CIFAR-10, 20 evaluations"
        axes.errorbar(100 * value, index // len(BUDGETS), fmt="*", color=REFERENCE.colour, ms=7, label=label)


def _marks(colour: str) -> Iterator[tuple[str, Any, str]]:
    for budget, words in BUDGETS.items():
        yield budget, colour if budget == "batches" else "white", words
