"""What a reader gives: rows to classify, rows that are broken, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgetext.errors import InputError
from edgetext.runtime.pairs import explain
from edgetext.runtime.rows import Row

# The same names, in the same order, as training looks for.
TEXT_COLUMNS = (
    "text", "sentence", "utterance", "content", "caption", "review", "query", "question", "message", "body",
    "comment", "tweet", "document", "description", "input", "title", "headline", "x",
)  # fmt: skip


@dataclass(frozen=True)
class Broken:
    r"""A row that cannot be classified.

    Attributes:
        number: Its place in the input, from 1 on.
        reason: What is wrong with it, as the end of a sentence.
        raw: The line or lines that it was read from; bytes that are no UTF-8 appear as ``\xNN``.
        place: Where to look for it, such as ``line 7`` where that differs from the number of the row.
    """

    number: int
    reason: str
    raw: str
    place: str = ""

    def sentence(self, name: str) -> str:
        """Says it about the input that goes by that name."""
        return f"{name}, {self.place or f'row {self.number}'}: {self.reason}"


Record = Row | Broken


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


def choose_column(name: str, columns: Sequence[str], wanted: str | None) -> str:
    """Gives the column that holds the text.

    Raises:
        InputError: It is not there, or none was named and none has a usual name.
    """
    if not columns:
        raise InputError(f"{name} is empty: expected a header and rows")
    if wanted is not None and wanted not in columns:
        raise InputError(f"{name} has no column {wanted!r}: it has {', '.join(columns)}")
    usual = {column.lower(): column for column in reversed(columns)}
    found = next((usual[known] for known in TEXT_COLUMNS if known in usual), None)
    chosen = wanted or found or (columns[0] if len(columns) == 1 else None)
    if chosen is None:
        raise InputError(
            f"{name}: which column holds the text? It has {', '.join(columns)}: name one by --text-column"
        )
    return chosen


def make_record(number: int, values: Mapping[str, Any], column: str, raw: Callable[[], str]) -> Record:
    """Gives the row, or says why its text cannot be classified.

    Args:
        number: Its place in the input, from 1 on.
        values: Its columns.
        column: The one with the text.
        raw: Gives what it was read from; called only when the row is broken.
    """
    if column not in values:
        return Broken(number, f"the column {column!r} is missing", raw())
    text = values[column]
    fault = _fault(text)
    return Broken(number, fault, raw()) if fault else Row(text, values, number)


def _fault(text: object) -> str:
    if not isinstance(text, str):
        return explain(text, "the text")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return explain(text, "the text")
    return "" if text.strip() else "the text is empty"
