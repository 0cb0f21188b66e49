"""The HTML page: its plots by value, its words escaped, and all of it in a real browser, without a request."""

import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from edgetext.bench.cells import figures, headings
from edgetext.bench.facts import cautions, how
from edgetext.bench.page.page import html, write_page
from edgetext.bench.page.plots import frontier, latencies
from edgetext.bench.report import report_text
from edgetext.bench.results import MEASURED, read_results
from edgetext.escape import markdown
from edgetext.page.axis import Axis, log_axis, percent_axis

RECORDED = Path(__file__).parents[1] / "data" / "bench" / "recorded.json"
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@pytest.fixture(scope="module")
def recorded():
    return read_results(RECORDED)


@pytest.fixture(scope="module")
def measured(recorded):
    return [(number, row) for number, row in enumerate(recorded.rows, 1) if row.status == MEASURED]


def test_an_axis_puts_equal_ratios_at_equal_distances_where_it_is_logarithmic():
    axis = Axis(1, 100, 0, 200, log=True)
    assert [axis.at(value) for value in (1, 10, 100, 1000)] == [0, 100, 200, 200]
    assert [said for _, said in axis.marks()] == ["1", "2", "5", "10", "20", "50", "100"]
    assert {said: at for at, said in axis.marks()}["10"] == 100


def test_an_even_axis_points_up_and_has_round_marks():
    axis = percent_axis(0.91, 0.95, 300, 0)
    assert (axis.low, axis.high) == (90.0, 96.0)
    assert axis.at(93) == 150
    assert [said for _, said in axis.marks()] == ["90", "91", "92", "93", "94", "95", "96"]


def test_each_measured_row_has_a_lane_with_its_percentiles(measured):
    plot = latencies(measured)
    assert [lane.number for lane in plot.lanes] == [number for number, _ in measured]
    highest = max(np.percentile(row.latency_ms.samples, 99) for _, row in measured)
    axis = log_axis(min(min(row.latency_ms.samples) for _, row in measured), highest, 220, 864)
    for lane, (_, row) in zip(plot.lanes, measured, strict=True):
        assert lane.p50 == axis.at(row.latency_ms.p50)
        assert lane.p10 <= lane.p50 <= lane.p90 <= lane.p99
        assert lane.said.startswith(f"p50 {row.latency_ms.p50:.2f} ms")
        assert len(lane.shape.split()) == 128


def test_the_frontier_goes_along_the_rows_that_no_other_beats(measured):
    _, slow = measured[0]
    fast = replace(slow, variant="fast", latency_ms=replace(slow.latency_ms, mean=slow.latency_ms.mean_ms / 10))
    better = replace(slow.accuracy, value=min(1.0, slow.accuracy.value + 0.01))
    good = replace(slow, variant="good", accuracy=better)
    plot = frontier([(1, slow), (2, fast), (3, good)], "accuracy")
    assert frontier([(1, slow)], "accuracy") is None
    by_number = {point.number: point for point in plot.points}
    corners = [tuple(map(float, corner.split(","))) for corner in plot.line.split()]
    assert corners[0] == (by_number[2].x, by_number[2].y)
    assert corners[-2] == (by_number[3].x, by_number[3].y)
    assert by_number[3].y < by_number[2].y, "more accurate is further up"
    assert [point.number for point in plot.points if point.unbeaten] == [2, 3]
    assert by_number[1].y_high <= by_number[1].y <= by_number[1].y_low


def test_without_a_measured_row_there_is_a_table_and_no_plot(recorded):
    nothing = replace(recorded, rows=tuple(row for row in recorded.rows if row.status != MEASURED))
    page = html(nothing)
    assert "<svg" not in page
    assert "no CUDA device on this machine" in page


def test_page_and_report_say_the_same_of_how_it_was_measured_and_what_to_be_careful_with(recorded):
    row = replace(recorded.row("edgetext", "int8"), reason="unfinished: interrupted after 2 of 5 rounds")
    rows = (row, recorded.row("torch-cpu", "fp32"))
    busy = replace(recorded, environment={**recorded.environment, "other_load_cores": 1.0}, rows=rows)
    page, report = unescape(html(busy)), report_text(busy)
    for caution in cautions(busy):
        assert f'<p class="warning">{caution}</p>' in page and f"**{caution}**" in report
    assert len(cautions(busy)) == 2
    for fact in how(busy):
        assert fact.text in page and markdown(fact.text) in report
    assert {fact.name for fact in how(busy)} >= {"accuracy", "mean, p50, p90, p99", "frontier", "others"}


def test_what_comes_from_the_file_is_escaped(recorded):
    evil = "<script>alert(1)</script>"
    page = html(replace(recorded, data=replace(recorded.data, name=evil, note=evil)))
    assert evil not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this system: install the package 'chromium'")
def test_a_browser_shows_every_row_plot_and_interval_and_asks_for_nothing(recorded, measured, tmp_path):
    from playwright.sync_api import sync_playwright

    file = tmp_path / "report.html"
    write_page(file, recorded)
    wrong: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: None if request.url == file.as_uri() else wrong.append(request.url))
        page.goto(file.as_uri())
        for number, row in enumerate(recorded.rows, 1):
            cells = page.locator(f"#row-{number} td").all_inner_texts()
            shown = figures(recorded, row)
            assert cells[2:] == (shown if row.status == MEASURED else shown[:1])
        assert page.locator("#figures th").all_inner_texts()[2:] == headings(recorded)
        for number, _ in measured:
            assert page.locator(f".lane[data-row='{number}'] .shape").bounding_box()["width"] > 5
            assert page.locator(f".point[data-row='{number}'] .whisker").count() == 2
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, "a phone need not scroll sideways"
        page.fill("#price", "3.6")
        rate = measured[0][1].throughput_per_s.value
        cost = float(page.locator("#costs td[data-rate]").first.inner_text())
        assert cost == pytest.approx(3.6 / 3600 / rate * 1e6, rel=5e-3)
        browser.close()
    assert wrong == []
