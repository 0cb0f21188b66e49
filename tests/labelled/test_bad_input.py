"""Every kind of data that cannot be used: one line that names the culprit, exit code 2, nothing written."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edgetext.cli.main import main
from edgetext.data.load import load
from edgetext.errors import DataError

GOOD = [("a bowl of soup", "food"), ("a dog in the park", "not_food")] * 3


def csv_of(*lines: str) -> bytes:
    return ("\n".join(("text,label", *lines)) + "\n").encode("utf-8")


def json_lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode("utf-8")


def row(text: object = "hello", label: object = "food") -> dict[str, object]:
    return {"text": text, "label": label}


# name of the file, its content, what the message must say
BAD_FILES = {
    "empty": ("d.csv", b"", ["d.csv", "is empty"]),
    "blank": ("d.csv", b"\n \n", ["d.csv", "is empty"]),
    "header alone": ("d.csv", b"text,label\n", ["no rows below its header"]),
    "unknown suffix": ("d.ods", b"PK", ["'.ods' is unknown", ".csv", ".jsonl", ".parquet"]),
    "no suffix": ("d", b"text,label\na,b\n", ["suffix ''", ".csv"]),
    "no text column": ("d.csv", b"a,label\nx,y\n", ["the text", "columns are: a, label", "--text-column"]),
    "no label column": ("d.csv", b"text,b\nx,y\n", ["the label", "columns are: text, b", "--label-column"]),
    "column twice": ("d.csv", b"text,text\nx,y\n", ["'text' twice"]),
    "Cyrillic in one byte": ("d.csv", "text,label\nпривет,food\n".encode("cp1251"), ["not readable", "UTF-8"]),
    "Polish in one byte": ("d.csv", "text,label\nma\xb3a \xb3y\xbfka,food\n".encode("latin-1"), ["row 1", "UTF-8"]),
    "a stray byte": ("d.csv", b"text,label\nbad\xff,food\n", ["row 1 (line 2)", "byte 3", "expected UTF-8"]),
    "binary": ("d.csv", b"te\0xt,label\na,b\n", ["column 1", "NUL", "no text file"]),
    "300,000 columns": ("d.csv", b"c," * 300_000 + b"text\na,b\n", ["300,001 columns", "at most"]),
    "gzip": ("d.csv", gzip.compress(b"text,label\na,b\n"), ["compressed with gzip", "end its name in .gz"]),
    "a workbook": ("d.csv", b"PK\x03\x04...", ["ZIP archive", ".xlsx"]),
    "a web page": ("d.csv", b"<!DOCTYPE html><html>", ["a web page"]),
    "a pointer": ("d.jsonl", b"version https://git-lfs.github.com/spec/v1\n", ["Git LFS pointer", "git lfs pull"]),
    "Parquet called CSV": ("d.csv", b"PAR1....", ["is Parquet", ".parquet"]),
    "half of utf-16": ("d.csv", b"\xff\xfet\x00e", ["is not UTF-16", "save it as UTF-8"]),
    "one label": ("d.csv", csv_of("a,food", "b,food"), ["one label only", "'food'", "at least two"]),
    "empty text": (
        "d.csv",
        csv_of("a,x", "  ,y"),
        ["row 2 (line 3)", "'text': the text is empty", "--drop-invalid"],
    ),
    "no label": ("d.csv", csv_of("a,x", "b,"), ["row 2", "column 'label': the label is missing", "1 row of 2"]),
    "too many fields": ("d.csv", csv_of("a,x", "b,c,y"), ["row 2", "it has 3", "expected 2", "needs quotes"]),
    "too few fields": ("d.csv", csv_of("a,x", "b"), ["row 2", "it has 1", "expected 2"]),
    "NUL": ("d.csv", csv_of("a,x", "b\0,y"), ["row 2", "NUL character"]),
    "open quote": ("d.csv", csv_of("a,x", '"b,y', "c,z"), ["line 3", "never closed"]),
    "stray quote": ("d.csv", csv_of("a,x", '"b" c,y', "c,z"), ["row 2 (line 3)", "not readable as CSV"]),
    "huge field": ("d.csv", csv_of("a,x", "b" * (17 << 20) + ",y"), ["row 2", "longer than 16,777,216 characters"]),
    "two broken": ("d.csv", csv_of("a,x", ",y", ",z"), ["row 2", "2 rows of 3 cannot be used", "--drop-invalid"]),
    "broken JSON": (
        "d.jsonl",
        json_lines(row()) + b"{oops\n",
        ["row 2 (line 2)", "not readable as JSON", "column 2"],
    ),
    "no JSON object": ("d.jsonl", json_lines(row(), [1]), ["row 2", "it is an array", "one object a line"]),
    "JSON array": ("d.jsonl", b"[1,\n2]\n", ["row 1 (line 1)", "not readable as JSON"]),
    "deep JSON": ("d.jsonl", json_lines(row()) + b"[" * 100_000 + b"\n", ["row 2", "not readable as JSON"]),
    "text null": ("d.jsonl", json_lines(row(), row(text=None)), ["row 2", "the text is missing"]),
    "text absent": ("d.jsonl", json_lines(row(), {"label": "x"}), ["row 2", "the text is missing"]),
    "text number": (
        "d.jsonl",
        json_lines(row(), row(text=5)),
        ["row 2", "a whole number (5)", "expected a string"],
    ),
    "label infinite": ("d.jsonl", b'{"text": "a", "label": 1e999}\n', ["row 1", "no finite number (inf)"]),
    "label NaN": ("d.jsonl", json_lines(row(), row(label=float("nan"))), ["row 2", "no finite number (nan)"]),
    "surrogate": (
        "d.jsonl",
        b'{"text": "a \\ud800", "label": "x"}\n',
        ["row 1", "'text'", "half of a surrogate pair"],
    ),
    "surrogate label": ("d.jsonl", json_lines(row(label="\udc00")), ["row 1", "'label'", "surrogate"]),
    "a list among labels": (
        "d.jsonl",
        json_lines(row(), row(label=["x", "y"]), row()),
        ["row 2", "the label is a list (['x', 'y'])", "expected a string"],
    ),
    "label invisible": ("d.csv", csv_of("a,x", "b,\u200b\u00a0"), ["row 2", "the label is missing"]),
    "unknown part": ("d.csv", b"text,label,split\na,x,train\nb,y,spare\n", ["row 2", "'spare'", "validation"]),
    "nothing to train": ("d.csv", b"text,label,split\na,x,test\nb,y,test\n", ["no row is for training", "'split'"]),
    "too few rows": ("d.csv", csv_of("a,x", "b,y"), ["2 rows are too few", "--test FILE"]),
    "gzip that is none": ("d.csv.gz", b"text,label\na,b\n", ["not readable as gzip"]),
    "half of gzip": ("d.csv.gz", gzip.compress(csv_of(*["a,b"] * 99))[:-9], ["not readable as gzip", "whole"]),
    "unknown in gzip": ("d.zip.gz", gzip.compress(b"PK"), ["'.zip' is unknown"]),
    "no JSON": ("d.json", b"[{]", ["not readable as JSON"]),
    "a JSON text": ("d.json", b'"rows"', ["a string", "expected an array of objects"]),
    "empty JSON": ("d.json", b" ", ["is empty"]),
    "no row in JSON": ("d.json", b"[]", ["no rows"]),
    "a number in JSON": ("d.json", b'[{"text": "a", "label": "x"}, 5]', ["row 2", "it is a number"]),
    "deep JSON array": ("d.json", b"[" * 100_000, ["not readable as JSON"]),
    "many lists": ("d.json", b"[" + b"[]," * (1 << 21) + b"[]]", ["lists and objects", ".jsonl"]),
    "no workbook": ("d.xlsx", b"PK\x03\x04...", ["not readable as an Excel workbook"]),
    "no Parquet": ("d.parquet", b"PAR0 certainly not", ["d.parquet", "not readable as Parquet"]),
    "empty Parquet": ("d.parquet", b"", ["d.parquet", "is empty"]),
}


@pytest.fixture
def train(tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Gives a function that runs the command, checks that it refused cleanly, and gives its message."""

    def run(*words: str | Path) -> str:
        output = tmp_path / "checkpoint"
        code = main(["train", *map(str, words), "-o", str(output), "--base", str(tiny_base)])
        message = capsys.readouterr().err.strip().splitlines()[-1]
        assert code == 2
        assert message.startswith("edgetext train: error: ")
        assert not output.exists()
        assert not list(tmp_path.glob(".*"))
        return message

    return run


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_gets_one_clear_line(case: str, tmp_path: Path, train: Callable[..., str]) -> None:
    name, content, expected = BAD_FILES[case]
    path = tmp_path / name
    path.write_bytes(content)
    message = train(path)
    assert str(path) in message
    for part in expected:
        assert part in message
    assert len(message) < 600


def test_a_missing_file_is_named(tmp_path: Path, train: Callable[..., str]) -> None:
    assert f"{tmp_path / 'none.csv'}: there is no such file" in train(tmp_path / "none.csv")


def test_a_folder_without_texts_is_refused(tmp_path: Path, train: Callable[..., str]) -> None:
    (tmp_path / "d.csv").write_bytes(csv_of("a,x"))
    assert f"{tmp_path} is a folder without texts" in train(tmp_path)


def test_a_name_that_no_file_can_have_is_refused(train: Callable[..., str]) -> None:
    assert "cannot be opened" in train("x" * 5000 + ".csv")


def test_an_unknown_builtin_lists_the_known_ones(train: Callable[..., str]) -> None:
    assert "expected builtin:food_not_food" in train("builtin:nothing")


def test_the_hub_out_of_reach_is_one_line(train: Callable[..., str]) -> None:
    message = train("hub:nobody/nothing")
    assert "hub:nobody/nothing: cannot be read from the Hugging Face Hub" in message
    assert "check the name" in message


@pytest.mark.parametrize("kind", ["text", "label", "split"])
def test_a_given_column_must_be_there(kind: str, tmp_path: Path, train: Callable[..., str]) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(csv_of("a,x", "b,y"))
    message = train(path, f"--{kind}-column", "nope")
    assert f"{path}: there is no column 'nope' (the columns are: text, label); check --{kind}-column" in message


def test_one_column_cannot_be_text_and_label(tmp_path: Path, train: Callable[..., str]) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(csv_of("a,x", "b,y"))
    assert "'label' cannot be two of text, label and split" in train(path, "--text-column", "label")


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_label_that_training_lacks_is_named(part: str, tmp_path: Path, train: Callable[..., str]) -> None:
    data, other = tmp_path / "d.csv", tmp_path / "other.csv"
    data.write_bytes(csv_of(*(f"{text} {number},{label}" for number, (text, label) in enumerate(GOOD))))
    other.write_bytes(csv_of("x,food", "y,drink"))
    message = train(data, f"--{part}", other)
    assert f"{other}: row 2: the {part} part has the label 'drink', which training has not" in message
    assert "'food', 'not_food'" in message


def test_a_test_file_equal_to_the_training_file_leaves_nothing(tmp_path: Path, train: Callable[..., str]) -> None:
    data = tmp_path / "d.csv"
    data.write_bytes(csv_of(*(f"{text} {number},{label}" for number, (text, label) in enumerate(GOOD))))
    assert "every training text also stands in a held-out part" in train(data, "--test", data)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_only_a_regular_file_is_opened(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"d{suffix}"
    os.mkfifo(path)
    with pytest.raises(DataError, match=f"d{suffix} is a pipe"):
        load(str(path))
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(DataError, match=f"d{suffix} is a device"):
        load(str(path))


def test_many_columns_are_listed_in_part(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(",".join(f"c{number}" for number in range(40)) + "\n" + ",".join("x" * 40) + "\n", "utf-8")
    with pytest.raises(DataError, match=r"c10, c11 and 28 more"):
        load(str(path))
