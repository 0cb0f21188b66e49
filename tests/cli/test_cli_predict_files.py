from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from edgetext import Predictor
from edgetext.bulk import job as bulk_job
from edgetext.cli.main import main

TEXTS = ["a bowl of ramen", "a dog in the park", "Crème brûlée, 日本", 'a "quoted" cat', "fried rice\r\nwith egg"]


@pytest.fixture
def labels(tiny_bundle: Path) -> list[str]:
    with Predictor(tiny_bundle) as classify:
        return [classify(text).label for text in TEXTS]


def predict(bundle: Path, source: Path, target: Path, *words: str) -> int:
    return main(["predict", str(bundle), "-i", str(source), "-o", str(target), "--variant", "int8", *words])


def write_table(path: Path) -> Path:
    table = pyarrow.table(
        {
            "id": pyarrow.array(range(len(TEXTS)), pyarrow.int16()),
            "text": TEXTS,
            "when": pyarrow.array(range(len(TEXTS)), pyarrow.timestamp("s")),
        }
    )
    pyarrow.parquet.write_table(table, path, row_group_size=2)
    return path


def many_rows(path: Path, count: int) -> Path:
    words = ["ramen", "dog", "park", "soup", "cat", "bus", "egg", "a", "the"]
    with path.open("w", encoding="utf-8") as stream:
        for number in range(count):
            text = " ".join(words[(number * step) % len(words)] for step in range(1, 2 + number % 23))
            line = f"broken {number}" if number % 997 == 5 else json.dumps({"id": number, "text": text})
            stream.write(line + "\n")
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_parquet_keeps_its_columns_and_types(tiny_bundle: Path, tmp_path: Path, labels: list[str]) -> None:
    source, target = write_table(tmp_path / "in.parquet"), tmp_path / "out.parquet"
    assert predict(tiny_bundle, source, target) == 0
    before, after = pyarrow.parquet.read_table(source), pyarrow.parquet.read_table(target)
    assert after.select(["id", "text", "when"]).equals(before)
    assert after.column_names[3:] == ["predicted_label", "predicted_score", "predicted_scores"]
    assert after["predicted_label"].to_pylist() == labels
    assert [
        dict(scores)[label] for scores, label in zip(after["predicted_scores"].to_pylist(), labels, strict=True)
    ] == (after["predicted_score"].to_pylist())
    assert names(tmp_path) == {"in.parquet", "out.parquet"}


def test_parquet_becomes_csv_and_json_lines(tiny_bundle: Path, tmp_path: Path, labels: list[str]) -> None:
    source = write_table(tmp_path / "in.parquet")
    assert predict(tiny_bundle, source, tmp_path / "out.csv") == 0
    assert predict(tiny_bundle, source, tmp_path / "out.jsonl") == 0
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["text"] for row in rows] == TEXTS
    assert [row["when"] for row in rows][:2] == ["1970-01-01T00:00:00", "1970-01-01T00:00:01"]
    values = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [value["id"] for value in values] == list(range(len(TEXTS)))
    assert [value["predicted_label"] for value in values] == labels == [row["predicted_label"] for row in rows]


def test_json_lines_become_parquet_with_the_types_that_hold_all_values(tiny_bundle: Path, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"text": "a dog", "n": 1, "f": 1, "b": True, "mixed": 1, "list": [1, 2]},
        {"text": "a cat", "n": None, "f": 2.5, "b": False, "mixed": "x", "late": "y"},
    ]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.parquet"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert predict(tiny_bundle, source, target) == 0
    got = pyarrow.parquet.read_table(target).drop_columns(
        ["predicted_label", "predicted_score", "predicted_scores"]
    )
    assert [str(kind) for kind in got.schema.types] == [
        "string",
        "int64",
        "double",
        "bool",
        "string",
        "string",
        "string",
    ]
    assert got.to_pylist() == [
        {"text": "a dog", "n": 1, "f": 1.0, "b": True, "mixed": "1", "list": "[1, 2]", "late": None},
        {"text": "a cat", "n": None, "f": 2.5, "b": False, "mixed": '"x"', "list": None, "late": "y"},
    ]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_killed_and_resumed_is_the_same_to_the_byte(tiny_bundle: Path, tmp_path: Path, suffix: str) -> None:
    source = many_rows(tmp_path / "in.jsonl", 30_000)
    whole, target = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    assert predict(tiny_bundle, source, whole, "--rejects", str(tmp_path / "whole.rejects")) == 0
    words = [sys.executable, "-m", "edgetext", "predict", str(tiny_bundle), "-i", str(source), "-o", str(target),
             "--variant", "int8", "--rejects", str(tmp_path / "out.rejects")]  # fmt: skip
    note = tmp_path / f".out{suffix}.unfinished.json"
    read = 0
    with subprocess.Popen(words, stderr=subprocess.PIPE) as process:
        while process.poll() is None and read < 8192:
            time.sleep(0.005)
            read = json.loads(note.read_text())["read"] if note.exists() else 0
        process.kill()
        assert process.wait(60) == -signal.SIGKILL
    assert 8192 <= read < 30_000 and not target.exists() and not (tmp_path / "out.rejects").exists()
    done = subprocess.run([*words, "--resume"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        0, f"29,969 rows -> {target}, 31 broken rows -> {tmp_path / 'out.rejects'}"
    )  # fmt: skip
    assert target.read_bytes() == whole.read_bytes()
    assert (tmp_path / "out.rejects").read_bytes() == (tmp_path / "whole.rejects").read_bytes()
    assert names(tmp_path) == {"in.jsonl", whole.name, target.name, "whole.rejects", "out.rejects"}


@pytest.fixture
def stopped(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[Path, Path]:
    """Gives an input and an output whose run was stopped at a broken row, ten rows after the last note."""
    monkeypatch.setattr(bulk_job, "CHUNK_ROWS", 10)
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id,text\n" + "".join(f"{n},a dog number {n}\n" for n in range(25)) + "25\n26,a cat\n")
    assert predict(tiny_bundle, source, target) == 2
    assert capsys.readouterr().err == (
        f"edgetext predict: error: {source}: row 26 (line 27): not as many fields as the header (it has 1), "
        "expected 2 as in the header (a text that holds the separator needs quotes); --rejects "
        "sets such rows aside; 20 rows are done and kept: --resume goes on from there\n"
    )
    assert names(tmp_path) == {"in.csv", ".out.csv.unfinished", ".out.csv.unfinished.json"}
    return source, target


def test_a_stopped_run_goes_on_with_rejects(tiny_bundle: Path, stopped: tuple[Path, Path], tmp_path: Path) -> None:
    source, target = stopped
    with (tmp_path / ".out.csv.unfinished").open("a") as stream:
        stream.write("half a li")  # what a kill leaves after the last note
    rejects = tmp_path / "rejects.jsonl"
    assert predict(tiny_bundle, source, target, "--resume", "--rejects", str(rejects)) == 0
    assert predict(tiny_bundle, source, tmp_path / "at_once.csv", "--rejects", str(tmp_path / "r")) == 0
    assert target.read_bytes() == (tmp_path / "at_once.csv").read_bytes()
    with target.open(newline="") as lines:
        assert [row["id"] for row in csv.DictReader(lines)] == [*map(str, range(25)), "26"]
    assert json.loads(rejects.read_text()) == {
        "row": 26, "line": 27, "reason": "not as many fields as the header (it has 1), expected 2 as in the header "
        "(a text that holds the separator needs quotes)", "raw": "25",
    }  # fmt: skip


def test_a_leftover_is_named_and_overwritten_only_when_asked(
    tiny_bundle: Path, stopped: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = stopped
    assert predict(tiny_bundle, source, target) == 2
    assert (
        "/.out.csv.unfinished.json was left by an interrupted run (20 rows done): add --resume to go on "
        "from there, or --overwrite to begin again"
    ) in capsys.readouterr().err
    assert predict(tiny_bundle, source, target, "--overwrite", "--rejects", str(tmp_path / "r")) == 0
    assert len(target.read_text().splitlines()) == 27


def test_going_on_without_the_first_stage_is_refused(
    tiny_first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_job, "CHUNK_ROWS", 2)
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id,text\n1,soup\n2,the road\n3\n")
    assert predict(tiny_first, source, target) == 2
    assert predict(tiny_first, source, target, "--resume", "--no-first-stage") == 2
    assert "--no-first-stage differs" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["input", "bundle", "option", "truncation", "deterministic", "side", "note"])
def test_going_on_with_something_else_is_refused(
    tiny_bundle: Path, stopped: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    source, target = stopped
    words = ["--resume", "--rejects", str(tmp_path / "r")]
    if what == "input":
        source.write_text(source.read_text().replace("a cat", "a bat"))
        expected = "was begun with another input, or it has changed"
    elif what == "bundle":
        words += ["--variant", "fp32"]
        expected = "was begun with another bundle"
    elif what == "option":
        words += ["--top-k", "1"]
        expected = "--top-k differs from the run that is to go on, which was begun without it"
    elif what == "truncation":
        words += ["--truncation", "windows"]
        expected = "--truncation differs from the run that is to go on, which was begun with head"
    elif what == "deterministic":
        words += ["--deterministic"]
        expected = "--deterministic differs from the run that is to go on, which was begun without it"
    elif what == "side":
        (tmp_path / ".out.csv.unfinished").write_text("id")
        expected = ".out.csv.unfinished is not what the earlier run left"
    else:
        (tmp_path / ".out.csv.unfinished.json").write_text('{"format_version": 1}')
        expected = ".out.csv.unfinished.json lacks the field"
    kept = (tmp_path / ".out.csv.unfinished").read_bytes()
    assert predict(tiny_bundle, source, target, *words) == 2
    shown = capsys.readouterr().err
    assert expected in shown and shown.count("\n") == 1
    assert (tmp_path / ".out.csv.unfinished").read_bytes() == kept and not target.exists()


def test_killed_while_renaming_is_finished_by_resume(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target, rejects = many_rows(tmp_path / "in.jsonl", 50), tmp_path / "out.parquet", tmp_path / "r.jsonl"
    plain = Path.replace

    def replace(self: Path, to: Path) -> Path:
        if Path(to) == rejects:
            raise RuntimeError("killed")
        return plain(self, to)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(RuntimeError, match="killed"):
        predict(tiny_bundle, source, target, "--rejects", str(rejects))
    assert target.exists() and not rejects.exists()
    monkeypatch.undo()
    assert predict(tiny_bundle, source, target, "--rejects", str(rejects), "--resume") == 0
    assert names(tmp_path) == {"in.jsonl", "out.parquet", "r.jsonl"}
    assert pyarrow.parquet.read_table(target).num_rows == 49 and len(rejects.read_text().splitlines()) == 1


FIELDS = (
    "not as many fields as the header (it has {}), expected 2 as in the header (a text that holds the separator "
    "needs quotes)"
)
NO_UTF_8 = "not readable as text (invalid start byte at byte 3), expected UTF-8; save the file as such"

# name -> content; row, line, reason and raw text of what is set aside; how many rows are good
BROKEN: dict[str, tuple[bytes, list[tuple[int, int, str, str]], int]] = {
    "rows.csv": (
        b'text,b\nok,1\n,2\n  ,3\nshort\nlong,1,2\nbad\xff,4\n"x"y,5\nok,6\n"never closed,7\nok,8\n',
        [
            (2, 3, "the text is empty", ",2"),
            (3, 4, "the text is empty", "  ,3"),
            (4, 5, FIELDS.format(1), "short"),
            (5, 6, FIELDS.format(3), "long,1,2"),
            (6, 7, NO_UTF_8, "bad\\xff,4"),
            (
                7,
                8,
                "not readable as CSV (',' expected after '\"'), expected quotes inside quotes to be doubled",
                '"x"y,5',
            ),
            (
                9,
                10,
                "a quote that opens here is never closed, expected it to be closed, or doubled",
                '"never closed,7',
            ),
        ],
        3,
    ),
    "rows.jsonl": (
        b'{"text": "ok"}\n{"text": null}\n{"text": 5}\n\n{"other": 1}\n{"text": \n[1]\n{"text": "a\\ud800"}\n'
        b'{"text": "x", "o": ["\\udfff"]}\n{"text": ""}\n{"text": "\\ud83d\\ude00"}\n',
        [
            (2, 2, "the text is None of type NoneType: expected a string", '{"text": null}'),
            (3, 3, "the text is 5 of type int: expected a string", '{"text": 5}'),
            (4, 5, "the column 'text' is missing", '{"other": 1}'),
            (
                5,
                6,
                "not readable as JSON (Expecting value at column 9), expected one object a line",
                '{"text": ',
            ),
            (6, 7, "not a JSON object (it is an array), expected one object a line", "[1]"),
            (7, 8, "the text is no valid Unicode", '{"text": "a\\ud800"}'),
            (8, 9, "the column 'o' is no valid Unicode", '{"text": "x", "o": ["\\udfff"]}'),
            (9, 10, "the text is empty", '{"text": ""}'),
        ],
        2,
    ),
    "rows.txt": (b"ok\nbad\xff\n\nok\n", [(2, 2, NO_UTF_8, "bad\\xff")], 3),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_rows_are_set_aside_with_their_reason(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    content, expected, good = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    target, rejects = tmp_path / "out.jsonl", tmp_path / "rejects.jsonl"
    assert predict(tiny_bundle, tmp_path / name, target, "--rejects", str(rejects)) == 0
    found = [json.loads(line) for line in rejects.read_text("utf-8").splitlines()]
    for value in found:  # how to mend a surrogate is said after it
        value["reason"] = value["reason"].partition(" Unicode: ")[0] + (
            " Unicode" * (" Unicode: " in value["reason"])
        )
    assert [tuple(value.values()) for value in found] == expected
    assert len(target.read_text("utf-8").splitlines()) == good
    assert capsys.readouterr().err.endswith(f"{good} rows -> {target}, {len(expected)} broken rows -> {rejects}\n")


def test_broken_rows_of_parquet(tiny_bundle: Path, tmp_path: Path) -> None:
    source, target, rejects = tmp_path / "in.parquet", tmp_path / "out.parquet", tmp_path / "r.jsonl"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", None, "", "b"], "n": [1, 2, 3, 4]}), source)
    assert predict(tiny_bundle, source, target, "--rejects", str(rejects)) == 0
    assert pyarrow.parquet.read_table(target)["n"].to_pylist() == [1, 4]
    assert [json.loads(line)["raw"] for line in rejects.read_text().splitlines()] == [
        '{"text": null, "n": 2}', '{"text": "", "n": 3}',
    ]  # fmt: skip


def test_csv_wants_the_same_columns_in_every_row(tiny_bundle: Path, tmp_path: Path) -> None:
    source, target, rejects = tmp_path / "in.jsonl", tmp_path / "out.csv", tmp_path / "r.jsonl"
    source.write_text('{"text": "a", "n": [1]}\n{"text": "b", "m": 1}\n{"text": "c"}\n')
    assert predict(tiny_bundle, source, target, "--rejects", str(rejects)) == 0
    with target.open(newline="") as stream:
        assert [(row["text"], row["n"]) for row in csv.DictReader(stream)] == [("a", "[1]"), ("c", "")]
    assert "the first row has no column 'm'" in rejects.read_text()


def test_an_input_without_rows_gives_a_header(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text\n")
    assert predict(tiny_bundle, tmp_path / "in.csv", tmp_path / "out.csv") == 0
    assert predict(tiny_bundle, tmp_path / "in.csv", tmp_path / "out.parquet") == 0
    assert (tmp_path / "out.csv").read_text() == "id,text,predicted_label,predicted_score\n"
    assert pyarrow.parquet.read_table(tmp_path / "out.parquet").num_rows == 0


def test_a_file_that_is_no_parquet(tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.parquet").write_bytes(b"PAR1 not really")
    assert predict(tiny_bundle, tmp_path / "in.parquet", tmp_path / "out.csv") == 2
    assert "in.parquet: not readable as Parquet" in capsys.readouterr().err
    assert names(tmp_path) == {"in.parquet"}


def test_ctrl_c_keeps_the_work(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bulk_job, "CHUNK_ROWS", 10)
    source, target = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("a dog\n" * 35)
    plain, calls = bulk_job.classify_rows, []

    def classify_rows(*words: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return plain(*words)

    monkeypatch.setattr(bulk_job, "classify_rows", classify_rows)
    assert predict(tiny_bundle, source, target) == 130
    assert capsys.readouterr().err == (
        "\nedgetext predict: interrupted; 20 rows are done and kept: --resume goes on from there\n"
    )
    assert predict(tiny_bundle, source, target, "--resume") == 0
    assert len(target.read_text().splitlines()) == 35


def test_stdin_leaves_nothing_when_it_fails(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bulk_job, "CHUNK_ROWS", 1)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a dog\n\xff\n"), "utf-8"))
    assert main(["predict", str(tiny_bundle), "-o", str(tmp_path / "out.csv")]) == 2
    assert "stdin: row 2 (line 2): not readable as text (invalid start byte" in capsys.readouterr().err
    assert names(tmp_path) == set()
