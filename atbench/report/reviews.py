"""What the paper's reviewers asked: question, an answer in a sentence made from the results, the file that shows it."""

import math
from pathlib import Path

import pandas as pd

from atbench import measures
from atbench.config import Benchmark
from atbench.metric_names import METRICS
from atbench.report import captions, cost, views
from atbench.report.claims import NOTHING, VERDICTS, judge
from atbench.report.outputs import OF_SCALE, artefacts
from atbench.report.render import MARKDOWN
from atbench.report.tables import final_cells

Answer = tuple[str, list[str]]  # a sentence, and paths below the scale's root


def page(benchmark: Benchmark, frame: pd.DataFrame, root: Path, suites: list[str]) -> str:
    """The page in Markdown, to lie in tables/. ``frame`` comes from `tidy.collect` over ``root`` and ``suites``."""
    verdicts = judge(benchmark, frame, suites)
    rows = []
    for question in benchmark.questions:
        if "claims" in question:
            answer, files = _of_claims(verdicts[verdicts.claim.isin(question["claims"])], suites)
        elif "metrics" in question:
            answer, files = _of_metrics(frame, suites, question["metrics"])
        elif "figure" in question:
            answer, files = _of_figure(benchmark, frame, suites, question["figure"])
        elif "view" in question:
            answer, files = _of_view(benchmark, frame, suites, **question["view"])
        else:
            answer, files = _of_cost(benchmark, root)
        links = ", ".join(_link(path) for path in files) or MARKDOWN.dash
        rows.append({"Asked": MARKDOWN.escape(question["asked"]), "Answer": MARKDOWN.escape(answer), "Shown in": links})
    body = pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
    return (
        f"What the paper's reviewers asked, and what the results at scale {benchmark.scale} answer. Each answer is made"
        f" from the verdicts in [claims.md](claims.md) or counted from the cells. {captions.gaps(frame)}\n\n{body}\n"
    )


def _of_claims(verdicts: pd.DataFrame, suites: list[str]) -> Answer:
    """How many comparisons came out how, and with how many seeds."""
    present = verdicts[verdicts.verdict != NOTHING]
    if present.empty:
        return f"No results: {'; '.join(dict.fromkeys(verdicts.note))}.", []
    parts = []
    for (claim, budget), group in present.groupby(["claim", "budget"], sort=False):
        count = group.verdict.value_counts()
        words = ", ".join(f"{count[verdict]} {verdict}" for verdict in VERDICTS if verdict in count)
        ahead = f"mean gain positive in {(group.gain > 0).sum()} of {len(group)}"
        parts.append(f"{claim.replace('-', ' ')} at equal {budget}: {words} ({ahead})")
    least, most = int(present.seeds.min()), int(present.seeds.max())
    seeds = f"{least} seed{'s' if least != 1 else ''}" if least == most else f"{least} to {most} seeds"
    lacking = dict.fromkeys(verdicts[verdicts.verdict == NOTHING].note)
    without = f"; no results: {'; '.join(lacking)}" if lacking else ""
    shown = [suite for suite in suites if suite in set(present.suite)]
    return f"From {seeds}, {'; '.join(parts)}{without}.", ["tables/claims.md", *(f"tables/{s}.md" for s in shown)]


def _of_metrics(frame: pd.DataFrame, suites: list[str], metrics: list[str]) -> Answer:
    """How many cells record the metrics, and which of them nothing records yet."""
    known = [metric for metric in metrics if metric in METRICS]
    done = frame[(frame.status == "done") & ~frame.off_grid]
    recorded = int(done[known].notna().all(axis=1).sum())
    absent = [metric for metric in metrics if metric not in METRICS]
    missing = f"; not recorded yet: {', '.join(absent)}" if absent else ""
    labels = ", ".join(captions.METRIC_LABELS[metric] for metric in known)
    shown = [suite for suite in suites if final_cells(done, suite)[known].notna().any(axis=None)]
    return (
        f"{labels[0].upper()}{labels[1:]} stand in {recorded} of {len(done)} finished cells{missing}.",
        [f"tables/{suite}-{metric}.md" for suite in shown for metric in known],
    )


def _of_figure(benchmark: Benchmark, frame: pd.DataFrame, suites: list[str], kind: str) -> Answer:
    """The figures of one kind whose suite has results."""
    finished = set(frame[frame.status == "done"].suite)
    drawn = [made for made in artefacts(benchmark, suites) if made.kind == kind and made.suite in finished]
    if not drawn:
        return "No results yet.", []
    named = "; ".join(benchmark.suites[made.suite]["title"] for made in drawn)
    return f"All methods side by side, of one seed and from the same latents: {named}.", [d.paths[-1] for d in drawn]


def _of_view(benchmark: Benchmark, frame: pd.DataFrame, suites: list[str], suite: str, name: str) -> Answer:
    """What each method of a view gains over its first."""
    if suite not in suites:
        return f"No results: suite {suite} is not part of this report.", []
    methods = benchmark.suite(suite)["views"][name]["methods"]
    found = views.gains(views.narrowed(benchmark, frame, suite, name)[1], methods)
    found = found[found["count"] > 0]
    if found.empty:
        return f"No results: suite {suite} has no complete seed.", []
    first, *others = (benchmark.methods[method]["label"] for method in (methods[0], *found.index))
    parts = [
        f"{label} {-100 * math.expm1(-row['mean']):+.1f}" + (f" ± {100 * row['std']:.1f}" if row["count"] > 1 else "")
        for label, (_, row) in zip(others, found.iterrows())
    ]
    seeds = int(found["count"].min())
    shown = [made.paths[-1] for made in artefacts(benchmark, suites) if made.suite == suite and made.view == name]
    return (
        f"Gain over {first} in per cent of its distance, mean{' ± std' if seeds > 1 else ''} over {seeds}"
        f" seed{'s' if seeds > 1 else ''} of all samplers and step counts: {'; '.join(parts)}.",
        [path for path in shown if path.endswith(".png")] + [f"tables/{suite}-{name}.md"],
    )


def _of_cost(benchmark: Benchmark, root: Path) -> Answer:
    """Time and memory of a batch of every method beside ADM, from the same turns."""
    record = cost.collect(benchmark, root)
    if record is None:
        return "No results: `snakemake --cores all cost` measures it.", []
    rows = cost.numbers(record["rows"])
    suite, baseline = measures.COST_BASELINE
    rows = rows[(rows.suite == suite) & (rows.method != baseline)]
    parts = [
        f"{benchmark.methods[row.method]['label']} {row.ratio:.2f} x the time and {row.peak_ratio:.2f} x the memory"
        for row in rows.itertuples()
    ]
    return (
        f"A batch of {benchmark.methods[baseline]['label']} is 1; {'; '.join(parts)}.",
        [path for path in OF_SCALE["cost"].paths if path.endswith(".md")],
    )


def _link(path: str) -> str:
    """A link from tables/ to a file below the scale's root."""
    relative = path.removeprefix("tables/") if path.startswith("tables/") else f"../{path}"
    return f"[{Path(path).stem}]({relative})"
