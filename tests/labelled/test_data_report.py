"""``edgetext data``: each kind of fault is found where it was planted, and a clean file gets no complaint."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from edgetext.cli.main import main
from edgetext.data.load import load
from edgetext.data.report.findings import Item
from edgetext.data.report.lengths import WORDS, Ruler, count_words
from edgetext.data.report.near import near_pairs
from edgetext.data.report.page import html
from edgetext.data.report.report import DataReport, certain_findings, make_report
from edgetext.data.report.text_checks import check_texts
from edgetext.data.settings import DataSettings
from edgetext.pipeline import read_split
from edgetext.progress import Silent
from heard import Heard

SHORT = Ruler("words", "spaces", count_words, limit=60)


def captions() -> list[tuple[str, str]]:
    with (files("edgetext.data") / "food_not_food.csv").open(encoding="utf-8", newline="") as stream:
        return [(row["text"], row["label"]) for row in csv.DictReader(stream)]


CLEAN = captions()[:400]
FIRST, SECOND = [text for text, label in CLEAN if label == "food"][:2]
LONG = [" and ".join(text for text, _ in CLEAN[start : start + 4]) for start in range(0, 80, 4)]


def row(text: str, label: str = "food") -> bytes:
    plain = text.replace('"', '""')
    return f'"{plain}",{label}\n'.encode()


def boats(label: str) -> bytes:
    """Writes as many rows of a label as it needs not to be rare."""
    return b"".join(row(f"{number} boats", label) for number in ("two", "three", "four", "five", "six"))


# the lines that are planted, the kind that must be told, and what its sentence must say
FAULTS: dict[str, tuple[bytes, str, str]] = {
    "empty text": (row("") + row("  "), "broken-rows", "the text is empty"),
    "missing label": (row("a plate of figs", ""), "broken-rows", "the label is missing"),
    "too many fields": (b"a plate of figs, and a pear,food\n", "broken-rows", "not as many fields"),
    "no text in UTF-8": (b"a caf\xff,food\n", "broken-rows", "not readable as text"),
    "open quote": (b'"a plate of figs,food\n', "broken-rows", "never closed"),
    "duplicate": (row(SECOND) + row(SECOND.upper()), "duplicates", "2 rows too many"),
    "two labels": (row(FIRST, "not_food"), "two-labels", "1 text"),
    "letter case of a label": (row("a plate of figs", "Food"), "look-alike-labels", "'Food'"),
    "spaces around a label": (row("a plate of figs", " food"), "label-spaces", "1 row"),
    "misspelled label": (row("a plate of figs", "not_fod"), "misspelled-label", "'not_food'"),
    "rare label": (row("the dark side of the moon", "space"), "rare-labels", "'space'"),
    "no label by name": (boats("n/a"), "placeholder-label", "'n/a'"),
    "joined labels": (boats("food|not_food"), "joined-labels", "'|'"),
    "list as text": (boats("['food']"), "list-as-text", "['food']"),
    "mojibake": (row("a cafÃ© by the sea") + row("the cookâ€™s soup"), "mojibake", "2 texts"),
    "lost letters": (row("a caf\ufffd by the sea"), "lost-letters", "1 text"),
    "markup": (row("a bowl of <b>ramen</b><br/>with egg"), "markup", "<b>"),
    "entities": (row("fish &amp; chips on a tray"), "entities", "&amp;"),
    "escapes": (row(r"a caf\u00e9 by the sea"), "escapes", "1 text"),
    "invisible": (row("a bowl of ra\u200bmen with egg"), "invisible", "u200b"),
    "template": (row("a bowl of {{dish}} with egg"), "template", "{{dish}}"),
    "placeholder": (row("N/A") + row("[deleted]"), "placeholder", "2 texts"),
    "link": (row("https://example.org/a.jpg"), "link", "1 text"),
    "no words": (row("12345 !!"), "no-words", "1 text"),
    "repeats": (row("a bowl of soooooooooooooup"), "repeats", "1 text"),
    "another script": (row("тарелка горячего супа"), "other-script", "1 text"),
    "header again": (row("text", "label"), "header-again", "1 row"),
    "swallowed rows": (b'"a plate of figs,food\na car in the rain,not_food\n""a tram"" by night",not_food\n',
                       "swallowed-rows", "'a plate of figs,food'"),
    "label in the text": (row("[food] a plate of figs"), "answer-in-text", "1 text"),
    "too long": (row("figs " * 70), "too-long", "70"),
    "cut off": (b"".join(row(text[:150]) for text in LONG if text[149].isalnum()), "cut-off", "150 characters"),
    "near duplicate": (row(FIRST + " now", "not_food"), "near-two-labels|near-duplicates", "1 pair"),
}  # fmt: skip


def report_of(path: Path, **settings: str) -> DataReport:
    return make_report(DataSettings(str(path), **settings), ruler=SHORT)


def write(path: Path, *planted: bytes) -> Path:
    path.write_bytes(b"text,label\n" + b"".join(row(*each) for each in CLEAN) + b"".join(planted))
    return path


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_and_nothing_else(fault: str, tmp_path: Path) -> None:
    lines, kind, said = FAULTS[fault]
    report = report_of(write(tmp_path / "d.csv", lines))
    found = {finding.kind: finding for finding in report.findings}
    assert len(found) == len(report.findings)
    (told,) = [finding for name, finding in found.items() if re.fullmatch(kind, name)]
    assert said in told.says
    assert told.advice and told.count
    first = len(CLEAN) + 1
    if told.places:  # the first planted row, or the row it agrees with
        assert any(
            place.startswith(f"row {number} ") for place in told.places for number in range(first, first + 7)
        )
    consequences = {"rare-labels"} if kind in ("look-alike-labels", "misspelled-label") else set()
    consequences |= {"rare-labels", "two-labels", "unbalanced"} if fault in ("header again",) else set()
    consequences |= {"unbalanced"} if "label" in fault or "list" in fault else set()
    assert set(found) - {told.kind} <= consequences


def test_all_faults_of_one_file_are_found(tmp_path: Path) -> None:
    """Every kind at once; but for the quote that is never closed, which would swallow what comes after it."""
    planted = {name: fault for name, fault in FAULTS.items() if name != "open quote"}
    report = report_of(write(tmp_path / "d.csv", *(lines for lines, _, _ in planted.values())))
    kinds = {finding.kind for finding in report.findings}
    missing = {
        name for name, (_, kind, _) in planted.items() if not any(re.fullmatch(kind, each) for each in kinds)
    }
    assert not missing
    assert len(planted) >= 20
    assert [finding.severity for finding in report.findings] == sorted(
        (finding.severity for finding in report.findings), key=("error", "warning", "note").index
    )


def test_a_clean_file_gets_no_complaint(tmp_path: Path) -> None:
    assert report_of(write(tmp_path / "d.csv")).findings == ()
    assert make_report(DataSettings("food_not_food")).findings == ()


def test_clean_lists_and_clean_pairs_get_no_complaint(tmp_path: Path) -> None:
    lists, pairs = tmp_path / "lists.jsonl", tmp_path / "pairs.jsonl"
    labels = [["warm", "sweet"][: number % 3] for number in range(len(CLEAN))]
    lists.write_text(
        "".join(
            json.dumps({"text": text, "labels": found}) + "\n"
            for (text, _), found in zip(CLEAN, labels, strict=True)
        ),
        "utf-8",
    )
    halves = zip(CLEAN[:200], CLEAN[200:], strict=True)
    pairs.write_text(
        "".join(
            json.dumps(
                {"premise": first[0], "hypothesis": second[0], "label": ("yes", "no")[first[1] == second[1]]}
            )
            + "\n"
            for first, second in halves
        ),
        "utf-8",
    )
    found = report_of(lists)
    assert (found.findings, found.one_label, found.unlabelled) == ((), False, sum(not each for each in labels))
    assert sum(found.labels["warm"].values()) == sum("warm" in each for each in labels)
    found = report_of(pairs)
    assert found.findings == ()
    assert found.columns["text pair"] == "hypothesis"


def test_parts_are_compared(tmp_path: Path) -> None:
    train, test = write(tmp_path / "train.csv"), tmp_path / "test.csv"
    rows = [(f"{text} again", "food") for text, _ in CLEAN[:60]] + [(CLEAN[70][0], CLEAN[70][1])]
    test.write_bytes(
        b"text,label\n" + b"".join(row(*each) for each in rows if each[1] == "food" or each == rows[-1])
    )
    report = report_of(train, test=str(test))
    found = {finding.kind: finding for finding in report.findings}
    assert {"leak", "near-duplicates", "parts-differ"} <= set(found)
    assert found["leak"].count == 1
    assert any(place == f"{test}: row 61 (line 62)" for place in found["leak"].places)
    assert report.parts["test"] == 61


def test_a_label_that_no_part_tests_is_told(tmp_path: Path) -> None:
    train, test = write(tmp_path / "train.csv"), tmp_path / "test.csv"
    test.write_bytes(b"text,label\n" + boats("food"))
    assert "untested-labels" in {finding.kind for finding in report_of(train, test=str(test)).findings}


def test_what_training_would_refuse_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(b"text,label\n" + b"".join(row(text) for text, _ in CLEAN))
    (finding,) = report_of(path).findings
    assert (finding.kind, finding.severity) == ("no-training", "error")
    assert "one label only" in finding.says


def test_a_column_of_names_is_no_column_of_labels(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(
        b"text,label\n" + b"".join(row(text, f"id {number}") for number, (text, _) in enumerate(CLEAN))
    )
    assert "own-labels" in {finding.kind for finding in report_of(path).findings}


def test_unbalanced_labels_are_told(tmp_path: Path) -> None:
    food = [each for each in captions() if each[1] == "food"][:240]
    other = [each for each in captions() if each[1] != "food"][:8]
    path = tmp_path / "d.csv"
    path.write_bytes(b"text,label\n" + b"".join(row(*each) for each in food + other))
    (finding,) = report_of(path).findings
    assert finding.kind == "unbalanced" and "30 times" in finding.says


def test_a_pair_of_twice_the_same_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    rows = [(first, second, label) for (first, label), (second, _) in zip(CLEAN[:99], CLEAN[100:199], strict=True)]
    with path.open("w", encoding="utf-8", newline="") as stream:
        names = ("premise", "hypothesis", "label")
        csv.writer(stream).writerows([names, *rows, ("a red tram", "A red  tram", "food")])
    (finding,) = report_of(path).findings
    assert (finding.kind, finding.places) == ("same-pair", ("row 100 (line 101)",))


def kinds_in(text: str) -> set[str]:
    return {finding.kind for finding in check_texts([Item((text,), ("x",), "train", "row 1")])}


@pytest.mark.parametrize(
    "text",
    ["„Spaß“ am Straßenrand", "L’été – 5 €", "São Tomé, coração, irmão", "tiếng Việt: phở", "naïve café ½ §", "ÃO"],
)
def test_accents_are_no_mojibake(text: str) -> None:
    assert kinds_in(text) == set()


@pytest.mark.parametrize("text", ["crème brûlée", "Straße", "l’été à Köln – 5 €", "привет", "日本語", "🍮 dessert"])
@pytest.mark.parametrize("wrong", ["cp1252", "latin-1"])
def test_mojibake_is_found_in_any_language(text: str, wrong: str) -> None:
    assert "mojibake" in kinds_in(
        "".join(bytes([byte]).decode(wrong, "ignore") or chr(byte) for byte in text.encode())
    )
    assert "mojibake" not in kinds_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "3 < 4 and 5 > 4",
        "I <3 soup",
        "R&D & more",
        "C:\\new\\text",
        "100% sure",
        "a b",
        "why???",
        "好",
        "🍮",
    ],
)
def test_signs_of_plain_texts_are_no_faults(text: str) -> None:
    assert kinds_in(text) == set()


def test_near_duplicates_are_those_of_a_plain_comparison() -> None:
    """Every pair at 0.8 or more, and no other one, against shingles of five letters compared with one another."""

    def shingles(text: str) -> set[str]:
        plain = " ".join(re.findall(r"\w+", text.casefold()))
        return {plain[at : at + 5] for at in range(len(plain) - 4)}

    texts = [text for text, _ in CLEAN[:120]]
    texts += [f"{text} now" for text in texts[:40]] + [text.upper().replace(" ", ", ") for text in texts[40:60]]
    sets = [shingles(text) for text in texts]
    expected = {
        (first, second)
        for second in range(len(texts))
        for first in range(second)
        if len(sets[first] & sets[second]) >= 0.8 * len(sets[first] | sets[second])
    }
    found = near_pairs(texts, lambda first, second: True, Silent())
    assert {(first, second) for first, second, _ in found} == expected
    assert len(expected) > 40


def test_lengths_count_every_text_once() -> None:
    report = make_report(DataSettings("food_not_food"), ruler=WORDS)
    assert sum(count for _, _, count in report.lengths.bins) == report.rows == 2200
    starts = [start for start, _, _ in report.lengths.bins]
    assert len(starts) <= 16 and starts == sorted(starts)
    assert report.lengths.bins[-1][1] >= report.lengths.longest >= report.lengths.p99 >= report.lengths.median


def test_training_is_told_what_is_certain_and_no_more(tmp_path: Path) -> None:
    planted = [FAULTS[name][0] for name in ("two labels", "mojibake", "markup", "header again", "rare label")]
    data = load(str(write(tmp_path / "d.csv", *planted)))
    assert {finding.kind for finding in certain_findings(data)} == {"two-labels", "mojibake", "header-again"}
    assert certain_findings(load("food_not_food")) == ()


def test_reading_for_training_tells_it(tmp_path: Path) -> None:
    told = Heard()
    read_split(write(tmp_path / "d.csv", FAULTS["mojibake"][0]), progress=told)
    (note,) = told.notes
    assert "row 401" in note and "decoded wrongly" in note


class Tags(HTMLParser):
    """Collects the tags and what could ask for something from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.asked: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asked += [value for name, value in attrs if name in ("src", "href") and value != "data:,"]


def test_the_page_escapes_the_data_and_asks_for_nothing(tmp_path: Path) -> None:
    evil = '<script>alert(1)</script><img src="https://example.org/x">\u202e'
    path = tmp_path / "d.csv"
    rows = [(text, "<b>food</b>" if label == "food" else label) for text, label in CLEAN]
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("text", "label"), *rows, (evil, "<b>food</b>"), (evil, "not_food")])
    page = html(report_of(path))
    found = Tags()
    found.feed(page)
    assert not {"script", "img", "b", "iframe", "object"} & set(found.tags)
    assert found.asked == [] and "url(" not in page and "@import" not in page
    assert "\u202e" not in page and "&lt;b&gt;food" in page


def test_the_command_prints_the_report_and_writes_the_page(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, page = write(tmp_path / "d.csv", FAULTS["mojibake"][0]), tmp_path / "d.html"
    words = ["data", str(data), "--base", str(tiny_base)]
    assert main([*words, "--html", str(page)]) == 0
    said = capsys.readouterr().out
    for part in (f"edgetext train {data} -o", "tokens in a text", "warning: ", "row 401 (line 402)", str(page)):
        assert part in said
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert main([*words, "--html", str(page)]) == 2
    assert main([*words, "--html", str(page), "--overwrite", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [finding["kind"] for finding in report["findings"]] == ["mojibake"]
    assert report["lengths"]["unit"] == "tokens"
    other = tmp_path / "mine.html"
    other.write_text("my own page", "utf-8")
    assert main([*words, "--html", str(other), "--overwrite"]) == 2
    assert other.read_text("utf-8") == "my own page"


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(b"text,label\n,food\n")
    assert main(["data", str(path)]) == 2
    assert "none of the 1 rows can be used" in capsys.readouterr().err
    assert main(["data", "food_not_food", "--max-length", "9999"]) == 2
