"""What the paper's reviewers asked: question, an answer in a sentence made from the results, the file that shows it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from atbench.judgement.claims import MIN_SEEDS, NOTHING, VERDICTS
from atbench.judgement.paired import gains
from atbench.reading.methods import budgets
from atbench.reading.sheet import Sheet
from atbench.reading.tidy import final_cells
from atbench.report import captions
from atbench.report.artefact import Artefact
from atbench.report.render import MARKDOWN
from atbench.report.verdict_table import with_interval
from atbench.spec.benchmark import Benchmark
from atbench.spec.grid import nfe_of, samplers_of
from atbench.spec.metrics import HAS_SPATIAL, METRICS, metric_label
from atbench.spec.models.evidence import CURVE, GRID, Question
from atbench.spec.probes import probes

Answer = tuple[str, list[str]]  # a sentence, and paths below the scale's root


def page(sheet: Sheet, verdicts: pd.DataFrame, drawn: list[Artefact]) -> str:
    """The page in Markdown, to lie in tables/.

    ``verdicts`` come from `claims.judge` over the sheet's suites, ``drawn`` are the tables and figures of these.
    """
    rows = []
    for asked, answer, files in answers(sheet, verdicts, drawn):
        links = ", ".join(_link(path) for path in files) or MARKDOWN.dash
        rows.append({"Asked": MARKDOWN.escape(asked), "Answer": MARKDOWN.escape(answer), "Shown in": links})
    body = pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
    return (
        f"What the paper's reviewers asked, and what the results at scale {sheet.benchmark.scale} answer. Each answer "
        "is made from the verdicts in [claims.md](claims.md) or from the numbers shown. "
        f"{captions.gaps(sheet.frame)}\n\n{body}\n"
    )


def answers(sheet: Sheet, verdicts: pd.DataFrame, drawn: list[Artefact]) -> list[tuple[str, str, list[str]]]:
    """Question, answer and the files that show it, question by question."""
    return [(question.asked, *_answer(sheet, verdicts, drawn, question)) for question in sheet.benchmark.questions]


def _answer(sheet: Sheet, verdicts: pd.DataFrame, drawn: list[Artefact], question: Question) -> Answer:
    """The answer, from the one kind of evidence that a question names."""
    if question.claims:
        return _of_claims(sheet.benchmark, verdicts[verdicts.claim.isin(question.claims)], sheet.suites)
    if question.metrics:
        return _of_metrics(sheet, list(question.metrics))
    if question.view:
        return _of_view(sheet, *question.view.split("/"))
    if question.cost:
        return _of_cost(sheet, *question.cost.split("/"))
    return _of_figure(sheet, [made for made in drawn if made.kind == question.figure])


def _of_claims(benchmark: Benchmark, verdicts: pd.DataFrame, suites: list[str]) -> Answer:
    """How many comparisons came out how, and with how many seeds."""
    present, absent = verdicts[verdicts.verdict != NOTHING], verdicts[verdicts.verdict == NOTHING]
    possible = absent[absent.nfe != ""]
    targets = possible.claim.map(lambda name: _target(benchmark, name))
    commands = [_command(benchmark, group.suite, target) for target, group in possible.groupby(targets)]
    lacking = f"no results: {'; '.join(dict.fromkeys(absent.note))}" + (f" ({', '.join(commands)})" if commands else "")
    if present.empty:
        return f"{lacking[0].upper()}{lacking[1:]}.", []
    parts = []
    for (claim, budget), group in present.groupby(["claim", "budget"], sort=False):
        count = group.verdict.value_counts()
        words = ", ".join(f"{count[verdict]} {verdict}" for verdict in VERDICTS if verdict in count)
        ahead = f"mean gain positive in {(group.gain > 0).sum()} of {len(group)}"
        parts.append(f"{claim.replace('-', ' ')} at equal {budget}: {words} ({ahead})")
    least, most = int(present.seeds.min()), int(present.seeds.max())
    seeds = f"{least} seed{'s' if least != 1 else ''}" if least == most else f"{least} to {most} seeds"
    without = f"; {lacking}" if len(absent) else ""
    shown = dict.fromkeys((row.suite, _target(benchmark, row.claim)) for row in present.itertuples())
    tables = ["-".join(filter(None, pair)) for pair in sorted(shown, key=lambda pair: suites.index(pair[0]))]
    return f"From {seeds}, {'; '.join(parts)}{without}.", [f"tables/{name}.md" for name in ("claims", *tables)]


def _target(benchmark: Benchmark, claim: str) -> str:
    """The opt-in target that measures what a claim is about; empty for what the suites make."""
    points = benchmark.claims[claim].points
    return "" if points in (GRID, CURVE) else points


def _of_metrics(sheet: Sheet, metrics: list[str]) -> Answer:
    """How many cells record the metrics, and why none has the others."""
    frame, extractor = sheet.frame, sheet.benchmark.file.extractor
    done = frame[(frame.status == "done") & ~frame.off_grid]
    recorded_at_all = done.reindex(columns=metrics).notna().any()
    known = [metric for metric in metrics if not METRICS[metric].rare or recorded_at_all[metric]]
    recorded = int(done[known].notna().all(axis=1).sum())
    labels, absent = (
        ", ".join(METRICS[metric].label for metric in group)
        for group in (known, [metric for metric in metrics if metric not in known])
    )
    reason = "no cell has it yet" if extractor in HAS_SPATIAL else f"needs {', '.join(HAS_SPATIAL)}, not {extractor}"
    missing = f"; {absent}: {reason}" if absent else ""
    shown = [name for name in sheet.suites if final_cells(done, sheet.suite(name))[known].notna().any(axis=None)]
    return (
        f"{labels[0].upper()}{labels[1:]} stand in {recorded} of {len(done)} finished cells{missing}.",
        [f"tables/{suite}-{metric}.md" for suite in shown for metric in known],
    )


def _of_view(sheet: Sheet, suite: str, view: str) -> Answer:
    """The method of a view that gains most over its first, and the one that gains least."""
    benchmark = sheet.benchmark
    if suite not in benchmark.suites:
        return f"No results: scale {benchmark.scale} has no suite {suite}.", []
    shown = benchmark.suite(suite).view(view)
    found = gains(shown, sheet.frame).sort_values("mean", ascending=False)
    if found.empty:
        return f"No results: {_command(benchmark, [suite])} makes them.", []
    first, spent, ranked = shown.methods[0], budgets(shown), [*found.itertuples()]
    ends = {"most": ranked[0], "least": ranked[-1]} if len(ranked) > 1 else {"alone": ranked[0]}
    words = [f"{end}, {_gain(benchmark, row)} ({spent[row.method].against(spent[first])})" for end, row in ends.items()]
    *others, last = (shown.sampler(sampler).label for sampler in samplers_of(shown))
    samplers = f"{', '.join(others)} and {last}" if others else last
    seeds, nfes = ranked[0].n, nfe_of(shown)
    caution = f"; fewer than {MIN_SEEDS} seeds settle nothing" if seeds < MIN_SEEDS else ""
    return (
        f"From {seeds} seed{'s' if seeds != 1 else ''}, paired gains over {shown.method(first).label} in per "
        f"cent of its {metric_label(shown.leads, shown.extractor)}, mean over {samplers} at {min(nfes)} to {max(nfes)} "
        f"evaluations: {'; '.join(words)}. The 95 % intervals are not corrected for picking among {len(ranked)}"
        f"{caution}.",
        [f"tables/{suite}-{view}.md", f"figures/{suite}-{view}.png"],
    )


def _gain(benchmark: Benchmark, row: Any) -> str:
    """``ADM-AT +3 % [−1, +7]``; one seed has no interval."""
    return f"{benchmark.methods[row.method].label} {with_interval(row.mean, row.low, row.high, 'relative')}"


def _of_cost(sheet: Sheet, suite: str, method: str) -> Answer:
    """Time and memory of a training batch, as ratios to ADM."""
    cost, methods = probes()["cost"], sheet.benchmark.methods
    numbers = cost.numbers(sheet)
    rows = numbers[(numbers.suite == suite) & (numbers.method == method)]
    if rows.empty:
        return f"No results: {_command(sheet.benchmark, [], cost.name)} measures it.", []
    row, label, plain = rows.iloc[0], methods[method].label, methods[cost.baseline[1]].label
    return (
        f"A batch of {label} takes {row.ratio:.2f} times as long as one of {plain} (quartiles {row.ratio_low:.2f} to "
        f"{row.ratio_high:.2f}, measured in turns) and {row.peak_ratio:.2f} times its peak memory. A whole training "
        f"takes {row.ratio:.2f} times as long at equal batches, {row.ratio_update:.2f} times at equal updates.",
        [f"{made.stem}.md" for made in cost.artefacts()],
    )


def _of_figure(sheet: Sheet, drawn: list[Artefact]) -> Answer:
    """The figures of one kind whose suite has results."""
    finished = set(sheet.frame[sheet.frame.status == "done"].suite)
    shown = [made for made in drawn if made.suite in finished]
    if not shown:
        return "No results yet.", []
    named = "; ".join(sheet.suite(made.suite).title for made in shown)
    return f"All methods side by side, of one seed and from the same latents: {named}.", [d.paths[-1] for d in shown]


def _command(benchmark: Benchmark, wanted: Iterable[str], target: str = "") -> str:
    """The command that makes the ``wanted`` suites, or what an opt-in target measures."""
    named = target or " ".join(dict.fromkeys(wanted))
    return f"`snakemake --cores all {named} --config scale={benchmark.scale}`"


def _link(path: str) -> str:
    """A link from tables/ to a file below the scale's root."""
    relative = path.removeprefix("tables/") if path.startswith("tables/") else f"../{path}"
    return f"[{Path(path).stem}]({relative})"
