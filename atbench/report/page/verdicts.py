"""Verdicts on the page: one row per comparison, with the interval drawn, and the cells that it rests on."""

import html
import math
from typing import Any

from atbench.judgement.claims import NOTHING, VERDICTS
from atbench.judgement.comparisons import Comparison, comparisons
from atbench.reading.origins import cell_key, probe_key
from atbench.report.page.grids import LAST, Entry, Grid
from atbench.report.render import Table
from atbench.report.verdict_table import HEADS, amount, facts, tested_on
from atbench.spec.benchmark import Benchmark
from atbench.spec.probes import probes_of_runs

LEFT, RIGHT = -1.0, 1.0  # a drawn gain: from minus to plus 100 per cent; what lies beyond ends in an arrow
WIDTH, HEIGHT = 132, 14  # pixels of the drawing
SHORT = {name: head.removeprefix("Equal ") for name, head in HEADS.items()}


def counts(table: Table) -> list[tuple[str, int]]:
    """How many comparisons have each verdict, of all verdicts that there are."""
    found = table.numbers.verdict.value_counts()
    return [(verdict, int(found.get(verdict, 0))) for verdict in VERDICTS]


def grid(benchmark: Benchmark, table: Table) -> Grid:
    """A row per comparison. ``table`` is that of `verdict_table.table`."""
    rows = [_row(benchmark, number, row) for number, row in enumerate(table.numbers.itertuples())]
    names = ("Claim", "Tested on", "At equal")
    return Grid("verdicts", names, ("Verdict", "Gain, 95 % interval", "Paper"), rows, table.caption, prose=True)


def _row(benchmark: Benchmark, number: int, row: Any) -> tuple[list[str], list[Entry]]:
    claim, key = benchmark.claims[row.claim], key_of(number)
    names = [html.escape(text) for text in (claim.claim, tested_on(benchmark, row), SHORT[row.budget])]
    badge = f'<span class="badge {row.verdict.replace(" ", "-")}">{row.verdict}</span>'
    if row.verdict == NOTHING:
        words = f'<span class="small">{html.escape(row.note)}</span>'
        return names, [Entry(badge, row.verdict), Entry(words, LAST), _paper(row)]
    gain, *others = facts(benchmark, row)
    words = "; ".join([f"{row.seeds} seed{'s' if row.seeds != 1 else ''}", *others])
    below = f'{_drawn(benchmark, row)}<span class="small">{html.escape(words)}</span>'
    return names, [Entry(badge, row.verdict), Entry(html.escape(gain), row.gain, key, below), _paper(row)]


def _paper(row: Any) -> Entry:
    if math.isnan(row.paper):
        return Entry("—", LAST)
    text, source = amount(row.paper, row.unit), html.escape(row.paper_source)
    return Entry(f'<details><summary>{text}</summary><span class="small">{source}</span></details>', row.paper)


def _drawn(benchmark: Benchmark, row: Any) -> str:
    """The gain as a dot on its interval, with a line at zero; a difference of scores from minus to plus 0.1."""
    size = 1.0 if row.unit == "relative" else 0.1
    low, high = (row.low, row.high) if row.seeds > 1 else (row.gain, row.gain)
    place = [_place(value / size) for value in (low, high, row.gain, 0)]
    edges = ['<path d="M4,2L0,7L4,12" class="cut"/>' if low / size < LEFT else ""]
    edges.append(f'<path d="M{WIDTH - 4},2L{WIDTH},7L{WIDTH - 4},12" class="cut"/>' if high / size > RIGHT else "")
    colour = benchmark.methods[row.method].style.colour if benchmark.methods[row.method].style else "#595959"
    words = html.escape(facts(benchmark, row)[0])
    return (
        f'<svg class="gain" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{words}" style="color:{colour}">'
        f'<line x1="{place[3]}" x2="{place[3]}" y1="0" y2="{HEIGHT}" class="zero"/>'
        f'<line x1="{place[0]}" x2="{place[1]}" y1="7" y2="7"/><circle cx="{place[2]}" cy="7" r="3.5"/>'
        f"{''.join(edges)}</svg>"
    )


def _place(value: float) -> float:
    inside = min(max(value, LEFT), RIGHT)
    return round((inside - LEFT) / (RIGHT - LEFT) * (WIDTH - 8) + 4, 1)


def key_of(number: int) -> str:
    """The key of a comparison, counted from 0 in the order of the verdict table."""
    return f"verdict/{number}"


def origins(benchmark: Benchmark, table: Table, suites: list[str]) -> dict[str, dict[str, Any]]:
    """Key of a comparison -> what was found (name -> number or words) and the keys of the cells compared."""
    found = {}
    for number, (row, compared) in enumerate(zip(table.numbers.to_dict("records"), comparisons(benchmark, suites))):
        assert (row["claim"], row["suite"], row["budget"]) == (compared.claim, compared.suite, compared.budget)
        said = {name: value for name, value in row.items() if value == value and value != ""}
        finite = {n: str(v) if isinstance(v, float) and math.isinf(v) else v for n, v in said.items()}
        found[key_of(number)] = {"found": finite, "keys": _keys(benchmark, compared)}
    return found


def _keys(benchmark: Benchmark, compared: Comparison) -> list[str]:
    """Of the cells compared, or of the records of a side measure that has numbers of its own."""
    points = dict.fromkeys(point for pair in compared.pairs for point in pair)
    name = benchmark.claims[compared.claim].points
    if (probe := probes_of_runs().get(name)) and probe.metrics:
        return list(dict.fromkeys(probe_key(compared.suite, method, name) for method, *_ in points))
    return [cell_key(compared.suite, *point) for point in points]
