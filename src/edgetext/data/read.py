"""A file of labelled text -> a table, by its suffix. The standard library reads CSV and JSON Lines.

A new format is one function and one line in ``READERS``.
"""

from __future__ import annotations

import csv
import io
import json
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgetext.data.decode import read_text
from edgetext.data.table import Problem, Record, Table
from edgetext.errors import DataError

MAX_FIELD_CHARACTERS = 16 << 20  # csv's own limit of 128 Ki refuses real documents; none at all invites a flood


def read_csv(path: Path) -> Table:
    """Reads comma- or semicolon-separated values whose first row names the columns."""
    text = read_text(path)
    header = text.partition("\n")[0]
    return _read_separated(path, text, ";" if ";" in header and "," not in header else ",")


def read_tsv(path: Path) -> Table:
    """Reads tab-separated values whose first row names the columns."""
    return _read_separated(path, read_text(path), "\t")


def read_json_lines(path: Path) -> Table:
    """Reads one JSON object a line; a column is a key that any of them has."""
    lines = ((number, line.strip()) for number, line in enumerate(read_text(path).split("\n"), start=1))
    filled = [(number, line) for number, line in lines if line]
    records = tuple(_json_record(row, number, line) for row, (number, line) in enumerate(filled, start=1))
    if all(record.problem for record in records):
        raise DataError(f"{path}: {records[0].place()}: {records[0].problem}")
    return Table(tuple(dict.fromkeys(key for record in records for key in record.values)), records)


def read_parquet(path: Path) -> Table:
    """Reads Parquet through ``datasets``, which also gives the names of labels kept as numbers."""
    from edgetext.data.hub import read_parquet_file

    return read_parquet_file(path)


READERS: Mapping[str, Callable[[Path], Table]] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".parquet": read_parquet,
}


def read_file(path: Path) -> Table:
    """Reads a file of labelled text by its suffix; rows that cannot be read say so instead of having values.

    Raises:
        DataError: There is no such file, its suffix is unknown, or it is empty or not readable at all.
        MissingExtraError: The file is Parquet and the ``train`` extra is not installed.
    """
    _refuse_no_file(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path}: the suffix {path.suffix!r} is unknown; expected one of {', '.join(READERS)}")
    table = reader(path)
    if not table.records:
        raise DataError(f"{path}: the file has no rows below its header; expected labelled texts, one a row")
    return table


def _refuse_no_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:  # no permission, a name too long, NUL in a name
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{str(path)[:200]!r} cannot be opened ({reason}): expected a file of labelled text"
        ) from error
    if stat.S_ISDIR(mode):
        raise DataError(f"{path} is a folder: give one file ({', '.join(READERS)})")


def _read_separated(path: Path, text: str, delimiter: str) -> Table:
    before = csv.field_size_limit(MAX_FIELD_CHARACTERS)
    try:
        rows = _csv_rows(path, text, delimiter)
        line, columns, problem = next(rows, (1, [], None))
        if problem:
            raise DataError(f"{path}: line {line}, the header: {problem}")
        names = tuple(name.strip() for name in columns)
        _refuse_twins(path, names)
        return Table(names, tuple(_csv_record(row, names, *found) for row, found in enumerate(rows, start=1)))
    finally:
        csv.field_size_limit(before)


def _csv_rows(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str], Problem | None]]:
    """Gives first line, fields and problem of each row; strict, or an open quote would swallow rows unseen."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end" in str(error):
                raise DataError(
                    f"{path}: a quote that opens on line {line} is never closed: close it, or double it"
                ) from None
            yield line, [], Problem("not readable as CSV", str(error), "quotes inside quotes to be doubled")
        else:
            if fields:
                yield line, fields, None


def _csv_record(row: int, names: tuple[str, ...], line: int, fields: list[str], problem: Problem | None) -> Record:
    if problem is None and len(fields) != len(names):
        expected = f"{len(names)} as in the header (a text that holds the separator needs quotes)"
        problem = Problem("not as many fields as the header", f"it has {len(fields)}", expected)
    if problem is not None:
        return Record(row, line=line, problem=problem)
    return Record(row, dict(zip(names, fields, strict=True)), line)


def _json_record(row: int, number: int, line: str) -> Record:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        why = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        return Record(row, line=number, problem=Problem("not readable as JSON", why, "one object a line"))
    if not isinstance(value, dict):
        return Record(
            row,
            line=number,
            problem=Problem("not a JSON object", f"it is {_json_kind(value)}", "one object a line"),
        )
    return Record(row, value, number)


def _json_kind(value: object) -> str:
    kinds = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")


def _refuse_twins(path: Path, names: tuple[str, ...]) -> None:
    for index, name in enumerate(names):
        if name and name in names[:index]:
            raise DataError(f"{path}: the header names the column {name!r} twice; expected different names")
