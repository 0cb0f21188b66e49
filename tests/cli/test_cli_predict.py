from __future__ import annotations

import contextlib
import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgetext import Predictor
from edgetext.cli.main import main

TEXTS = ["a bowl of ramen", "a dog in the park", "", "Crème brûlée, 日本"]


@pytest.fixture
def labels(tiny_bundle: Path) -> list[str]:
    """Gives the answers that the library gives, one text at a time."""
    with Predictor(tiny_bundle) as classify:
        return [classify(text).label for text in TEXTS]


def piped(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8"))


def test_texts_given_as_arguments(tiny_bundle: Path, labels: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(tiny_bundle), *TEXTS]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == labels
    assert [line[2] for line in lines] == TEXTS
    assert all(0 < float(line[1]) <= 1 for line in lines)


def test_lines_of_stdin_keep_step(
    tiny_bundle: Path, labels: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, "\ufeff".encode() + "\r\n".join(TEXTS).encode())
    assert main(["predict", str(tiny_bundle), "--variant", "int8", "--threads", "2"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[2] for line in lines] == TEXTS
    assert [line[0] for line in lines] == labels


def test_json_lines_on_stdout(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(tiny_bundle), "--json", "--top-k", "2", "a dog\tand\na cat"]) == 0
    value = json.loads(capsys.readouterr().out)
    with Predictor(tiny_bundle) as classify:
        expected = classify("a dog\tand\na cat", top_k=2)
    assert value == {
        "label": expected.label, "score": expected.score, "scores": dict(expected.scores),
        "labels": [expected.label], "truncated": False, "text": "a dog\tand\na cat",
    }  # fmt: skip


def test_a_plain_answer_is_one_line_whatever_the_text(
    tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(tiny_bundle), "--top-k", "3", "a dog\tand\na cat\u2028x"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.count("\t") == 6 and line.endswith("\ta dog and a cat x")


def write_input(path: Path) -> Path:
    rows = [{"id": str(number), "text": text, "label": "food"} for number, text in enumerate(TEXTS) if text]
    with path.open("w", encoding="utf-8", newline="") as stream:
        if path.suffix == ".txt":
            stream.write("".join(f"{text}\n" for text in TEXTS))
        elif path.suffix in (".csv", ".tsv"):
            writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
        else:
            stream.write("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".tsv", ".jsonl", ".ndjson"])
@pytest.mark.parametrize("output", ["out.csv", "out.jsonl"])
def test_files_keep_their_columns(
    tiny_bundle: Path, tmp_path: Path, labels: list[str], suffix: str, output: str
) -> None:
    source, target = write_input(tmp_path / f"in{suffix}"), tmp_path / output
    assert main(["predict", str(tiny_bundle), "--input", str(source), "--output", str(target)]) == 0
    with target.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream)) if target.suffix == ".csv" else [json.loads(line) for line in stream]
    kept = [
        number for number, text in enumerate(TEXTS) if text or suffix == ".txt"
    ]  # a line may be empty, a cell not
    assert [row["text"] for row in rows] == [TEXTS[number] for number in kept]
    assert [row["predicted_label"] for row in rows] == [labels[number] for number in kept]
    assert all(0 < float(row["predicted_score"]) <= 1 for row in rows)
    if suffix != ".txt":
        assert [row["id"] for row in rows] == ["0", "1", "3"]
        assert {row["label"] for row in rows} == {"food"}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, target.name])


def test_an_output_is_not_overwritten_unless_asked(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.csv"
    target.write_text("precious")
    words = ["predict", str(tiny_bundle), "a dog", "--output", str(target)]
    assert main(words) == 2
    assert "already exists: add --overwrite" in capsys.readouterr().err
    assert target.read_text() == "precious"
    assert main([*words, "--overwrite"]) == 2
    assert "out.csv is not a file that this command wrote" in capsys.readouterr().err
    assert target.read_text() == "precious"
    target.write_text("text,predicted_label,predicted_score\nof before,food,0.5\n")
    assert main([*words, "--overwrite"]) == 0
    assert "of before" not in target.read_text()
    assert target.read_text().splitlines()[0] == "text,predicted_label,predicted_score"


BAD_INPUTS = {
    "column.csv": (b"a,b\n1,2\n", "which column holds the text (the columns are: a, b)?"),
    "short.csv": (b"text,b\nx,y\nz\n", "row 2 (line 3): not as many fields as the header (it has 1), expected 2"),
    "long.csv": (b"text,b\nx,y,z\n", "row 1 (line 2): not as many fields as the header (it has 3), expected 2"),
    "quote.csv": (b'text,b\nx,y\n"open,z\n', "row 2 (line 3): a quote that opens here is never closed"),
    "wrong.csv": (b"text\nok\nbad\xff\n", "row 2 (line 3): not readable as text (invalid start byte at byte 3)"),
    "wrong.txt": (b"bad\xff\n", "row 1 (line 1): not readable as text (invalid start byte at byte 3)"),
    "packed.csv": (b"\x1f\x8b\x08...", "is compressed with gzip"),
    "empty.csv": (b"", "is empty"),
    "none.jsonl": (b'{"text": "x"}\n{"text": null}\n', "row 2 (line 2): the text is None of type NoneType"),
    "number.jsonl": (b'{"text": 5}\n', "row 1 (line 1): the text is 5 of type int"),
    "surrogate.jsonl": (b'{"text": "a \\ud800"}\n', "row 1 (line 1): the text is no valid Unicode"),
    "missing.jsonl": (b'{"text": "x"}\n{"other": "y"}\n', "row 2 (line 2): the column 'text' is missing"),
    "broken.jsonl": (b'{"text": "x"}\n{"text": \n', "row 2 (line 2): not readable as JSON"),
    "list.jsonl": (b"[1]\n", "row 1 (line 1): not a JSON object (it is an array)"),
    "deep.jsonl": (b"[" * 100_000, "row 1 (line 1): not readable as JSON"),
    "taken.csv": (b"text,predicted_label\nx,y\n", "has a column 'predicted_label', which is to be added"),
    "table.ods": (b"", "the suffix '.ods' is unknown; expected one of .txt, .csv"),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_input_is_one_line_and_leaves_nothing(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    content, message = BAD_INPUTS[name]
    source = tmp_path / name
    source.write_bytes(content)
    assert main(["predict", str(tiny_bundle), "--input", str(source), "--output", str(tmp_path / "out.csv")]) == 2
    shown = capsys.readouterr()
    assert message in shown.err and shown.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input", "nothing.csv"], "nothing.csv: there is no such file"),
        (["--input", "nothing.csv", "a text"], "texts and --input were both given"),
        (["--text-column", "text", "a text"], "--text-column names a column of an input file"),
        (["--resume", "a text"], "--resume is for files: give --input and --output too"),
        (["--rejects", "r", "a text"], "--rejects is for files"),
        (["-o", "out.parquet", "a text"], "Parquet is made from the input a second time: give --input"),
        (["-i", "x.csv", "-o", "x.csv"], "--input, --output and --rejects must be different files"),
        (["--output", "out.xlsx", "a text"], "has the suffix '.xlsx': expected one of .csv, .jsonl"),
        (["--output", "no/such/place.csv", "a text"], "is not a folder"),
        (["--top-k", "0", "a text"], "top_k must be a whole number from 1 on"),
        (["--variant", "int4", "a text"], "no variant 'int4'"),
        (["--threads", "0", "a text"], "threads must be a whole number from 1 on"),
        (["\udcff"], "text 0 is no valid Unicode"),
    ],
)
def test_wrong_use_is_one_line(
    tiny_bundle: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["predict", str(tiny_bundle), *words]) == 2
    shown = capsys.readouterr().err
    assert message in shown and shown.count("\n") == 1


def test_a_named_column_is_used(tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "rows.csv"
    source.write_text('first,second\na dog,"a very long cell, with\na line break"\n', "utf-8")
    assert main(["predict", str(tiny_bundle), "--input", str(source), "--text-column", "second"]) == 0
    assert capsys.readouterr().out.endswith("\ta very long cell, with a line break\n")
    assert main(["predict", str(tiny_bundle), "--input", str(source), "--text-column", "third"]) == 2
    assert "no column 'third' (the columns are: first, second)" in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error(tiny_bundle: Path) -> None:
    program = [sys.executable, "-m", "edgetext", "predict", str(tiny_bundle)]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b"a dog in the park\n" * 5000)
            process.stdin.close()
        errors = process.stderr.read()
        assert (process.wait(60), errors) == (0, b"")
