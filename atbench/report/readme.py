"""The README's own numbers, from released records: the headline with its picture, and what a run costs.

Each block stands between two comments of the README, so that a test can hold the page to the records.
"""

from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from atbench.reading import timing
from atbench.report import headline, prose, quoted, released_frames
from atbench.report.render import write_text
from atbench.report.style import RC
from atbench.runtime.errors import UserError
from atbench.runtime.files import write_atomically
from atbench.runtime.json_files import read_json
from atbench.spec.address import RELEASED
from atbench.spec.load import load, workflow

FOOTPRINT = Path(RELEASED, "footprint.json")  # by tests/benchmarks/footprint.py
PICTURE = Path("docs/images/verdicts.svg")


def write(readme: Path) -> list[Path]:
    """Bring the blocks of ``readme`` and the picture beside it in step with the released records; returns their paths.

    Raises UserError for a README without the comments of a block, and for records that are missing or not whole.
    """
    numbers = verdicts()
    text = quoted.replaced(readme, replaced(readme.read_text(encoding="utf-8"), blocks(numbers)))
    with matplotlib.rc_context(RC):
        drawn = headline.picture(numbers)
        return [write_text(readme, text), _save(drawn, readme.parent / PICTURE, headline.in_numbers(numbers))]


def blocks(numbers: pd.DataFrame) -> dict[str, str]:
    """Name of a block -> its Markdown."""
    return {"headline": headline.text(numbers), "cost": cost()}


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
    """The verdicts at the scale of the headline."""
    return prose.judged(headline.SCALE)[1]


def cost() -> str:
    """Sentences on what the default run took when its results were released, and what it takes of a disk."""
    scale = workflow().scale
    benchmark, taken = load(scale), read_json(FOOTPRINT)
    run = released_frames.frame("default-run").iloc[0]
    cells = sum(len(benchmark.suite(suite).cells()) for suite in workflow().suites)
    clone, environment = taken["clone_bytes"] / 1e6, taken["environment_bytes"] / 1e9
    return (
        f"`make reproduce` makes {cells:,} cells at the default scale `{scale}`. When they were released that took "
        f"{run.seconds:,.0f} CPU seconds ([by suite]({RELEASED}/{scale}/{timing.TIME})), about "
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
