from __future__ import annotations

import datetime
import io
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from edgetext.bulk.journal import Journal, Note
from edgetext.bulk.parquet import common_kind, kind_of, make_parquet
from edgetext.bulk.write import Added, csv_line, csv_text, json_text
from edgetext.cli.console import Rate, show_rate, time_words
from edgetext.errors import InputError, OutputExistsError


@pytest.mark.parametrize(
    ("value", "as_csv", "as_json"),
    [
        ("é,", "é,", '"é,"'),
        (None, "", "null"),
        (True, "true", "true"),
        (0.5, "0.5", "0.5"),
        (float("nan"), "", "null"),
        ([1, float("inf")], "[1, null]", "[1, null]"),
        ({"a": b"\x00\xff"}, '{"a": "AP8="}', '{"a": "AP8="}'),
        (Decimal("1.10"), "1.10", '"1.10"'),
        (datetime.date(2024, 2, 29), "2024-02-29", '"2024-02-29"'),
    ],
)
def test_values_as_text(value: Any, as_csv: str, as_json: str) -> None:
    assert (csv_text(value), json_text(value)) == (as_csv, as_json)


def test_a_carriage_return_is_quoted() -> None:
    assert csv_line(["a\rb", 1]) == '"a\rb","1"\n'
    assert csv_line(["a", 'b"', None]) == 'a,"b""",\n'


def test_kinds() -> None:
    assert [kind_of(value) for value in (True, 1, 1 << 63, 0.5, "x", [])] == [
        "bool",
        "int",
        "json",
        "float",
        "text",
        "json",
    ]
    assert (common_kind("int", "float"), common_kind("int", "int"), common_kind("bool", "int")) == (
        "float",
        "int",
        "json",
    )


def test_one_run_at_a_time(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    first, second = Journal(tmp_path / "out.csv", None), Journal(tmp_path / "out.csv", None)
    first.begin(Note({}, 0, 0, None, {}))
    first.write("output", "precious\n")
    with pytest.raises(OutputExistsError, match="is being written by another run"):
        second.begin(Note({}, 0, 0, None, {}))
    second.close()
    first.close()
    assert first.side.read_text() == "precious\n"
    first.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [".out.csv.unfinished", ".out.csv.unfinished.json", ".rejects.unfinished"])
def test_nothing_is_written_through_what_lies_at_the_side(tmp_path: Path, name: str) -> None:
    mine = tmp_path / "mine"
    mine.write_text("precious")
    (tmp_path / name).symlink_to(mine)
    journal = Journal(tmp_path / "out.csv", tmp_path / "rejects")
    with suppress(InputError):
        journal.note()
        journal.begin(Note({}, 0, 0, None, {}))
        journal.write("output", "x")
        journal.commit(Note({}, 1, 0, None, {}))
    journal.discard()
    assert mine.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_parquet_is_not_written_through_a_link(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("precious")
    (tmp_path / "out.parquet").symlink_to(mine)
    make_parquet(tmp_path / "out.parquet", {"text": "text"}, iter(()), Added())
    assert mine.read_text() == "precious" and not (tmp_path / "out.parquet").is_symlink()


def test_rate_and_time_left() -> None:
    times = iter([100.0, 101.0, 112.0])
    shown: list[tuple[str, float]] = []
    rate = Rate(10.0, lambda line, part: shown.append((line, part)), lambda: next(times))
    rate(4000, 400.0, 1000)
    rate(4001, 401.0, 1000)
    rate(4600, 500.0, 1000)
    assert shown == [("4,600 rows, 50 a second, 50%, 1 min 0 s left", 0.5)]


def test_rate_of_a_stream_has_no_end() -> None:
    times = iter([0.0, 20.0])
    shown: list[str] = []
    rate = Rate(10.0, lambda line, _: shown.append(line), lambda: next(times))
    rate(0, 0.0, 0)
    rate(1000, 500.0, 0)
    assert shown == ["1,000 rows, 50 a second"]
    assert [time_words(seconds) for seconds in (40, 200, 7500)] == ["40 s", "3 min 20 s", "2 h 5 min"]


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("edgetext.cli.console.BAR_EVERY_S", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    terminal = Terminal()
    with show_rate(terminal) as report:
        report(1, 1.0, 100)
        report(2, 50.0, 100)
    assert "2 rows" in terminal.getvalue() and "50%" in terminal.getvalue()
