"""The page of mistakes: every part of it, every text escaped, readable on a phone, without a request."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from edgetext.cli.console import Console
from edgetext.cli.errors import show
from edgetext.mistakes.facts import find_mistakes
from edgetext.mistakes.page import html, write_page
from edgetext.progress import Silent
from edgetext.task import SingleLabel

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
EVIL = (
    "x\n<script>alert(1)</script> <img src=http://evil.example/a> \" onload='alert(2)' \x1b]0;t\x07 "
    "\u202e{{ 7 * 7 }}"
)
TRAINING = {
    "best_epoch": 2,
    "history": {
        "train": [{"step": 1, "epoch": 0.5, "loss": 2.0, "learning_rate": 1e-4}],
        "validation": [{"step": 9, "epoch": 2, "loss": 0.5, "accuracy": 0.9}],
    },
}


@pytest.fixture
def hostile(make):
    """Mistakes in which whatever comes from outside is hostile."""
    labels = (f"good {EVIL}", f"bad {EVIL}")
    rows = [(f"{EVIL} {number}", labels[:1], labels[number % 2 :][:1], 0.9) for number in range(8)]
    rows.append(((EVIL, f"second {EVIL}"), labels[1:], labels[:1], 0.99))
    given = make(rows, SingleLabel(labels), training=TRAINING)
    given = replace(given, model=EVIL, kind=EVIL, note=EVIL, rows=replace(given.rows, name=EVIL, fingerprint=EVIL))
    return find_mistakes(given, Silent())


def test_what_comes_from_outside_is_escaped_in_the_page(hostile):
    page = html(hostile, 10)
    assert "<script" not in page and "<img" not in page and "onload='alert" not in page
    assert "&lt;script&gt;alert(1)" in page and "{{ 7 * 7 }}" in page
    assert "\x1b" not in page and "\u202e" not in page
    assert "http" not in page.replace("http://evil.example", ""), "the page itself asks nobody for anything"


def test_what_comes_from_outside_is_escaped_on_a_terminal(hostile, capsys):
    import sys

    show(hostile, 10, Console(sys.stdout, sys.stderr, draw=False))
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\u202e" not in shown
    assert not any(line.startswith("<script") for line in shown.splitlines()), "no text forges a line"


def test_the_page_has_every_part_and_both_parts_of_a_pair(make):
    rows = [(("a premise", "its hypothesis"), ("card",), ("fee",), 0.9), (("c", "d"), ("fee",), ("fee",), 0.9)]
    page = html(find_mistakes(make(rows, training=TRAINING), Silent()), 10)
    for part in ("confusions", "surest", "labels", "label-errors", "calibration", "learning"):
        assert f'<section id="{part}">' in page
    assert page.count("<svg") == 3
    assert '<span class="part">a premise</span><span class="part">its hypothesis</span>' in page
    assert "<title>What went wrong" in page, "by which --overwrite knows its own"


def test_json_holds_all_of_it(topics):
    value = json.loads(json.dumps(find_mistakes(topics, Silent()).to_json()))
    assert value["schema_version"] == 1
    assert {"model", "data", "scores", "confusions", "cases", "per_label", "label_errors", "calibration"} <= {
        *value
    }
    assert value["scores"]["micro F1"].keys() == {"value", "low", "high"}
    assert value["cases"][0] == {
        "row": 3,
        "text": "extra",
        "labels": ["card"],
        "answer": ["card", "loan"],
        "confidence": 0.95,
    }
    assert value["learning"] is None


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this system: install the package 'chromium'")
def test_a_browser_shows_the_page_at_phone_width_and_asks_for_nothing(hostile, banking, tmp_path):
    from playwright.sync_api import sync_playwright

    wrong: list[str] = []
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        for name, found in (("hostile", hostile), ("banking", find_mistakes(banking, Silent()))):
            file = tmp_path / f"{name}.html"
            write_page(file, found, 10)
            page = browser.new_page(viewport={"width": 390, "height": 800})
            page.on("console", lambda message: wrong.append(message.text))
            page.on("dialog", lambda dialog: wrong.append(dialog.message))
            page.on("request", lambda one: asked.append(one.url))
            page.goto(file.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, "a phone need not scroll sideways"
            assert page.locator("#surest tbody tr").count() == min(10, len(found.cases))
            assert page.locator("#calibration svg circle").count() == len(found.calibration.bins)
        assert page.locator("table.heat td.wrong").all_inner_texts() == ["8", "3"]
        browser.close()
    assert wrong == []
    assert [url.rpartition("/")[2] for url in asked] == ["hostile.html", "banking.html"], "nothing but the pages"
