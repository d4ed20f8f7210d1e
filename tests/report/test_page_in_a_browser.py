"""The page in Debian's Chromium: it draws without an error, every control does what it says, and nothing overflows."""

import re
from pathlib import Path

import numpy as np
import pytest
from checkout import REPOSITORY

from atbench.reading.tree import of_its_time
from atbench.report.page.build import build
from atbench.spec.load import load

BROWSER = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 60_000  # milliseconds, on a machine that is busy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BROWSER.exists(), reason=f"{BROWSER} is not installed (Debian's package chromium)"),
]
PAST_THE_EDGE = """() => [...document.querySelectorAll("body *")].filter((element) =>
    element.offsetParent && !element.closest(".dt-layout-table, .strip, dialog, svg")
    && element.getBoundingClientRect().right > innerWidth + 1).map((element) => element.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """The pages of released results: of few rows, led by training images, and of many, by held-out ones."""
    real = {"scratch": np.random.default_rng(0).random((16, 8, 8))}
    made = {}
    for scale in ("laptop-1", "laptop"):
        path, root = tmp_path_factory.mktemp("page") / "report.html", REPOSITORY / "results/released" / scale
        made[scale] = build(of_its_time(load(scale), root), root, ["scratch"], path, real=real)
    return made


@pytest.fixture(scope="module")
def browser():
    """Chromium, started once."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (the extra `docs`)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(BROWSER), args=ARGUMENTS, timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, files, request):
    """A scale's page in a window of some width, that of few rows in 1280 pixels by default; it must not complain."""
    scale, width = getattr(request, "param", ("laptop-1", 1280))
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(PATIENCE)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("request", lambda sent: complaints.append(sent.url) if sent.url.startswith(("http", "ws")) else None)
    page.goto(files[scale].as_uri())
    page.wait_for_selector("html[data-ready]")
    yield page
    page.close()
    assert complaints == []


def drawn(page) -> None:
    """Scroll to every figure and table that is shown, and wait until it is drawn."""
    for place in page.locator(".chart:visible, table.grid:visible").all():
        place.scroll_into_view_if_needed()
        handle = place.element_handle()
        page.wait_for_function("(place) => place.matches('[data-drawn], .dataTable')", arg=handle)


@pytest.mark.parametrize(
    "page", [(scale, wide) for scale in ("laptop-1", "laptop") for wide in (800, 1280)], indirect=True
)
def test_everything_is_drawn_and_nothing_reaches_past_the_edge(page):
    drawn(page)
    assert page.locator(".chart:visible").count() >= 10
    assert page.locator(".chart:visible svg.marks").count() == page.locator(".chart:visible").count()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate(PAST_THE_EDGE) == []
    assert page.evaluate("() => [...document.images].filter((image) => !image.naturalWidth).length") == 0


def test_the_slider_shows_another_step_count_of_every_method(page):
    sheet = page.locator("#scratch .sheet:visible")
    slider, strip = sheet.locator("input[type=range]"), sheet.locator(".strip img").last
    page.locator("#scratch .sheets").scroll_into_view_if_needed()
    slider.focus()
    page.keyboard.press("Home")
    top = strip.bounding_box()["y"]
    assert sheet.locator("output").inner_text() == "5"
    page.keyboard.press("ArrowRight")
    assert sheet.locator("output").inner_text() == "8"
    assert slider.get_attribute("aria-valuetext") == "8 network evaluations"
    height = sheet.locator(".strip").last.bounding_box()["height"]
    assert strip.bounding_box()["y"] == pytest.approx(top - height, abs=1.5)  # the next strip stands in the same place


def test_the_switch_shows_one_method_beside_the_real_images(page):
    sheet = page.locator("#scratch .sheet:visible")
    assert sheet.locator(".row:visible").count() == 5
    sheet.locator("input[type=radio]").nth(4).check()
    assert sheet.locator(".row:visible .of").all_inner_texts() == ["Real images", "ADM-AT"]
    sheet.locator("input[type=radio]").first.check()
    assert sheet.locator(".row:visible").count() == 5


def test_another_measure_shows_another_table_and_figure(page):
    page.locator("#scratch select").first.select_option("recall")
    assert page.locator("#table-scratch-recall").is_visible() and page.locator("#table-scratch-fd").is_hidden()
    drawn(page)
    assert page.locator("[data-name=recall] .chart svg.marks").count() == 4


def test_a_number_shows_its_records_by_mouse_and_by_keyboard(page):
    drawn(page)
    number, dialog = page.locator("#table-scratch-fd button[data-origin]").first, page.locator("#origin")
    number.click()
    assert dialog.locator("h2").inner_text() == f"IDDPM, ADM, NFE 5: {number.inner_text()}"
    seeds = dialog.locator("td:first-child").all_inner_texts()
    assert seeds == ["0", "1"]
    values = [float(text) for text in dialog.locator("tr td:nth-child(2)").all_inner_texts()]
    assert f"{sum(values) / 2:.2f}" == number.inner_text().split(" ")[0]
    dialog.locator("summary").first.click()
    assert re.search(r'"commit": "[0-9a-f]{40}"', dialog.locator("pre").first.inner_text())
    page.keyboard.press("Escape")
    assert dialog.is_hidden()
    number.focus()
    page.keyboard.press("Enter")
    assert dialog.is_visible() and dialog.bounding_box()["width"] <= 1280
    dialog.locator(".close").click()
    assert dialog.is_hidden()


def test_a_verdict_and_a_point_show_what_they_rest_on(page):
    drawn(page)
    page.locator("#verdicts button[data-origin]").first.click()
    assert page.locator("#origin td", has_text="few-steps").is_visible()
    assert page.locator("#origin h3").count() == 2 * 4  # two methods at four step counts
    page.keyboard.press("Escape")
    chart = page.locator("#scratch .chart:visible").first
    chart.scroll_into_view_if_needed()
    chart.locator("g.mark-symbol path").last.click(force=True)
    assert page.locator("#origin h3").inner_text().startswith("scratch/")


def test_a_method_that_is_switched_off_leaves_the_figures(page):
    drawn(page)
    chart = page.locator("#scratch .chart:visible").first
    before = chart.locator("g.mark-symbol path").count()
    page.locator("#scratch > .legend input").first.uncheck()
    page.wait_for_function(
        "([chart, most]) => chart.querySelectorAll('g.mark-symbol path').length < most",
        arg=[chart.element_handle(), before],
    )
    assert chart.locator("g.mark-symbol path").count() == before * 3 // 4


def test_tables_are_sorted_and_searched(page):
    drawn(page)
    table = page.locator("#table-scratch-fd")
    table.locator("thead th", has_text="NFE 50").locator(".dt-column-order").click()
    first = table.locator("tbody tr").first
    page.wait_for_function("document.querySelector('#table-scratch-fd tbody th').innerText === 'Reference'")
    assert first.locator("th").all_inner_texts() == ["Reference", "held-out images"]  # 0.60, below the floor's 0.70
    page.locator("#scratch .dt-container:visible input[type=search]").first.fill("DPM-Solver")
    page.wait_for_function("document.querySelectorAll('#table-scratch-fd tbody tr').length === 4")
