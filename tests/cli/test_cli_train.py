"""``edgetext train`` as it is typed, and the console that it speaks through."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from edgetext.checkpoint import open_checkpoint
from edgetext.cli.console import Console, PlainProgress
from edgetext.cli.main import main


def test_the_command_trains_and_prints_json(
    tiny_base: Path, tiny_rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "checkpoint"
    words = ["train", str(tiny_rows), "-o", str(output), "--base", str(tiny_base), "--epochs", "2", "--json"]
    assert main([*words, "--batch-size", "8", "--learning-rate", "0.001", "--max-length", "32", "--no-bf16"]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert result["labels"] == ["food", "not_food"]
    assert result["rows"] == {"train": 42, "validation": 9, "test": 9}
    assert result["metrics"]["test"]["rows"] == 9
    assert "train: 0/12" in err and "epoch 2 of 2: accuracy" in err
    checkpoint = open_checkpoint(output)
    assert checkpoint.max_length == 32
    assert checkpoint.training["arguments"]["learning_rate"] == 0.001


def test_own_files_and_columns_and_dropped_rows(
    tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    rows = [
        {"said": f"a {word} {number}", "kind": kind}
        for number in range(8)
        for word, kind in (("soup", 1), ("dog", 0))
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"said": "", "kind": 1}]), "utf-8")
    test.write_text(json.dumps({"said": "a SOUP  1", "kind": 1}) + "\n", "utf-8")
    output = tmp_path / "checkpoint"
    words = ["train", str(data), "--test", str(test), "-o", str(output), "--base", str(tiny_base), "--epochs", "1"]
    assert main([*words, "--text-column", "said", "--label-column", "kind", "--drop-invalid"]) == 0
    out, err = capsys.readouterr()
    assert f"note: {data}: left out 1 row: column 'said': the text is empty (first: row 17 (line 17))" in err
    assert "note: 1 training row was taken out: the same text also stands in a held-out part" in err
    assert "macro F1" in out and "over 1 of 2 labels" in out  # the test file has rows of one label
    assert f"wrote {output}" in out
    checkpoint = open_checkpoint(output)
    assert checkpoint.labels == ("0", "1")
    assert checkpoint.split is not None
    assert [source.uri for source in checkpoint.split.sources] == [str(data), str(test)]


def test_a_taken_output_is_refused_before_anything_is_read(
    tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "mine").touch()
    assert main(["train", str(tmp_path / "no.csv"), "-o", str(tmp_path / "c"), "--base", str(tiny_base)]) == 2
    assert "already exists (it holds mine): choose another" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--epochs", "0", "the epochs is 0, expected at least 1"),
        ("--seed", "-1", "the seed is -1, expected 0 to 4294967295"),
        ("--max-length", "4000", "the max length is 4000 tokens"),
    ],
)
def test_bad_choices_are_refused(
    option: str, value: str, expected: str, tiny_base: Path, tiny_rows: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    words = ["train", str(tiny_rows), "-o", str(tmp_path / "c"), "--base", str(tiny_base), option, value]
    assert main(words) == 2
    assert expected in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_help_explains_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    options = """--base --text-column --label-column --split-column --validation --test --epochs --learning-rate
        --batch-size --max-length --seed --no-bf16 --drop-invalid --overwrite --json"""
    for option in options.split():
        assert option in out


def test_plain_progress_speaks_every_ten_seconds_at_most() -> None:
    stream, now = io.StringIO(), [0.0]
    progress = PlainProgress(stream, clock=lambda: now[0])
    for done in range(50):
        now[0] = done / 2
        progress.step("train", done, 50)
    progress.step("measure", 0, 3)
    progress.note("a thing to know")
    assert stream.getvalue().splitlines() == [
        "train: 0/50", "train: 20/50", "train: 40/50", "measure: 0/3", "note: a thing to know"
    ]  # fmt: skip


def test_tables_off_a_terminal_are_aligned_columns() -> None:
    out = io.StringIO()
    Console(out, io.StringIO()).table("figures", ["name", "ms"], [["torch", "7.60"], ["edgetext int8", "0.66"]])
    assert out.getvalue().splitlines() == [
        "figures",
        "name             ms",
        "-------------  ----",
        "torch          7.60",
        "edgetext int8  0.66",
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_bars_and_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out, err = Terminal(), Terminal()
    console = Console(out, err)
    with console.progress() as progress:
        progress.step("train", 1, 2)
        progress.note("a [bold] note")
        progress.step("train", 2, 2)
    console.table("figures", ["name", "ms"], [["[red]torch", "7.60"]])
    assert "train" in err.getvalue() and "2/2" in err.getvalue() and "a [bold] note" in err.getvalue()
    assert "[red]torch" in out.getvalue() and "┃" in out.getvalue()


def test_a_terminal_without_rich_gets_plain_lines() -> None:
    out, err = Terminal(), Terminal()
    console = Console(out, err, draw=False)
    with console.progress() as progress:
        progress.step("train", 1, 2)
    console.say("done")
    assert (out.getvalue(), err.getvalue()) == ("done\n", "train: 1/2\n")
