"""Opens what is classified: rows with a text, and rows that are broken, of a file or a stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from edgetext.bulk.rows import TextRow
from edgetext.bulk.write import json_text
from edgetext.data.columns import list_columns, usual_text_column
from edgetext.data.read import open_stream, open_table
from edgetext.data.table import OpenTable, place
from edgetext.errors import InputError
from edgetext.runtime.pairs import explain, is_unicode


@dataclass(frozen=True)
class TextColumn:
    """Which column holds the text.

    Attributes:
        given: The one that the user named, if any.
        trained: The one that the model was trained on, as far as the bundle says; taken where it is there.
    """

    given: str | None = None
    trained: str = ""

    def choose(self, name: str, columns: Sequence[str], note: Callable[[str], None]) -> str:
        """Chooses among the columns of a file.

        Args:
            name: What to call the file.
            columns: Its columns.
            note: Is told which column was taken, where that was not given and is not the one of training.

        Raises:
            InputError: The one that was named is not there, or none was named and none can be told.
        """
        if self.given is not None:
            if self.given not in columns:
                raise InputError(f"{name}: there is no column {self.given!r} ({list_columns(columns)})")
            return self.given
        if self.trained in columns:
            return self.trained
        chosen = usual_text_column(columns) or (columns[0] if len(columns) == 1 else None)
        if chosen is None:
            raise InputError(
                f"{name}: which column holds the text ({list_columns(columns)})? Name one by --text-column"
            )
        if len(columns) > 1 and (self.trained or chosen.strip().casefold() != "text"):
            why = f"there is no column {self.trained!r}, which the model was trained on" if self.trained else ""
            note(f"{name}: the texts are taken from the column {chosen!r}{'; ' if why else ''}{why}")
        return chosen


@dataclass(frozen=True)
class Broken:
    r"""A row that cannot be classified.

    Attributes:
        number: Its place in the input, from 1 on.
        reason: What is wrong with it, as the end of a sentence.
        raw: The line or lines that it was read from; bytes that are no text appear as ``\xNN``.
        line: The line of the file that it begins on, where the file has lines.
    """

    number: int
    reason: str
    raw: str
    line: int | None = None

    def sentence(self, name: str) -> str:
        """Says it about the input that goes by that name."""
        return f"{name}: {place(self.number, self.line)}: {self.reason}"

    def json_line(self) -> str:
        """Returns ``row``, ``line`` (of a file that has lines), ``reason`` and ``raw`` as a line of JSON."""
        line = {} if self.line is None else {"line": self.line}
        value = {"row": self.number, **line, "reason": self.reason, "raw": self.raw}
        return json.dumps(value, ensure_ascii=not is_unicode(f"{self.reason}{self.raw}")) + "\n"


Record = TextRow | Broken


@dataclass(frozen=True)
class OpenRows:
    """An input that is open.

    Attributes:
        name: What to call it in messages.
        records: Its rows, in order; each is read when it is asked for.
        size: How large it is, in bytes, or in rows for Parquet; 0 where that is unknown.
        position: Says how much of ``size`` has been read.
        columns: The names of its columns, where they are known before the first row.
    """

    name: str
    records: Iterator[Record]
    size: int
    position: Callable[[], int]
    columns: tuple[str, ...] | None = None


def _untold(_: str) -> None:
    """Takes a note that nobody asked for."""


@contextmanager
def open_rows(
    path: Path, column: TextColumn | None = None, note: Callable[[str], None] = _untold
) -> Iterator[OpenRows]:
    """Opens a file of texts; it is never in memory as a whole.

    Args:
        path: A ``.txt`` (a text a line), ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson`` or ``.parquet``.
        column: Which column holds the text; found by its usual names if not given.
        note: Is told, a sentence each, what a user should know of how the file is read.

    Raises:
        InputError: The file is missing, of another kind, or has no column for the text.
        MissingExtraError: It is Parquet, and pyarrow is not installed.
    """
    with open_table(path) as table:
        yield _rows_of(table, column or TextColumn(), note)


def stream_of_lines(stream: IO[bytes], name: str, note: Callable[[str], None] = _untold) -> OpenRows:
    """Opens the lines of a stream, a text each.

    Raises:
        InputError: It is no text.
    """
    return _rows_of(open_stream(stream, name), TextColumn(), note)


def good_rows(source: OpenRows) -> Iterator[TextRow]:
    """Yields the rows up to the first broken one.

    Raises:
        InputError: A row is broken; the message names it.
    """
    for record in source.records:
        if isinstance(record, Broken):
            raise InputError(record.sentence(source.name))
        yield record


def _rows_of(table: OpenTable, column: TextColumn, note: Callable[[str], None]) -> OpenRows:
    """Makes the rows of an open file ones to classify.

    The column is chosen by the header, or by the first row that has columns where there is no header.

    Args:
        table: The file.
        column: Which column holds the text.
        note: Is told, a sentence each, what a user should know of how the file is read.

    Raises:
        InputError: There is no column for the text.
    """
    for found in table.notes:
        note(f"{table.name}: {found}")
    chosen = column.choose(table.name, table.columns, note) if table.columns else None
    records = _records(table, column, chosen, note)
    return OpenRows(table.name, records, table.size, table.position, table.columns)


def _records(
    table: OpenTable, column: TextColumn, chosen: str | None, note: Callable[[str], None]
) -> Iterator[Record]:
    for record in table.records:
        if chosen is None and record.values:
            chosen = column.choose(table.name, list(record.values), note)
        reason = str(record.problem) if record.problem else _fault(table, record.values, chosen)
        if reason:
            yield Broken(record.row, reason, table.raw(), record.line)
        else:
            yield TextRow(record.values[chosen or ""], record.values, record.row)


def _fault(table: OpenTable, values: Mapping[str, Any], chosen: str | None) -> str:
    if chosen is None or chosen not in values:
        return f"the column {chosen!r} is missing" if chosen else "the object is empty"
    text = values[chosen]
    if not isinstance(text, str) or not is_unicode(text):
        return explain(text, "the text")
    if not text.strip() and table.format != "plain":  # there the answers stay in step with the lines
        return "the text is empty"
    if table.format != "json" or "\\u" not in table.raw():  # only an escape brings half of a pair into a file
        return ""
    bad = next((column for column, value in values.items() if not is_unicode(json_text([column, value]))), None)
    return "" if bad is None else f"the column {bad!a} is no valid Unicode"
