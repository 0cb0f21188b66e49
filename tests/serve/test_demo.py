"""The demo page, in a real browser and, for what needs none, without."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from starlette.applications import Starlette

from edgetext import InputError, Predictor
from edgetext.cli.main import main
from edgetext.serve.demo import answer, examples, make_boxes, make_sliders
from edgetext.serve.file_desk import FILES, OUTPUTS, FileDesk, draw_desk
from edgetext.serve.listening import ServerThread, listen
from edgetext.serve.report_tab import find_report
from tiny_onnx import SURE_FROM, THRESHOLDS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

EXAMPLES = ["a slice of pizza", "the road to the mountain"]  # of conftest
PATIENCE_MS = 120_000  # a machine that is busy with other things takes its time to draw the page


@pytest.fixture(scope="module")
def classify(tiny_bundle: Path) -> Iterator[Predictor]:
    with Predictor(tiny_bundle) as predictor:
        yield predictor


@pytest.fixture
def page(address: str, browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """Gives the open page and a list that fills with what should not happen."""
    wrong: list[str] = []
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.on("request", lambda request: _note_outside(request.url, address, wrong))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(f"{error}\n{error.stack}"))
    # What is typed before the last part of the page is there is lost when that part is drawn.
    page.goto(address, wait_until="networkidle")
    yield page, wrong
    page.close()


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
    shown.get_by_role("spinbutton").fill("1")
    shown.wait_for_selector("#status >> text=unsure, by a least confidence of 100%")
    assert wrong == []


def test_an_example_can_be_chosen(page: tuple[Page, list[str]]) -> None:
    shown, wrong = page
    shown.get_by_text(EXAMPLES[1]).click()
    shown.wait_for_selector("#status >> text=Predicted in")
    assert shown.get_by_label("Text").input_value() == EXAMPLES[1]
    shown.get_by_label("Text").fill("")
    shown.wait_for_selector("#status >> text=Type a text")
    assert wrong == []


def predicted(bundle: Path, rows: Path, *options: str) -> bytes:
    """What ``edgetext predict`` makes of a file of rows."""
    output = rows.with_name(f"expected{OUTPUTS[rows.suffix]}")
    assert main(["predict", str(bundle), "-i", str(rows), "-o", str(output), "--overwrite", *options]) == 0
    return output.read_bytes()


def test_a_file_is_dropped_and_its_answers_are_those_of_predict(
    page: tuple[Page, list[str]], bundle_with_examples: Path, tmp_path: Path
) -> None:
    shown, wrong = page
    rows = tmp_path / "captions.csv"
    rows.write_text("id,said\n1,a bowl of ramen\n2,=1+1\n" + "3,the road to the mountain\n" * 40, "utf-8")
    shown.get_by_role("tab", name="A file").click()
    shown.get_by_label("Text column").fill("said")
    dropped = shown.evaluate_handle(
        "text => { const all = new DataTransfer(); all.items.add(new File([text], 'captions.csv')); return all; }",
        rows.read_text("utf-8"),
    )
    shown.locator("#file-desk .drop").dispatch_event("drop", {"dataTransfer": dropped})
    shown.wait_for_selector("#file-desk >> text=captions.csv: 42 rows answered.")
    shown.get_by_role("tab", name="Try it").click()
    shown.get_by_role("tab", name="A file").click()
    with shown.expect_download() as download:
        shown.get_by_text("Download the answers").click()
    assert download.value.suggested_filename == "captions_predicted.csv"
    found = Path(download.value.path()).read_bytes()
    assert (
        found == predicted(bundle_with_examples, rows, "--for-spreadsheets", "--text-column", "said")
        and b"'=1+1" in found
    )
    assert wrong == []


def test_a_file_that_cannot_be_used_is_a_sentence_on_a_phone_too(page: tuple[Page, list[str]]) -> None:
    shown, wrong = page
    shown.set_viewport_size({"width": 390, "height": 844})
    shown.get_by_role("tab", name="A file").click()
    given = {"name": "<b>rows.csv", "mimeType": "text/csv", "buffer": b"text\na\n \n"}
    shown.locator("#file-desk .drop input").set_input_files(given)
    shown.wait_for_selector("#file-desk .error >> text=<b>rows.csv: row 2 (line 3): the text is empty")
    assert shown.get_by_text("Download the answers").is_hidden()
    assert wrong == []
    shown.locator("#file-desk .drop input").set_input_files({**given, "name": "rows.docx"})
    shown.wait_for_selector("#file-desk .error >> text=rows.docx is none of .csv")
    assert all("415" in line for line in wrong), "Chromium itself notes the status"
    for tab in ("Try it", "A file", "Report"):
        shown.get_by_role("tab", name=tab).click()
        assert shown.evaluate("document.scrollingElement.scrollWidth") <= 390


def test_the_report_beside_the_bundle_has_a_tab_of_its_own(page: tuple[Page, list[str]]) -> None:
    shown, wrong = page
    shown.get_by_role("tab", name="Report").click()
    shown.frame_locator("#report").get_by_text("the report's own script ran").wait_for()
    assert wrong == []


class Desk:
    """A desk for files by itself, on loopback."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, path: str, content: bytes | None = None) -> tuple[int, Message, bytes]:
        """Gives status, headers and body of a GET, or of a POST where there is something to send."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        with closing(connection):
            connection.request("GET" if content is None else "POST", path, content)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def hand_in(self, name: str, content: bytes) -> tuple[str, dict[str, Any]]:
        """Hands a file in and waits for it; gives where its answers are, and what is told of it."""
        status, _, body = self.ask(f"{FILES}?name={quote(name, safe='=&')}", content)
        assert status == 200
        path = f"{FILES}{json.loads(body)['key']}"
        ends = time.monotonic() + PATIENCE_MS / 1e3
        while not (told := json.loads(self.ask(path)[2]))["done"]:
            assert time.monotonic() < ends
            time.sleep(0.01)
        return f"{path}/answers", told


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Opens desks for files."""
    with ExitStack() as stack:

        def open_desk(bundle: Path, **how: Any) -> Desk:
            desk, app = FileDesk(stack.enter_context(Predictor(bundle)), tmp_path / "desk", **how), Starlette()
            stack.callback(desk.close)
            desk.add_to(app)
            listening = listen("127.0.0.1", 0)
            stack.callback(ServerThread(app, listening).close)
            return Desk(listening.getsockname()[1])

        yield open_desk


@pytest.mark.parametrize(
    ("bundle", "name", "content"),
    [
        ("tiny_several", "rows.jsonl", b'{"text": "fresh fruit salad", "n": 1}\n{"text": "a bus"}\n'),
        ("tiny_pairs", "rows.tsv", b"premise\thypothesis\na bowl of ramen\tsome soup\n"),
        ("tiny_first", "rows.csv", b"text\nsoup\nthe road to the mountain\n"),
    ],
)
def test_files_of_every_task_are_answered_as_predict_does(
    bundle: str,
    name: str,
    content: bytes,
    desks: Callable[..., Desk],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    folder, rows = request.getfixturevalue(bundle), tmp_path / name
    rows.write_bytes(content)
    desk = desks(folder)
    path, told = desk.hand_in(name, content)
    expected = content.count(b"\n") - (rows.suffix != ".jsonl")
    assert told == {"rows": expected, "part": 1, "notes": [], "done": True, "problem": ""}
    _, headers, found = desk.ask(path)
    assert found == predicted(folder, rows)
    assert f'filename="rows_predicted{OUTPUTS[rows.suffix]}"' in headers["content-disposition"]


def test_the_desk_has_limits(desks: Callable[..., Desk], tiny_bundle: Path, tmp_path: Path) -> None:
    desk = desks(tiny_bundle, most_rows=2)
    first, told = desk.hand_in("rows.csv", b"text\na\nb\n")
    assert told["rows"] == 2 and desk.ask(first)[0] == 200
    path, told = desk.hand_in("../../rows.csv", b"text\na\nb\nc\n")
    assert "rows.csv" not in told["problem"] and "more than 2 rows" in told["problem"]
    assert desk.ask(path)[0] == 404
    for _ in range(8):
        _, told = desk.hand_in("none.csv", b"")
        assert told["problem"].startswith("none.csv") and str(tmp_path) not in told["problem"]
    assert desk.ask(first)[0] == 404 and len(list((tmp_path / "desk").iterdir())) == 8
    for name in ("", "rows.parquet", "rows.csv.gz", "rows"):
        assert desk.ask(f"{FILES}?name={name}", b"x")[0] == 415


def test_the_columns_of_a_file_can_be_named(
    desks: Callable[..., Desk], tiny_bundle: Path, tiny_pairs: Path
) -> None:
    desk = desks(tiny_bundle)
    _, told = desk.hand_in("rows.csv", b"id,said\n1,a\n")
    assert "which column holds the text" in told["problem"] and "by 'Text column'" in told["problem"]
    _, told = desk.hand_in("rows.csv&text_column=said", b"id,said\n1,a\n")
    assert told["rows"] == 1
    _, told = desk.hand_in("rows.csv", b"id,caption\n1,a\n")
    (note,) = told["notes"]
    assert note.startswith("rows.csv: the texts are taken from the column 'caption'")
    with Predictor(tiny_pairs) as pairs:
        drawn = draw_desk(pairs)
    assert "placeholder='premise'" in drawn and "placeholder='hypothesis'" in drawn


def test_the_least_confidence_can_be_moved_where_there_is_one(classify: Predictor, tiny_pairs: Path) -> None:
    assert make_sliders(SimpleNamespace(Slider=dict), classify) == []
    with Predictor(tiny_pairs) as pairs:
        (slider,) = make_sliders(SimpleNamespace(Slider=lambda *range, **how: how), pairs)
        pair = ("a bowl of ramen", "some soup")
        confidence = pairs(pair).score
        lines = [answer(pairs, *pair, least=confidence + step)[1] for step in (-0.01, 0.01)]
    assert slider["value"] == SURE_FROM
    assert "'sure'" in lines[0] and "'unsure'" in lines[1]


def test_a_report_is_found_beside_the_bundle_or_where_it_is_said(
    bundle_with_examples: Path, tmp_path: Path
) -> None:
    beside = bundle_with_examples.parent / "report"
    assert find_report(bundle_with_examples) == (beside / "report.html").read_bytes()
    assert find_report(tmp_path, beside) == find_report(tmp_path, beside / "report.html") is not None
    assert find_report(tmp_path / "bundle") is None
    with pytest.raises(InputError, match="holds no report"):
        find_report(bundle_with_examples, tmp_path)


def test_an_answer_has_probabilities_and_the_time(classify: Predictor) -> None:
    scores, line = answer(classify, "a bowl of ramen")
    assert scores == classify("a bowl of ramen").scores
    assert "Predicted in <b>" in line and " ms</b>" in line
    assert "only the first 32 tokens were read" in answer(classify, "ramen " * 99)[1]


def test_who_answered_is_told_where_there_is_a_first_stage(classify: Predictor, tiny_first: Path) -> None:
    with Predictor(tiny_first) as quick:
        texts = ("soup", "the road to the mountain", "egg", "a dog in the park", "beef stew", "rain over the city")
        answers = {quick(text).stage: answer(quick, text)[1] for text in texts}
    assert "by the first stage" in answers["first"] and "by the model" in answers["model"]
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
