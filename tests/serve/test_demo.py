"""The demo page, in a real browser and, for what needs none, without."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from edgetext import Predictor
from edgetext.cli.main import main
from edgetext.serve.demo import answer, examples, make_boxes
from edgetext.serve.listening import listen
from tiny_onnx import THRESHOLDS

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
EXAMPLES = ["a slice of pizza", "the road to the mountain"]  # of conftest
PATIENCE_MS = 120_000  # a machine that is busy with other things takes its time to draw the page
SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
)  # fmt: skip


@pytest.fixture(scope="module")
def classify(tiny_bundle: Path) -> Iterator[Predictor]:
    with Predictor(tiny_bundle) as predictor:
        yield predictor


@pytest.fixture
def page(address: str) -> Iterator[tuple[Page, list[str]]]:
    """Gives the open page and a list that fills with what should not happen."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this system: install the package 'chromium' to run this test")
    from playwright.sync_api import sync_playwright

    wrong: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(SWITCHES))
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: _note_outside(request.url, address, wrong))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(f"{error}\n{error.stack}"))
        # What is typed before the last part of the page is there is lost when that part is drawn.
        page.goto(address, wait_until="networkidle")
        yield page, wrong
        browser.close()


def _note_outside(url: str, address: str, wrong: list[str]) -> None:
    if not url.startswith((address, "data:", "blob:")):
        wrong.append(url)


def test_a_typed_caption_gets_its_label(page: tuple[Page, list[str]], classify: Predictor) -> None:
    shown, wrong = page
    expected = classify("a bowl of ramen")
    shown.get_by_label("Text").press_sequentially("a bowl of ramen")
    shown.get_by_role("button", name="Classify").click()
    shown.wait_for_selector("#status >> text=Predicted in")
    shown.wait_for_function(
        "label => document.querySelector('#label h2')?.innerText.trim() === label", arg=expected.label
    )
    first, *_ = expected.scores.items()
    assert first[0] in shown.locator("#label").inner_text()
    assert f"{first[1]:.0%}" in shown.locator("#label").inner_text()
    assert " ms" in shown.locator("#status").inner_text()
    assert wrong == []


def test_an_example_can_be_chosen(page: tuple[Page, list[str]]) -> None:
    shown, wrong = page
    shown.get_by_text(EXAMPLES[1]).click()
    shown.wait_for_selector("#status >> text=Predicted in")
    assert shown.get_by_label("Text").input_value() == EXAMPLES[1]
    shown.get_by_label("Text").fill("")
    shown.wait_for_selector("#status >> text=Type a text")
    assert wrong == []


def test_an_answer_has_probabilities_and_the_time(classify: Predictor) -> None:
    scores, line = answer(classify, "a bowl of ramen")
    assert scores == classify("a bowl of ramen").scores
    assert "Predicted in <b>" in line and " ms</b>" in line
    assert "only the first 32 tokens were read" in answer(classify, "ramen " * 99)[1]


def test_who_answered_is_told_where_there_is_a_first_stage(classify: Predictor, tiny_first: Path) -> None:
    with Predictor(tiny_first) as quick:
        assert quick("soup").stage == "first" and "by the first stage" in answer(quick, "soup")[1]
        assert quick("the road").stage == "model" and "by the model" in answer(quick, "the road")[1]
    assert "by the" not in answer(classify, "soup")[1]


def test_what_cannot_be_classified_is_a_sentence(classify: Predictor) -> None:
    assert answer(classify, "  ") == (
        None,
        "<p class='status note' role='status'>Type a text to see its label.</p>",
    )
    scores, line = answer(classify, "a \ud800 <b>")
    assert scores is None
    assert "class='status error'" in line and "is no valid Unicode" in line and "<b>" not in line


def test_examples_are_those_of_the_bundle_or_none(classify: Predictor, bundle_with_examples: Path) -> None:
    assert examples(classify) == []
    with Predictor(bundle_with_examples) as other:
        assert examples(other) == [(text,) for text in EXAMPLES]


def test_every_label_has_a_bar_with_its_threshold_and_those_given_stand_first(tiny_several: Path) -> None:
    with Predictor(tiny_several) as several:
        prediction = several("fresh fruit salad")
        bars, line = answer(several, "fresh fruit salad")
        assert answer(several, " ")[0] == ""
    given = len(prediction.labels)
    assert 0 < given < 3 and "Predicted in" in line and f"{given} of 3 labels given" in str(bars)
    shown = re.findall(r"<li class='(\w+)' aria-label='([^:]*):.*?left:([\d.]+)%", str(bars))
    assert [kind for kind, *_ in shown] == ["given"] * given + ["other"] * (3 - given)
    assert tuple(label for _, label, _ in shown[:given]) == prediction.labels
    limits = {label: 100 * limit for label, limit in zip(several.labels, THRESHOLDS, strict=True)}
    assert {label: float(left) for _, label, left in shown} == pytest.approx(limits, abs=0.06)


def test_a_pair_has_two_boxes_and_an_answer_from_both(tiny_pairs: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_pairs, tmp_path / "bundle")
    document = json.loads((folder / "bundle.json").read_text("utf-8"))
    document["examples"] = [["a bowl of ramen", "some soup"], "a text by itself"]
    (folder / "bundle.json").write_text(json.dumps(document), "utf-8")
    with Predictor(folder) as pairs:
        assert examples(pairs) == [("a bowl of ramen", "some soup")]
        scores, line = answer(pairs, "a bowl of ramen", "some soup")
        assert scores == pairs(("a bowl of ramen", "some soup")).scores
        assert "sure, by a least confidence of 42%" in line
        assert answer(pairs, "a bowl of ramen", "") == (None, answer(pairs, "", "")[1])
        boxes = make_boxes(SimpleNamespace(Textbox=dict), pairs)
    assert [box["label"] for box in boxes] == ["Premise", "Hypothesis"]


def test_a_folder_that_is_no_bundle_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", str(tmp_path), "--no-browser"]) == 2
    assert "is no bundle" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_port_that_is_taken_is_one_line(host: str, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with listen(host) as taken:
        port = str(taken.getsockname()[1])
        assert main(["demo", str(tiny_bundle), "--no-browser", "--host", host, "--port", port]) == 2
    said = capsys.readouterr().err
    assert f"port {port} is taken" in said and said.count("\n") == 1


def test_an_address_of_another_machine_is_one_line(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for host in ("192.0.2.1", "no such name", "x" * 70):
        assert main(["demo", str(tiny_bundle), "--no-browser", "--host", host]) == 2
        assert "cannot listen on" in capsys.readouterr().err
