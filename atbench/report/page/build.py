"""Put the page together: sections, data and scripts in one file."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from atbench.judgement import claims, points
from atbench.reading import tidy
from atbench.reading.origins import Origins, of_cells, of_references
from atbench.reading.sheet import Sheet, without_results
from atbench.report import captions, reviews, verdict_table
from atbench.report.outputs import artefacts
from atbench.report.page import beside, measured, pictures, scripts, suites, verdicts
from atbench.report.page.panels import Panel
from atbench.report.page.suites import Section
from atbench.report.render import write_text
from atbench.spec.benchmark import Benchmark
from atbench.spec.metrics import METRICS, metric_label

HERE = Path(__file__).parent
MOST_BYTES = 5_000_000  # of the page; sample sheets beyond the first of a suite take what is left of it
THEME = {  # of every figure
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {"labelFontSize": 11, "titleFontSize": 11.5, "titleFontWeight": "normal", "gridColor": "#e6e6e6"},
    "legend": {"labelFontSize": 11},
}
Real = Mapping[str, np.ndarray | str]  # suite -> real images (image, height, width[, channels]) in 0..1, or why none


def build(
    benchmark: Benchmark,
    root: Path,
    names: list[str],
    path: Path,
    seeds: list[int] | None = None,
    real: Real | None = None,
    others: list[Path] | None = None,
) -> Path:
    """Write the page of ``names``, the suites, from the results below ``root`` to ``path``, and return ``path``.

    ``others`` are folders with results of the same scale that stand beside ours. The same records give the same bytes.
    Raises UserError where no cell of the suites is there, and for another folder without results of the scale. What
    cannot be believed becomes a gap, named on standard error.
    """
    root = Path(root)
    frame = tidy.collect(benchmark, root, names, seeds)
    if not (frame.status == "done").any():
        raise without_results(benchmark, root)
    shown = [name for name in names if benchmark.suite(name).samplers and (frame.suite == name).any()]
    sheet = Sheet(benchmark, root, frame, shown)
    return write_text(path, html(sheet, real or {}, others or []))


def html(sheet: Sheet, real: Real, others: list[Path]) -> str:
    """The page as text."""
    frame = points.collect(sheet)
    judged = claims.judge(sheet.benchmark, frame, sheet.suites)
    table = verdict_table.table(sheet.benchmark, sheet.frame, judged)
    merged = [beside.beside(sheet, folder, number) for number, folder in enumerate(others, 1)]
    origins: Origins = of_cells(sheet.root, frame) | of_references(sheet.root) | measured.origins(sheet)
    for _, own in merged:
        origins |= own
    sections = [suites.section(sheet, name) for name in sheet.suites]
    measures = {name: measured.of_suite(sheet, name) for name in sheet.suites}
    panels = _numbered(sections, measures)
    data = {
        "theme": THEME,
        "labels": {name: metric_label(name, sheet.benchmark.file.extractor) for name in METRICS},
        "charts": {identifier: panel.spec for panel, identifier in panels.values()},
        "origins": origins,
        "verdicts": verdicts.origins(sheet.benchmark, table, sheet.suites),
    }
    values = {
        "scale": sheet.benchmark.scale,
        "root": sheet.root,
        "state": _state(sheet),
        "counts": verdicts.counts(table),
        "verdicts": verdicts.grid(sheet.benchmark, table),
        "answers": _answers(sheet, judged),
        "sections": sections,
        "measured": measures,
        "of_scale": measured.of_scale(sheet),
        "others": [other for other, _ in merged],
        "real": {name: _real(real.get(name, "")) for name in sheet.suites},
        "panel": lambda panel: panels[id(panel)][1],
        "said": suites.SAID,
        "data": scripts.data(data),
        "vega": scripts.vega(),
        "tables": scripts.tables(),
    }
    return _fitted(values)


def _numbered(sections: list[Section], measures: Mapping[str, list[measured.Measured]]) -> dict[int, tuple[Panel, str]]:
    """The panels of all figures by their identity, each with the name under which its specification is embedded."""
    found = [panel for section in sections for measure in section.measures for panel in measure.panels]
    found += [panel for section in sections for panel in section.convergence]
    found += [panel for each in measures.values() for measure in each for panel in measure.panels]
    return {id(panel): (panel, f"chart{number}") for number, panel in enumerate(found)}


def _state(sheet: Sheet) -> str:
    """Where the numbers come from, in a sentence or two."""
    done = sheet.frame[sheet.frame.status == "done"]
    commits = sorted(done.commit.dropna().unique())
    seeds = ", ".join(map(str, sorted(done.seed.unique())))
    made = f"{len(done):,} cells, seeds {seeds}, made at commit{'s' if len(commits) > 1 else ''} {', '.join(commits)}."
    return f"{made} {captions.gaps(sheet.frame)}"


def _answers(sheet: Sheet, judged: pd.DataFrame) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Question, answer, and the sections of the page that show what the answer's files do: anchor and title."""
    titles = {"verdicts": "Verdicts", "scale": "Side measures"} | {s: sheet.suite(s).title for s in sheet.suites}
    answered = reviews.answers(sheet, judged, artefacts(sheet.benchmark, sheet.suites))
    made = []
    for asked, answer, files in answered:
        places = dict.fromkeys(_place(Path(file).stem, sheet.suites) for file in files)
        made.append((asked, answer, [(place, titles[place]) for place in places]))
    return made


def _place(stem: str, names: list[str]) -> str:
    """The section that shows a file: of the suite that its name begins with, of the verdicts, or of the scale."""
    found = [name for name in names if stem == name or stem.startswith(f"{name}-")]
    return max(found, key=len) if found else "verdicts" if stem == "claims" else "scale"


def _code(text: str) -> Markup:
    """Text as HTML, with what stands between backticks as code."""
    parts = (
        escape(part) if place % 2 == 0 else Markup("<code>{}</code>").format(part)
        for place, part in enumerate(text.split("`"))
    )
    return Markup("").join(parts)


def _real(found: np.ndarray | str) -> pictures.Strips | str:
    return found if isinstance(found, str) else pictures.real_strips(found)


def _fitted(values: dict[str, Any]) -> str:
    """The page with as many sample sheets as leave it below MOST_BYTES: the first of each suite, then what fits."""
    sections: list[Section] = values["sections"]
    first = [replace(section, samples=section.samples[:1]) for section in sections]
    left = MOST_BYTES - len(_rendered(values | {"sections": first}).encode())
    kept = []
    for section in sections:
        shown = section.samples[:1]
        for sampled in section.samples[1:]:
            left -= sum(strips.size for strips in sampled.strips)
            shown += [sampled] if left > 0 else []
        kept.append(replace(section, samples=shown, dropped=len(section.samples) - len(shown)))
    return _rendered(values | {"sections": kept})


def _rendered(values: dict[str, Any]) -> str:
    loader = jinja2.FileSystemLoader(HERE)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["code"] = _code
    return environment.get_template("page.html.j2").render(values) + "\n"
