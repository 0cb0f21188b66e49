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
from edgetext.data.columns import list_columns, usual_pair, usual_text_column
from edgetext.data.read import open_stream, open_table
from edgetext.data.table import OpenTable, place
from edgetext.errors import InputError
from edgetext.runtime.pairs import explain, is_unicode


@dataclass(frozen=True)
class TextColumns:
    """Which column holds the text, or which two hold the texts of a pair.

    Attributes:
        given: The one that the user named, if any.
        trained: The one that the model was trained on, as far as the bundle says; taken where it is there.
        given_pair: The one with the second texts that the user named, if any.
        trained_pair: That of training, likewise; empty for a model of single texts.
    """

    given: str | None = None
    trained: str = ""
    given_pair: str | None = None
    trained_pair: str = ""

    def choose(self, name: str, columns: Sequence[str], note: Callable[[str], None]) -> tuple[str, ...]:
        """Chooses among the columns of a file.

        Args:
            name: What to call the file.
            columns: Its columns.
            note: Is told which were taken, where they were not given and are not those of training.

        Returns:
            The column of the texts, or the two of pairs.

        Raises:
            InputError: One that was named is not there, or none was named and none can be told.
        """
        for given in (self.given, self.given_pair):
            if given is not None and given not in columns:
                raise InputError(f"{name}: there is no column {given!r} ({list_columns(columns)})")
        if self.given_pair is not None or self.trained_pair or self._looks_like_pairs(columns):
            return self._pair(name, columns, note)
        return (self.given or self._single(name, columns, note),)

    def _looks_like_pairs(self, columns: Sequence[str]) -> bool:
        """Whether a model of which nobody knows what it was trained on meets a file of pairs."""
        return not self.trained and self.given is None and usual_pair(columns) is not None

    def _pair(self, name: str, columns: Sequence[str], note: Callable[[str], None]) -> tuple[str, str]:
        first = self.given or (self.trained if self.trained in columns else None)
        second = self.given_pair or (self.trained_pair if self.trained_pair in columns else None)
        if self.given is None and self.given_pair is None and not (first and second) and usual_pair(columns):
            first, second = usual_pair(columns) or (None, None)
            note(f"{name}: the pairs of texts are taken from the columns {first!r} and {second!r}")
        if first is None or second is None or first == second:
            raise InputError(
                f"{name}: the model takes pairs of texts, and which two columns hold them "
                f"({list_columns(columns)})? Name them by --text-column and --text-pair-column"
            )
        return first, second

    def _single(self, name: str, columns: Sequence[str], note: Callable[[str], None]) -> str:
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
    path: Path, columns: TextColumns | None = None, note: Callable[[str], None] = _untold
) -> Iterator[OpenRows]:
    """Opens a file of texts; it is never in memory as a whole.

    Args:
        path: A ``.txt`` (a text a line), ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson`` or ``.parquet``.
        columns: Which hold the texts; found by their usual names if not given.
        note: Is told, a sentence each, what a user should know of how the file is read.

    Raises:
        InputError: The file is missing, of another kind, or has no column for the text.
        MissingExtraError: It is Parquet, and pyarrow is not installed.
    """
    with open_table(path) as table:
        yield _rows_of(table, columns or TextColumns(), note)


def stream_of_lines(
    stream: IO[bytes], name: str, columns: TextColumns | None = None, note: Callable[[str], None] = _untold
) -> OpenRows:
    """Opens the lines of a stream, a text each.

    Args:
        stream: Its bytes.
        name: What to call it in messages.
        columns: What the model takes.
        note: Is told, a sentence each, what a user should know of how the stream is read.

    Raises:
        InputError: It is no text, or the model takes pairs.
    """
    return _rows_of(open_stream(stream, name), columns or TextColumns(), note)


def good_rows(source: OpenRows) -> Iterator[TextRow]:
    """Yields the rows up to the first broken one.

    Raises:
        InputError: A row is broken; the message names it.
    """
    for record in source.records:
        if isinstance(record, Broken):
            raise InputError(record.sentence(source.name))
        yield record


def _rows_of(table: OpenTable, columns: TextColumns, note: Callable[[str], None]) -> OpenRows:
    """Makes the rows of an open file ones to classify.

    The columns are chosen by the header, or by the first row that has columns where there is no header.

    Args:
        table: The file.
        columns: Which hold the texts.
        note: Is told, a sentence each, what a user should know of how the file is read.

    Raises:
        InputError: There is no column for the text.
    """
    for found in table.notes:
        note(f"{table.name}: {found}")
    chosen = columns.choose(table.name, table.columns, note) if table.columns else ()
    records = _records(table, columns, chosen, note)
    return OpenRows(table.name, records, table.size, table.position, table.columns)


def _records(
    table: OpenTable, columns: TextColumns, chosen: tuple[str, ...], note: Callable[[str], None]
) -> Iterator[Record]:
    for record in table.records:
        if not chosen and record.values:
            chosen = columns.choose(table.name, list(record.values), note)
        reason = str(record.problem) if record.problem else _fault(table, record.values, chosen)
        if reason:
            yield Broken(record.row, reason, table.raw(), record.line)
        else:
            texts = tuple(record.values[column] for column in chosen)
            yield TextRow(texts[0] if len(texts) == 1 else texts, record.values, record.row)


def _fault(table: OpenTable, values: Mapping[str, Any], chosen: Sequence[str]) -> str:
    if not chosen:
        return "the object is empty"
    names = ("the text",) if len(chosen) == 1 else ("the first text", "the second text")
    for column, name in zip(chosen, names, strict=True):
        if column not in values:
            return f"the column {column!r} is missing"
        text = values[column]
        if not isinstance(text, str) or not is_unicode(text):
            return explain(text, name)
        if not text.strip() and table.format != "plain":  # there the answers stay in step with the lines
            return f"{name} is empty"
    if table.format != "json" or "\\u" not in table.raw():  # only an escape brings half of a pair into a file
        return ""
    bad = next((column for column, value in values.items() if not is_unicode(json_text([column, value]))), None)
    return "" if bad is None else f"the column {bad!a} is no valid Unicode"
