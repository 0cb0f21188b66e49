"""The pictures of the README: the report of a recorded bench, and the demo of a bundle, as a browser shows them.

Run it as ``make pictures``, after ``make run`` has left the bundle; it needs Chromium on this system. The report is
made from the results file that the README's table is made from, so that both show the same run.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageChops, ImageOps
from playwright.sync_api import Page, sync_playwright

from edgetext import Predictor
from edgetext.bench.page.page import write_page
from edgetext.bench.results import read_results
from edgetext.serve.demo import start

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "food_not_food_2_threads.json"
BUNDLE = ROOT / "runs" / "food_not_food" / "bundle"
IMAGES = ROOT / "docs" / "images"
SENTENCE = "A bowl of ramen with a soft egg"
_MARGIN_PX = 24
_FRAME = "#d0d7de"
_COLOURS = 128  # a page has few; with a palette the file is a third as large


def picture_report(page: Page, to: Path) -> None:
    """Draws the head of the report, with its warnings, and the latencies; the figures stand in the README."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        write_page(file, read_results(RESULTS))
        page.set_viewport_size({"width": 1000, "height": 400})
        page.goto(file.as_uri())
        page.add_style_tag(content="#latencies ~ *, #figures { display: none }")
        _write(page.screenshot(full_page=True), to)


def picture_demo(page: Page, bundle: Path, to: Path) -> None:
    """Draws the demo's page with a sentence and its label."""
    with Predictor(bundle) as classify, closing(start(classify)) as served:
        page.set_viewport_size({"width": 800, "height": 400})
        page.goto(served.url, wait_until="networkidle")
        page.get_by_label("Text").fill(SENTENCE)
        page.wait_for_selector("#status >> text=Predicted in")
        page.get_by_label("Text").blur()
        _write(page.screenshot(full_page=True, animations="disabled"), to)


def _write(png: bytes, to: Path) -> None:
    """Cuts off the empty space around a page and puts a frame there, since the README is as white as the page."""
    shown = Image.open(BytesIO(png)).convert("RGB")
    empty = Image.new("RGB", shown.size, shown.getpixel((0, 0)))
    content = shown.crop(ImageChops.difference(shown, empty).getbbox())
    framed = ImageOps.expand(ImageOps.expand(content, _MARGIN_PX, shown.getpixel((0, 0))), 1, _FRAME)
    framed.quantize(_COLOURS, dither=Image.Dither.NONE).save(to, optimize=True)


@contextmanager
def _browser() -> Iterator[Page]:
    chromium = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
    if chromium is None:
        sys.exit("no Chromium on this system: install the package 'chromium'")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page(color_scheme="light")
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=BUNDLE)
    parser.add_argument("--to", type=Path, default=IMAGES, help="the folder of the pictures")
    given = parser.parse_args()
    with _browser() as page:
        picture_report(page, given.to / "report.png")
        picture_demo(page, given.bundle, given.to / "demo.png")
