"""What is classified: rows with a text, and rows that are broken, from an open file of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgetext.bulk.rows import TextRow
from edgetext.bulk.values import json_text
from edgetext.data.columns import list_columns, usual_text_column
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


Record = TextRow | Broken


@dataclass(frozen=True)
class Source:
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


def make_source(table: OpenTable, column: TextColumn, note: Callable[[str], None]) -> Source:
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
    return Source(table.name, records, table.size, table.position, table.columns)


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
