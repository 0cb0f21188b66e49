"""What anybody may have written shows as what it is: on a terminal, in Markdown, in YAML, in HTML."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml as reader
from markdown_it import MarkdownIt

from edgetext import Predictor
from edgetext.bench.page.page import write_page
from edgetext.bench.report import report_text
from edgetext.bench.results import Results
from edgetext.cli.console import Console
from edgetext.cli.main import main
from edgetext.escape import code, json_text, markdown, spreadsheet, terminal, yaml
from edgetext.export.card import write_card
from edgetext.export.record import SearchRecord
from edgetext.runtime.manifest import Manifest

EVIL = (
    "x\n\n# Forged | `a` ``b`` <script>alert(1)</script> [l](http://x) ![i](http://x) *b* \x1b]0;t\x07 "
    '\u202e\x9b2J & &lt; "q"'
)
RESULTS = Path(__file__).parents[1] / "data" / "bench"


def parsed(text: str) -> Counter[str]:
    """Counts the kinds of what a reader of Markdown makes of a text."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return Counter(token.type for block in tokens for token in (block, *(block.children or ())))


def shown(text: str) -> str:
    """Gives the text that a reader of Markdown shows."""
    inline = next(token for token in MarkdownIt("commonmark").parse(text) if token.type == "inline")
    return "".join(token.content for token in inline.children or ())


def test_a_terminal_is_given_nothing_to_obey() -> None:
    assert (
        terminal("a\tb\r\n\x1b[2J\x9b\u202e\u2028\ud800é 👨‍👩‍👧")
        == "a\\tb\\r\\n\\x1b[2J\\x9b\\u202e\\u2028\\ud800é 👨‍👩‍👧"
    )
    assert terminal("one\ntwo\x1b", lines=True) == "one\ntwo\\x1b"


@pytest.mark.parametrize("text", [EVIL, "_x_ a_b __c__", "a|b", "\\", "`", "~~x~~", "<b>", "&#65; &amp;", "[x]: y"])
def test_markdown_shows_the_text_as_it_is(text: str) -> None:
    for escaped in (markdown(text), code(text)):
        assert shown(f"so {escaped} it is").replace("\\|", "|") == f"so {terminal(text)} it is".replace("\\|", "|")
        row = parsed(f"| a | b |\n|---|---|\n| {escaped} | c |\n")
        assert (row["td_open"], row["html_inline"], row["html_block"], row["link_open"]) == (2, 0, 0, 0)


def test_words_and_figures_stay_as_they_are() -> None:
    for text in (
        "food_not_food",
        "1.47× [0.99, 2.18], no difference shown",
        "R&D",
        "92.7 % [91.7, 93.6]",
        "a-b (c)",
    ):
        assert markdown(text) == text


def test_yaml_holds_one_string() -> None:
    assert reader.safe_load(f"a: {yaml(EVIL)}\nb: 1") == {"a": EVIL, "b": 1}


def injected(value: Any, change: Callable[[str], Any]) -> Any:
    """Gives JSON values with every text and every name that is not the schema's changed."""
    if isinstance(value, dict):
        return {name: injected(part, change) for name, part in value.items()}
    if isinstance(value, list):
        return [injected(part, change) for part in value]
    return change(value) if isinstance(value, str) else value


def evil(text: str) -> str:
    """Leaves what the schema names alone."""
    return text if text in ("measured", "not_measured", "failed") else text + EVIL


@pytest.mark.parametrize("file", sorted(RESULTS.rglob("*.json")), ids=lambda path: path.stem)
def test_a_report_of_hostile_results_has_the_shape_of_a_good_one(file: Path, tmp_path: Path) -> None:
    good = json.loads(file.read_text("utf-8"))
    bad = injected(good, evil)
    before, after = report_text(Results.from_json(good)), report_text(Results.from_json(bad))
    assert parsed(after) - parsed(before) == Counter({"text_special": parsed(after)["text_special"]}) or (
        {kind for kind, _ in (parsed(after) - parsed(before)).items()} <= {"text_special", "text", "code_inline"}
    )
    assert not any(letter in after for letter in "\x1b\x07\x9b\u202e")
    write_page(tmp_path / "page.html", Results.from_json(bad))
    page = (tmp_path / "page.html").read_text("utf-8")
    write_page(tmp_path / "good.html", Results.from_json(good))
    assert page.count("<script") == (tmp_path / "good.html").read_text("utf-8").count("<script")
    assert "<h1>Forged" not in page and "alert(1)</script>" not in page


def test_a_card_of_a_hostile_bundle_has_the_shape_of_a_good_one(tiny_bundle: Path, tmp_path: Path) -> None:
    manifest = json.loads((tiny_bundle / "bundle.json").read_text("utf-8"))
    manifest["provenance"] |= {
        "base_model": "owner/name",
        "data": [{"name": "d.csv", "rows": 3, "fingerprint": "f"}],
    }
    manifest["provenance"]["rows"] = {"train": 3}
    manifest["variants"][-1]["evaluation"] = {"verdict": "passed", "sentence": "passed: nothing was lost"}
    metrics = {"test": {"accuracy": 1.0, "macro_f1": 1.0, "per_label": {"a": {"precision": 1.0, "recall": 1.0}}}}
    cards = []
    for change in (lambda text: text, lambda text: text + EVIL):
        value = json.loads(json.dumps(manifest))
        value["labels"] = injected(value["labels"], change)
        value["provenance"] = injected(value["provenance"], change)
        value["variants"][-1]["evaluation"] = injected(value["variants"][-1]["evaluation"], change)
        value["variants"][-1]["scheme"] = change(value["variants"][-1]["scheme"])
        figures = json.loads(json.dumps(metrics))
        figures["test"]["per_label"] = {change("a"): figures["test"]["per_label"]["a"]}
        write_card(tmp_path, Manifest.from_json(value), SearchRecord("latency", (), "fp32", metrics=figures))
        cards.append((tmp_path / "README.md").read_text("utf-8"))
    front = [reader.safe_load(card.split("---\n")[1]) for card in cards]
    assert front[0] == {**front[1], "base_model": "owner/name"} and "base_model" not in front[1]
    good, bad = (parsed(card.partition("\n---\n")[2]) for card in cards)
    assert set(bad - good) <= {"text_special", "text"}
    assert not any(letter in cards[1] for letter in "\x1b\x07\x9b\u202e")


def test_labels_of_an_answer_stay_on_their_line(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    bundle = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, bundle)
    value = json.loads((bundle / "bundle.json").read_text("utf-8"))
    value["labels"] = [f"{label}\t|\n\x1b[2J" for label in value["labels"]]
    (bundle / "bundle.json").write_text(json.dumps(value), "utf-8")
    assert main(["predict", str(bundle), "a dog\x1b]0;title\x07 in the park"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    label, _, text = line.split("\t")
    assert label.endswith("\\t|\\n\\x1b[2J") and text == "a dog\\x1b]0;title\\x07 in the park"
    with Predictor(bundle) as classify:
        assert classify("a dog").label in value["labels"]


def test_everything_that_a_command_shows_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    import io

    out, err = io.StringIO(), io.StringIO()
    console = Console(out, err, draw=False)
    console.say(EVIL)
    console.table(EVIL, [EVIL, "b"], [[EVIL, EVIL]])
    with console.progress() as progress:
        progress.note(EVIL)
        progress.step(EVIL, 1, 2)
    assert not set("\x1b\x07\x9b\u202e\r") & set(out.getvalue() + err.getvalue())
    assert err.getvalue().count("\n") == 2
    assert main(["inspect", f"none{EVIL}"]) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1 and "\x1b" not in shown


def test_json_stays_json_and_gives_a_terminal_nothing_to_obey() -> None:
    text = json_text({"a": EVIL, "b": "é\x9b\u202e"}, indent=2)
    assert json.loads(text) == {"a": EVIL, "b": "é\x9b\u202e"}
    assert not set("\x1b\x07\x9b\u202e") & set(text) and "é" in text
    with pytest.raises(ValueError, match="JSON"):
        json_text(float("nan"))


@pytest.mark.parametrize(
    "cell", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\tx", "\rx", "=", "=5", "-1+cmd|' /C calc'!A0", "-"]
)
def test_a_spreadsheet_is_given_no_formula(cell: str) -> None:
    assert spreadsheet(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-5", "+3.25", "-.5", "a=b", "", "'=1", "5 @ 3", "é"])
def test_numbers_and_words_stay(cell: str) -> None:
    assert spreadsheet(cell) == cell


def test_cells_for_a_spreadsheet_are_defused_when_asked(tiny_bundle: Path, tmp_path: Path) -> None:
    import csv

    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('"=id",text\n-7,"=HYPERLINK(""http://x"")"\n')
    for words, first in (([], "="), (["--for-spreadsheets", "--overwrite"], "'=")):
        assert main(["predict", str(tiny_bundle), "-i", str(source), "-o", str(target), *words]) == 0
        with target.open(newline="") as stream:
            header, row = list(csv.reader(stream))
        assert header[0] == f"{first}id" and row[0] == "-7" and row[1].startswith(f"{first}HYPERLINK")
    assert main(["predict", str(tiny_bundle), "a dog", "--for-spreadsheets"]) == 2
