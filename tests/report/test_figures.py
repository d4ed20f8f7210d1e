"""Figures as a paper takes them: what their marks mean is said, axes are words, no legend crowds out the data."""

import re
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from made_up import SOURCES
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from test_report import SEEDS, SUITE, make_tree

from atbench.reading import tidy
from atbench.reading.rows import reference_rows
from atbench.report import curves, figures, quality, samples, views
from atbench.report.artefact import COLUMN, PAGE
from atbench.report.build import build
from atbench.report.style import LETTERS, looks, settings
from atbench.runtime import provenance
from atbench.spec.address import WIDTHS
from atbench.spec.load import load
from atbench.spec.models.suites import View

MOST_LEGEND = 0.3  # of the height of a figure
WORD = re.compile(r"[A-Za-zé]{4,}")
BENCHMARK = load("ci")


@pytest.fixture(scope="module", params=[PAGE, COLUMN])
def drawn(request, tmp_path_factory) -> dict[str, Figure]:
    """Every kind of figure of cells, laid out at a width."""
    with pytest.MonkeyPatch.context() as patch, matplotlib.rc_context(settings(request.param)):
        patch.setattr(provenance, "source_hash", SOURCES.get)
        root = make_tree(BENCHMARK, tmp_path_factory.mktemp("figures") / "ci")
        suite = BENCHMARK.suite(SUITE)
        cells = tidy.on_grid(tidy.collect(BENCHMARK, root, [SUITE], SEEDS), suite)
        rows = reference_rows(suite, root)
        view = replace(suite, views={"all": View(title="all", methods=suite.methods)}).view("all")
        made = {
            "quality": quality.quality_nfe(suite, cells, rows),
            "convergence": curves.convergence(suite, cells, rows),
            "view": views.figure(view, cells, rows),
            "samples": samples.samples(suite, cells, root),
        }
        for figure in made.values():
            assert figure.get_figwidth() == WIDTHS[request.param]
            figure.draw_without_rendering()
    return made


def panels(figure: Figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def test_no_legend_takes_more_than_a_share_of_the_height(drawn):
    for name, figure in drawn.items():
        shares = [each.get_window_extent().height / figure.bbox.height for each in figure.legends]
        assert len(shares) == (name != "samples") and max(shares, default=0) < MOST_LEGEND, (name, shares)


def test_no_panel_is_smaller_than_what_stands_around_it(drawn):
    for name, figure in drawn.items():
        for axes in panels(figure):
            width, height = axes.get_window_extent().size / figure.dpi
            assert name == "samples" or (width > 0.8 and height > 0.7), (name, width, height)


def test_every_axis_is_labelled_in_words(drawn):
    for name, figure in drawn.items():
        for axes in panels(figure) if name != "samples" else []:
            place = axes.get_subplotspec()
            shown = [axes.get_xlabel()] if place.is_last_row() else []
            shown += [axes.get_ylabel()] if place.is_first_col() and name != "view" else []
            for label in shown:
                assert WORD.search(label) and not re.search(r"[_|^$\\]", label), (name, label)


def test_the_heading_says_what_bars_and_bands_are(drawn):
    for name, words in {
        "quality": ["bars: ± one standard deviation", "batches / updates"],
        "view": ["bars: ± one standard deviation"],
        "convergence": ["bands ± one standard deviation", "bars paired 95 % t-intervals"],
        "samples": ["equal columns: equal latents"],
    }.items():
        heading = drawn[name].get_suptitle().replace("\n", " ")
        assert "3 seeds" in heading or name == "samples"
        assert all(word in heading for word in words), heading


def test_nothing_is_written_beyond_the_edges_or_in_smaller_letters(drawn):
    for name, figure in drawn.items():
        heading = figure._suptitle.get_window_extent()
        assert heading.x0 >= 0 and heading.x1 <= figure.bbox.width, name
        sizes = {text.get_fontsize() for text in figure.findobj(Text) if text.get_text()}
        assert min(sizes) >= LETTERS >= 7, (name, sizes)


def test_a_method_has_its_colour_in_every_figure(drawn):
    suite = BENCHMARK.suite(SUITE)
    colours = {suite.method(name).label: look.colour for name, look in looks(suite).items()}
    seen = set()
    for figure in drawn.values():
        for each in figure.legends:
            for text, handle in zip(each.get_texts(), each.legend_handles):
                label = text.get_text().split(" (")[0]
                if label in colours:
                    line = handle.lines[0] if isinstance(handle, ErrorbarContainer) else handle
                    colour = line.get_color() if hasattr(line, "get_color") else line.get_colors()[0]
                    assert matplotlib.colors.to_hex(colour) == colours[label], label
                    seen.add(label)
    assert seen == {*colours}


def test_error_bars_of_methods_stand_side_by_side(drawn):
    axes = panels(drawn["quality"])[0]
    bars = [bar.lines[0].get_xdata() for bar in axes.containers if isinstance(bar, ErrorbarContainer)]
    assert len(bars) == 4 and len({round(bar[0], 6) for bar in bars}) == 4
    assert max(bar[0] for bar in bars) < 0.5 < min(bar[1] for bar in bars)  # each near its own step count


def test_a_gain_is_that_of_paired_seeds_at_the_same_count(drawn):
    below = panels(drawn["convergence"])[2:]
    assert below[0].get_ylabel() == "gain over ADM\n(% of its distance)"
    labels = {bar.get_label() for axes in below for bar in axes.containers}
    assert labels == {"ADM-IP", "ADM-AT"}  # ADM, 3x batches is ADM gone on: they are compared with it


def saved(figure: Figure, path) -> Image.Image:
    with Image.open(figures.save(figure, path)) as image:
        image.load()
    assert round(image.info["dpi"][0]) == 300 and image.width == round(300 * WIDTHS[PAGE])
    return image


def colours_of(image: Image.Image) -> set[tuple[int, int, int]]:
    return {colour for _, colour in image.convert("RGB").getcolors(1 << 24)}


def test_a_png_has_a_palette_and_keeps_the_colours_of_methods(tmp_path):
    styles = looks(BENCHMARK.suite(SUITE))
    with matplotlib.rc_context(settings()):
        figure = figures.sheet(1.0)
        axes = figure.subplots()
        for place, look in enumerate(styles.values()):
            axes.plot([0, 1], [place, place], color=look.colour)
        for part in range(12):  # bands on one another, of more colours than the palette has
            axes.fill_between([part / 20, 1], -2, -1, color=shade(part), alpha=0.2)
        image = saved(figure, tmp_path / "x.png")
    assert image.mode == "P" and len(colours_of(image)) <= figures.COLOURS
    assert {rgb(look.colour) for look in styles.values()} <= colours_of(image)


def shade(part: int) -> str:
    return f"#{20 * part:02x}{255 - 20 * part:02x}80"


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def test_photographs_keep_all_of_their_colours(tmp_path):
    photograph = np.random.default_rng(0).random((8, 8, 3))
    with matplotlib.rc_context(settings()):
        figure = figures.sheet(1.0)
        figure.subplots().imshow(photograph, interpolation="none")
        image = saved(figure, tmp_path / "x.png")
    near = np.array(sorted(colours_of(image)))
    assert all(np.abs(near - 255 * pixel).max(1).min() < 1.5 for pixel in photograph.reshape(-1, 3))


def test_figures_of_a_column_stand_in_a_folder_of_their_own_and_tables_are_not_made(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "source_hash", SOURCES.get)
    root = make_tree(BENCHMARK, tmp_path / "ci", [0])
    only = [f"figures/{SUITE}-quality-nfe.pdf", f"tables/{SUITE}.md"]
    made = build(BENCHMARK, root, [SUITE], [0], only, COLUMN)
    paths = [str(path.relative_to(root)) for path in made]
    assert paths == [f"figures/column/{SUITE}-quality-nfe.pdf", f"figures/column/{SUITE}-quality-nfe.png"]
    assert not (root / "tables").exists()
