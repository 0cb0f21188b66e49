"""CSV and its kin, a row at a time; a broken row does not take the ones after it along.

What separates the fields is found from the first rows: the character by which they have as many fields as the
header.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Self

from edgetext.data.lines import LONGEST_LINE, Line, open_lines
from edgetext.data.table import OpenTable, Problem, TableRow
from edgetext.errors import DataError

LONGEST_FIELD = 16 << 20
"""Characters; csv's own limit of 128 Ki refuses real documents, and none at all invites a flood."""
LONGEST_ROW = 2 * LONGEST_LINE
MOST_COLUMNS = 100_000
_EVIDENCE_LINES = 100
_EVIDENCE_CHARACTERS = 1 << 20
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "'|'"}
_EXCELS_HINT = re.compile(r"sep=(.)\r?\n?")  # a first line that Excel reads, and does not show


@contextmanager
def open_separated(path: Path, usual: str) -> Iterator[OpenTable]:
    """Opens a file whose first row names its columns.

    Blank lines are no rows. A quote that is never closed breaks the row on its own line only; any other fault
    breaks the row, with all lines that its quotes hold together.

    Args:
        path: The file.
        usual: The separator that its suffix promises; another one is noted.

    Raises:
        DataError: The file is no text, or its header is missing or damaged.
    """
    before = csv.field_size_limit(LONGEST_FIELD)
    stream, lines = open_lines(path)
    try:
        every = iter(lines)
        first = _beginning(every)
        hint = _EXCELS_HINT.fullmatch(first[0].text) if first else None
        separator = hint[1] if hint else find_separator([line.text for line in first], usual)
        feed = _Feed(first[bool(hint) :], every)
        rows = csv.reader(feed, delimiter=separator, strict=True)
        columns = _header(feed, rows, str(path))
        found = f"its fields are separated by {_SEPARATORS.get(separator, repr(separator))}"
        notes = (lines.encoding.note, "" if separator == usual or len(columns) == 1 else found)
        yield OpenTable(
            name=str(path),
            format="separated",
            records=_records(feed, rows, columns),
            raw=feed.raw,
            size=path.stat().st_size,
            position=lines.position,
            columns=columns,
            notes=tuple(note for note in notes if note),
        )
    finally:
        stream.close()
        csv.field_size_limit(before)


def find_separator(lines: list[str], usual: str) -> str:
    """Tells what separates the fields: that by which most rows have as many as the header, and the header several.

    Args:
        lines: The first lines of the file, the header's first.
        usual: What is taken where nothing, or more than one, separates.
    """
    best, most = usual, (0.0, 0)
    for separator in (usual, *_SEPARATORS):
        found = _agreement(lines, separator)
        if found > most:
            best, most = separator, found
    return best


def _agreement(lines: list[str], separator: str) -> tuple[float, int]:
    """Returns the share of rows with as many fields as the header, and how many those are; zeros for one field."""
    try:
        counts = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
    except csv.Error:
        return 0.0, 0
    if not counts or counts[0] < 2:
        return 0.0, 0
    rows = counts[1:-1] or counts[1:]  # the last row may be cut off where the lines end
    return (sum(count == counts[0] for count in rows) / len(rows) if rows else 1.0), counts[0]


def _beginning(lines: Iterator[Line]) -> list[Line]:
    first: list[Line] = []
    characters = 0
    for line in islice(lines, _EVIDENCE_LINES):
        first.append(line)
        characters += len(line.text)
        if characters > _EVIDENCE_CHARACTERS:
            break
    return first


class _Feed:
    """Lines for the csv module; keeps those of the row that is being read."""

    def __init__(self, first: list[Line], others: Iterable[Line]) -> None:
        self._waiting = deque(first)
        self._others = iter(others)
        self._characters = 0
        self.taken: list[Line] = []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._others, None)
        if line is None:
            raise StopIteration
        self.taken.append(line)
        self._characters += len(line.text)
        if self._characters > LONGEST_ROW:
            raise csv.Error(f"it is longer than {LONGEST_ROW:,} characters")
        return line.text

    def begin(self) -> None:
        """Forgets the lines of the row before."""
        self.taken.clear()
        self._characters = 0

    def keep_first(self) -> None:
        """Puts all lines but the first back: they are rows of their own."""
        self._waiting.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def raw(self) -> str:
        """Shows the lines of the row as they stand in the file."""
        return "".join(line.text for line in self.taken).rstrip("\r\n")

    def fault(self) -> Line | None:
        """Finds the first line that could not be read."""
        return next((line for line in self.taken if line.fault), None)


def _header(feed: _Feed, rows: Iterator[list[str]], name: str) -> tuple[str, ...]:
    try:
        header = next((values for values in rows if values), [])
    except csv.Error as error:
        raise DataError(f"{name}: line {feed.taken[0].number}, the header: {_problem(feed, error)}") from None
    if line := feed.fault():
        raise DataError(f"{name}: line {line.number}, the header: {line.fault}")
    if not any(column.strip() for column in header):
        raise DataError(f"{name}: the file is empty; expected a row that names the columns, and rows of text")
    if len(header) > MOST_COLUMNS:
        raise DataError(f"{name}: the header has {len(header):,} columns; expected {MOST_COLUMNS:,} at most")
    if at := next((at for at, column in enumerate(header, 1) if "\0" in column), 0):
        raise DataError(f"{name}: the header holds a NUL character in column {at}: this is no text file")
    return column_names([column.strip() for column in header], name)


def column_names(header: list[str], name: str) -> tuple[str, ...]:
    """Makes names of columns of a header; several columns without a name are called by their place.

    Raises:
        DataError: A name stands twice.
    """
    counts = Counter(header)
    twice = next((column for column in header if column and counts[column] > 1), None)
    if twice is not None:
        raise DataError(f"{name}: the header names the column {twice!r} twice; expected different names")
    if counts[""] > 1:
        return tuple(column or f"column {at}" for at, column in enumerate(header, 1))
    return tuple(header)


def _records(feed: _Feed, rows: Iterator[list[str]], columns: tuple[str, ...]) -> Iterator[TableRow]:
    number = 0
    while True:
        feed.begin()
        try:
            values = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            yield TableRow(number, line=feed.taken[0].number, problem=_problem(feed, error))
            continue
        if values:
            number += 1
            yield _record(feed, number, values, columns)


def _record(feed: _Feed, number: int, values: list[str], columns: tuple[str, ...]) -> TableRow:
    line = feed.taken[0].number
    if wrong := feed.fault():
        return TableRow(number, line=wrong.number, problem=line_problem(wrong))
    if len(values) != len(columns):
        expected = f"{len(columns)} as in the header (a text that holds the separator needs quotes)"
        problem = Problem("not as many fields as the header", f"it has {len(values)}", expected)
        return TableRow(number, line=line, problem=problem)
    return TableRow(number, dict(zip(columns, values, strict=True)), line)


def line_problem(line: Line) -> Problem:
    """Says what is wrong with a line that could not be read."""
    reason, _, expected = line.fault.partition(": expected ")
    return Problem("not readable as text", reason, f"{expected}; save the file as such" if expected else "")


def _problem(feed: _Feed, error: csv.Error) -> Problem:
    """Says what is wrong with a row that the csv module refused."""
    said = str(error)
    if "unexpected end" in said or ("field larger" in said and len(feed.taken) > 1):
        feed.keep_first()
        return Problem("a quote that opens here is never closed", expected="it to be closed, or doubled")
    if wrong := feed.fault():
        return line_problem(wrong)
    if "field larger" in said:
        return Problem(f"a field is longer than {LONGEST_FIELD:,} characters")
    if "new-line character" in said:
        return Problem("a carriage return stands outside of quotes", expected="quotes around such a text")
    return Problem("not readable as CSV", said, "quotes inside quotes to be doubled")
