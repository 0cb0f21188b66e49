"""A file of rows -> a table, by its suffix: the one reader of everything that takes rows.

A new format is one function and one line in ``READERS``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from edgetext.data.excel import open_workbook
from edgetext.data.lines import Line, Lines, open_lines
from edgetext.data.packed import SUFFIX as PACKED
from edgetext.data.packed import format_suffix, open_bytes
from edgetext.data.parquet import open_parquet
from edgetext.data.separated import line_problem, open_separated
from edgetext.data.table import Format, OpenTable, Problem, Table, TableRow
from edgetext.errors import DataError, first_line
from edgetext.reading import MAX_RECORD_BYTES, MOST_CONTAINERS

_LONE = re.compile("[\ud800-\udfff]")
TEXT_COLUMN = "text"  # of a file that has no columns, a text a line


@contextmanager
def open_json_lines(path: Path) -> Iterator[OpenTable]:
    """Opens a file of one JSON object a line; a column is a key that any of them has. Blank lines are no rows."""
    with _opened(path) as (lines, last):
        records = _json_records(_kept(lines, last))
        yield _table(str(path), "json", records, lines, last, path.stat().st_size)


@contextmanager
def open_json(path: Path) -> Iterator[OpenTable]:
    """Opens a file of one JSON array of objects, read whole; or of an object a line, which many call JSON too."""
    stream, _ = open_bytes(path)
    with stream:
        content = stream.read(MAX_RECORD_BYTES + 1)
    if content.lstrip()[:1] == b"{":
        with open_json_lines(path) as lines:
            yield lines
        return
    rows = _array(path, content)
    last: list[TableRow] = []
    yield OpenTable(
        name=str(path),
        format="json",
        records=_array_records(rows, last),
        raw=lambda: _json(dict(last[0].values)),
        size=len(rows),
        position=lambda: last[0].row if last else 0,
    )


@contextmanager
def open_plain(path: Path) -> Iterator[OpenTable]:
    """Opens a file of a text a line."""
    with _opened(path) as (lines, last):
        yield _table(str(path), "plain", _plain_records(_kept(lines, last)), lines, last, path.stat().st_size)


def open_stream(stream: IO[bytes], name: str) -> OpenTable:
    """Opens the lines of a stream, a text each."""
    lines, last = Lines(stream, name), list[Line]()
    return _table(name, "plain", _plain_records(_kept(lines, last)), lines, last, 0)


Reader = Callable[[Path], AbstractContextManager[OpenTable]]

READERS: dict[str, Reader] = {
    ".txt": open_plain,
    ".csv": partial(open_separated, usual=","),
    ".tsv": partial(open_separated, usual="\t"),
    ".jsonl": open_json_lines,
    ".ndjson": open_json_lines,
    ".json": open_json,
    ".parquet": open_parquet,
    ".xlsx": open_workbook,
}
LABELLED: dict[str, Reader] = {  # a text alone has no label, and a label is known by its name
    **{suffix: reader for suffix, reader in READERS.items() if suffix != ".txt"},
    ".parquet": partial(open_parquet, name_classes=True),
}


def open_table(path: Path, readers: dict[str, Reader] = READERS) -> AbstractContextManager[OpenTable]:
    """Opens exactly the file that was named; it is never in memory as a whole.

    Args:
        path: The file.
        readers: Those that will do, by suffix.

    Raises:
        DataError: There is no such file, it is no regular file, its suffix is unknown, or it is not what its suffix
            says.
        MissingExtraError: It is Parquet and pyarrow is not installed, or a workbook and openpyxl is not.
    """
    try:
        if path.is_dir():
            raise DataError(f"{path} is a folder: give one file ({_listed(readers)})")
        if not path.exists():
            raise DataError(f"{path}: there is no such file")
    except (OSError, ValueError) as error:  # no permission, a name too long, NUL in a name
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{str(path)[:200]!r} cannot be opened ({reason}): expected a file of texts") from error
    suffix = format_suffix(path)
    reader = readers.get(suffix)
    if reader is None:
        raise DataError(f"{path}: the suffix {suffix!r} is unknown; expected one of {_listed(readers)}")
    return reader(path)


def read_file(path: Path, readers: dict[str, Reader] = LABELLED) -> Table:
    """Reads a file of rows whole; those that cannot be read say so instead of having values.

    Args:
        path: The file.
        readers: Those that will do, by suffix.

    Raises:
        DataError: As for ``open_table``; or there is no row, or none that can be read.
        MissingExtraError: As for ``open_table``.
    """
    with open_table(path, readers) as table:
        records = tuple(table.records)
        columns = table.columns or tuple(dict.fromkeys(key for record in records for key in record.values))
    if not records:
        kind = "labelled texts" if readers is LABELLED else "texts"
        raise DataError(f"{path}: the file has no rows below its header; expected {kind}, one a row")
    if not columns:
        raise DataError(f"{path}: {records[0].place()}: {records[0].problem or 'the object is empty'}")
    return Table(columns, records, table.notes)


def _listed(readers: dict[str, Reader]) -> str:
    return f"{', '.join(readers)}, or one of them with {PACKED} after it"


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Lines, list[Line]]]:
    """Opens a file of lines, with a place to keep the one that is being read."""
    stream, lines = open_lines(path)
    with stream:
        yield lines, []


def _kept(lines: Iterable[Line], last: list[Line]) -> Iterator[Line]:
    for line in lines:
        last[:] = [line]
        yield line


def _table(
    name: str, kind: Format, records: Iterator[TableRow], lines: Lines, last: list[Line], size: int
) -> OpenTable:
    return OpenTable(
        name=name,
        format=kind,
        records=records,
        raw=lambda: "".join(line.text for line in last).rstrip("\r\n"),
        size=size,
        position=lines.position,
        columns=(TEXT_COLUMN,) if kind == "plain" else None,
        notes=(lines.encoding.note,) if lines.encoding.note else (),
    )


def _plain_records(lines: Iterable[Line]) -> Iterator[TableRow]:
    """Makes a row of each line; an empty line is an empty text, so that the answers stay in step with the lines."""
    for line in lines:
        if line.fault:
            yield TableRow(line.number, line=line.number, problem=line_problem(line))
        else:
            yield TableRow(line.number, {TEXT_COLUMN: line.text.rstrip("\r\n")}, line.number)


def _json_records(lines: Iterable[Line]) -> Iterator[TableRow]:
    filled = (line for line in lines if line.text.strip())
    for row, line in enumerate(filled, start=1):
        if line.fault:
            yield TableRow(row, line=line.number, problem=line_problem(line))
            continue
        found = _object(line.text.strip())
        if isinstance(found, Problem):
            yield TableRow(row, line=line.number, problem=found)
        else:
            yield TableRow(row, found, line.number)


def _array(path: Path, content: bytes) -> list[Any]:
    """Reads a JSON array, bounded."""
    if len(content) > MAX_RECORD_BYTES:
        most = f"{MAX_RECORD_BYTES >> 20} MB"
        raise DataError(f"{path} is larger than {most} unpacked: as JSON Lines (.jsonl) it may have any size")
    if content.count(b"[") + content.count(b"{") > MOST_CONTAINERS:
        raise DataError(
            f"{path} holds more than {MOST_CONTAINERS:,} lists and objects: write it as JSON Lines (.jsonl)"
        )
    if not content.strip():
        raise DataError(f"{path}: the file is empty; expected an array of objects, one a row")
    try:
        value = json.loads(content)  # in UTF-8, UTF-16 or UTF-32
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not readable as JSON ({first_line(error)})") from None
    if not isinstance(value, list):
        raise DataError(f"{path} holds {_kind(value)}: expected an array of objects, one a row")
    return value


def _array_records(rows: list[Any], last: list[TableRow]) -> Iterator[TableRow]:
    for number, value in enumerate(rows, start=1):
        good = isinstance(value, dict)
        problem = None if good else Problem("not a JSON object", f"it is {_kind(value)}", "one object a row")
        last[:] = [TableRow(number, value if good else {}, problem=problem)]
        yield last[0]


def _json(value: Any) -> str:
    """Writes JSON in readable letters; what is half of a surrogate pair stays escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() or not _LONE.search(text) else json.dumps(value)


def _object(text: str) -> dict[str, Any] | Problem:
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        why = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        return Problem("not readable as JSON", why[:200], "one object a line")
    if not isinstance(value, dict):
        return Problem("not a JSON object", f"it is {_kind(value)}", "one object a line")
    return value


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")
