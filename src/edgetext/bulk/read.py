"""Opens a file of rows; what it is follows from its suffix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from edgetext.bulk.lines import Line, Lines
from edgetext.bulk.read_csv import read_csv
from edgetext.bulk.read_json import read_json
from edgetext.bulk.records import Broken, Record, Source
from edgetext.errors import InputError
from edgetext.runtime.rows import Row

SUFFIXES = (".txt", ".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


@contextmanager
def open_rows(path: Path, text_column: str | None = None) -> Iterator[Source]:
    """Opens a file of texts; it is never in memory as a whole.

    Args:
        path: A ``.txt`` (a text a line), ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson`` (all UTF-8) or ``.parquet``.
        text_column: The column with the text; found by its usual names if not given.

    Raises:
        InputError: The file is missing, of another kind, or has no column for the text.
        MissingExtraError: It is Parquet, and pyarrow is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path} has the suffix {suffix!r}: expected one of {', '.join(SUFFIXES)}")
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    with stream:
        if suffix == ".parquet":
            from edgetext.bulk.parquet import open_parquet

            with open_parquet(path, text_column) as source:
                yield source
        else:
            yield _open_lines(stream, path, text_column)


def stream_of_lines(stream: IO[bytes], name: str) -> Source:
    """Gives the lines of a stream, a text each."""
    lines = Lines(stream)
    return Source(name, _read_lines(lines), 0, lambda: lines.position, ("text",))


def good_rows(source: Source) -> Iterator[Row]:
    """Gives the rows up to the first broken one.

    Raises:
        InputError: A row is broken; the message names it.
    """
    for record in source.records:
        if isinstance(record, Broken):
            raise InputError(record.sentence(source.name))
        yield record


def _open_lines(stream: IO[bytes], path: Path, column: str | None) -> Source:
    lines, name, suffix = Lines(stream), str(path), path.suffix.lower()
    columns: tuple[str, ...] | None = None
    records: Iterator[Record]
    if suffix == ".txt":
        columns, records = ("text",), _read_lines(lines)
    elif suffix in (".csv", ".tsv"):
        columns, records = read_csv(lines, name, "\t" if suffix == ".tsv" else ",", column)
    else:
        records = read_json(lines, name, column)
    return Source(name, records, path.stat().st_size, lambda: lines.position, columns)


def _read_lines(lines: Iterable[Line]) -> Iterator[Record]:
    """Gives a row a line; an empty line is an empty text, so that the answers stay in step with the lines."""
    for line in lines:
        text = line.text.rstrip("\r\n")
        if line.fault:
            yield Broken(line.number, line.fault, text, f"line {line.number}")
        else:
            yield Row(text, {"text": text}, line.number)
