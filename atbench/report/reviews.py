"""What the paper's reviewers asked: question, an answer in a sentence made from the results, the file that shows it."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from atbench.config import Benchmark
from atbench.evidence import TARGETS
from atbench.judgement.claims import MIN_SEEDS, NOTHING, VERDICTS
from atbench.measures import COST_BASELINE
from atbench.metric_names import HAS_SPATIAL, RARE
from atbench.plan import nfe_of, samplers_of
from atbench.report import captions, cost, views
from atbench.report.outputs import OF_SCALE, artefacts
from atbench.report.render import MARKDOWN
from atbench.report.tables import final_cells
from atbench.report.verdict_table import amount

Answer = tuple[str, list[str]]  # a sentence, and paths below the scale's root


def page(benchmark: Benchmark, frame: pd.DataFrame, verdicts: pd.DataFrame, root: Path, suites: list[str]) -> str:
    """The page in Markdown, to lie in tables/.

    ``frame`` comes from `tidy.collect` below ``root`` over ``suites``, ``verdicts`` from `claims.judge`.
    """
    rows = []
    for question in benchmark.questions:
        if "claims" in question:
            answer, files = _of_claims(benchmark, verdicts[verdicts.claim.isin(question["claims"])], suites)
        elif "metrics" in question:
            answer, files = _of_metrics(benchmark, frame, suites, question["metrics"])
        elif "view" in question:
            answer, files = _of_view(benchmark, frame, suites, *question["view"].split("/"))
        elif "cost" in question:
            answer, files = _of_cost(benchmark, root, *question["cost"].split("/"))
        else:
            answer, files = _of_figure(benchmark, frame, suites, question["figure"])
        links = ", ".join(_link(path) for path in files) or MARKDOWN.dash
        rows.append({"Asked": MARKDOWN.escape(question["asked"]), "Answer": MARKDOWN.escape(answer), "Shown in": links})
    body = pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
    return (
        f"What the paper's reviewers asked, and what the results at scale {benchmark.scale} answer. Each answer is made"
        f" from the verdicts in [claims.md](claims.md) or from the numbers shown. {captions.gaps(frame)}\n\n{body}\n"
    )


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
    """The target of its own that measures what a claim is about; empty for what the suites make."""
    points = benchmark.claims["claims"][claim].get("points")
    return points if points in TARGETS else ""


def _of_metrics(benchmark: Benchmark, frame: pd.DataFrame, suites: list[str], metrics: list[str]) -> Answer:
    """How many cells record the metrics, and why none has the others."""
    done = frame[(frame.status == "done") & ~frame.off_grid]
    recorded_at_all = done.reindex(columns=metrics).notna().any()
    known = [metric for metric in metrics if metric not in RARE or recorded_at_all[metric]]
    recorded = int(done[known].notna().all(axis=1).sum())
    labels, absent = (
        ", ".join(captions.METRIC_LABELS[metric] for metric in group)
        for group in (known, [metric for metric in metrics if metric not in known])
    )
    extractor = benchmark.sizes["extractor"]
    reason = "no cell has it yet" if extractor in HAS_SPATIAL else f"needs {', '.join(HAS_SPATIAL)}, not {extractor}"
    missing = f"; {absent}: {reason}" if absent else ""
    shown = [suite for suite in suites if final_cells(done, suite)[known].notna().any(axis=None)]
    return (
        f"{labels[0].upper()}{labels[1:]} stand in {recorded} of {len(done)} finished cells{missing}.",
        [f"tables/{suite}-{metric}.md" for suite in shown for metric in known],
    )


def _of_view(benchmark: Benchmark, frame: pd.DataFrame, suites: list[str], suite: str, view: str) -> Answer:
    """The method of a view that gains most over its first, and the one that gains least."""
    if suite not in benchmark.sizes["suites"]:
        return f"No results: scale {benchmark.scale} has no suite {suite}.", []
    narrow, cells = views.narrowed(benchmark, frame, suite, view)
    gains = views.gains(narrow, cells, suite).sort_values("mean", ascending=False)
    if gains.empty:
        return f"No results: {_command(benchmark, [suite])} makes them.", []
    first, spent, ranked = narrow.suite(suite)["methods"][0], captions.budgets(narrow, suite), [*gains.itertuples()]
    ends = {"most": ranked[0], "least": ranked[-1]} if len(ranked) > 1 else {"alone": ranked[0]}
    found = [f"{end}, {_gain(benchmark, row)} ({spent[row.method].against(spent[first])})" for end, row in ends.items()]
    *others, last = (benchmark.samplers[sampler]["label"] for sampler in samplers_of(narrow, suite))
    samplers = f"{', '.join(others)} and {last}" if others else last
    seeds, nfes = ranked[0].n, nfe_of(benchmark, suite)
    caution = f"; fewer than {MIN_SEEDS} seeds settle nothing" if seeds < MIN_SEEDS else ""
    return (
        f"From {seeds} seed{'s' if seeds != 1 else ''}, paired gains over {benchmark.methods[first]['label']} in per "
        f"cent of its {captions.metric_label(benchmark, 'fd')}, mean over {samplers} at {min(nfes)} to {max(nfes)} "
        f"evaluations: {'; '.join(found)}. The 95 % intervals are not corrected for picking among {len(ranked)}"
        f"{caution}.",
        [f"tables/{suite}-{view}.md", f"figures/{suite}-{view}.png"],
    )


def _gain(benchmark: Benchmark, row: tuple) -> str:
    """``ADM-AT +3 % [−1, +7]``; one seed has no interval."""
    bounds = f" [{amount(row.low, 'relative', '')}, {amount(row.high, 'relative', '')}]" if row.n > 1 else ""
    return f"{benchmark.methods[row.method]['label']} {amount(row.mean, 'relative')}{bounds}"


def _of_cost(benchmark: Benchmark, root: Path, suite: str, method: str) -> Answer:
    """Time and memory of a training batch, as ratios to ADM."""
    numbers = cost.table(benchmark, cost.collect(benchmark, root)).numbers
    row = numbers[(numbers.suite == suite) & (numbers.method == method)]
    if row.empty:
        return f"No results: {_command(benchmark, [], 'cost')} measures it.", []
    row, label, plain = row.iloc[0], benchmark.methods[method]["label"], benchmark.methods[COST_BASELINE[1]]["label"]
    return (
        f"A batch of {label} takes {row.ratio:.2f} times as long as one of {plain} (quartiles {row.ratio_low:.2f} to "
        f"{row.ratio_high:.2f}, measured in turns) and {row.peak_ratio:.2f} times its peak memory. A whole training "
        f"takes {row.ratio:.2f} times as long at equal batches, {row.ratio_update:.2f} times at equal updates.",
        [f"{OF_SCALE['cost'].stem}.md"],
    )


def _of_figure(benchmark: Benchmark, frame: pd.DataFrame, suites: list[str], kind: str) -> Answer:
    """The figures of one kind whose suite has results."""
    finished = set(frame[frame.status == "done"].suite)
    drawn = [made for made in artefacts(benchmark, suites) if made.kind == kind and made.suite in finished]
    if not drawn:
        return "No results yet.", []
    named = "; ".join(benchmark.suites[made.suite]["title"] for made in drawn)
    return f"All methods side by side, of one seed and from the same latents: {named}.", [d.paths[-1] for d in drawn]


def _command(benchmark: Benchmark, wanted: Iterable[str], target: str = "") -> str:
    """What makes the ``wanted`` suites, or what a target of its own measures."""
    named = target or " ".join(dict.fromkeys(wanted))
    return f"`snakemake --cores all {named} --config scale={benchmark.scale}`"


def _link(path: str) -> str:
    """A link from tables/ to a file below the scale's root."""
    relative = path.removeprefix("tables/") if path.startswith("tables/") else f"../{path}"
    return f"[{Path(path).stem}]({relative})"
