"""Views of a suite: which methods they show, in which order, and what is refused."""

import shutil
from dataclasses import replace

import pytest
from checkout import edit
from made_up import SOURCES
from matplotlib.container import ErrorbarContainer
from test_report import SEEDS, SUITE, make_tree

from atbench.reading import tidy
from atbench.reading.rows import reference_rows
from atbench.report import views
from atbench.report.build import build
from atbench.report.outputs import outputs
from atbench.report.style import NFE_MARKERS, looks
from atbench.runtime import provenance
from atbench.runtime.errors import UserError
from atbench.spec import yaml
from atbench.spec.load import load
from atbench.spec.models.suites import View

VIEWS = {
    "order": {"title": "AT before IP", "methods": ["adm", "at", "ip"]},
    "more": {"title": "plain", "methods": ["adm", "adm-3x"]},
}


@pytest.fixture
def benchmark(monkeypatch):
    """The ci scale whose suite has views."""
    monkeypatch.setattr(provenance, "source_hash", SOURCES.get)
    found = load("ci")
    declared = {name: View.model_validate(view) for name, view in VIEWS.items()}
    suite = replace(found.resolved[SUITE], views=declared)
    return replace(found, resolved={**found.resolved, SUITE: suite}, _suites={}, _runs={})


@pytest.fixture
def root(benchmark, tmp_path):
    return make_tree(benchmark, tmp_path / "results" / "ci")


def test_a_view_is_a_table_and_a_figure_and_replaces_the_crowded_one(benchmark, root):
    made = outputs(benchmark, [SUITE])
    assert {f"tables/{SUITE}-order.md", f"figures/{SUITE}-more.png"} <= set(made)
    assert f"figures/{SUITE}-quality-nfe.png" not in made and f"tables/{SUITE}.md" in made
    written = build(benchmark, root, [SUITE], SEEDS)
    assert [str(path.relative_to(root)) for path in written] == made


def test_a_view_shows_its_own_methods_in_its_own_order(benchmark, root):
    build(benchmark, root, [SUITE], SEEDS, only=[f"tables/{SUITE}-order.md"])
    text = (root / f"tables/{SUITE}-order.md").read_text()
    assert "AT before IP" in text and "ADM, 3x" not in text
    assert text.index("| ADM ") < text.index("| ADM-AT ") < text.index("| ADM-IP ")
    main = (build(benchmark, root, [SUITE], SEEDS, only=[f"tables/{SUITE}.md"])[1]).read_text()
    assert "ADM, 3x" in main and main.index("| ADM-IP ") < main.index("| ADM-AT ")


def test_a_figure_has_a_row_per_method_and_a_point_per_step_count(benchmark, root):
    frame = tidy.collect(benchmark, root, [SUITE], SEEDS)
    shown = benchmark.suite(SUITE).view("order")
    cells = tidy.on_grid(frame, shown)
    drawn = views.figure(shown, cells, reference_rows(shown, root))
    axes = drawn.axes[0]
    assert [label.get_text().split("\n")[0] for label in axes.get_yticklabels()] == ["ADM", "ADM-AT", "ADM-IP"]
    bars = [bar.lines[0] for bar in axes.containers if isinstance(bar, ErrorbarContainer)]
    points = [(*point.get_xydata()[0], point.get_color(), point.get_marker()) for point in bars]
    final = cells[(cells.step == "final") & (cells.sampler == shown.samplers[0])]
    styles = looks(shown)
    for nfe, marker in zip((5, 10), NFE_MARKERS):
        expected = final[final.nfe == nfe].groupby("method").fd.mean()
        own = {round(y): (x, colour) for x, y, colour, at in points if at == marker}
        for row, name in enumerate(("adm", "at", "ip")):  # the place tells the method, and so does the colour
            assert own[row] == (pytest.approx(expected[name]), styles[name].colour)
    assert len({round(y, 6) for _, y, *_ in points}) == len(points)  # no bar hides another
    assert [text.get_text()[:6] for text in drawn.legends[0].get_texts()] == ["5 NFE ", "10 NFE"]


def test_a_view_without_results_says_so(benchmark, tmp_path):
    frame = tidy.collect(benchmark, tmp_path, [SUITE], SEEDS)
    shown = benchmark.suite(SUITE).view("order")
    drawn = views.figure(shown, tidy.on_grid(frame, shown), {})
    assert "no results yet" in [text.get_text() for text in drawn.axes[0].texts]


@pytest.mark.parametrize(
    ("methods", "words"),
    [(["adm", "cm"], "unknown method of the suite 'cm'"), (["at", "adm"], "must begin with the suite's first, adm")],
)
def test_methods_that_cannot_be_shown_together_are_refused(tmp_path, monkeypatch, methods, words):
    folder = shutil.copytree(yaml.EXPERIMENTS, tmp_path / "experiments")
    monkeypatch.setattr(yaml, "EXPERIMENTS", folder)
    edit(folder / f"suites/{SUITE}.yaml", lambda suite: suite.update(views={"v": {"title": "", "methods": methods}}))
    with pytest.raises(UserError, match=f"suites/{SUITE}.yaml: views.v.methods: {words}"):
        load.__wrapped__("ci")


def test_the_ablations_views_cover_every_method():
    declared = load("ci").declared["ablations"]
    assert {name for view in declared.views.values() for name in view.methods} == set(declared.methods)
