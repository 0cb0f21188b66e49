"""CSV, a record at a time; a broken record does not take the ones after it along."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Self

from edgetext.bulk.lines import LONGEST_LINE, Line
from edgetext.bulk.records import Broken, Record, choose_column, make_record
from edgetext.errors import InputError


def read_csv(
    lines: Iterable[Line], name: str, delimiter: str, column: str | None
) -> tuple[tuple[str, ...], Iterator[Record]]:
    """Reads the header, and gives the names of the columns and the rows to come.

    Blank lines are no rows. A quote that is never closed breaks its own line only; any other fault breaks the
    record, with all lines that its quotes hold together.

    Raises:
        InputError: The header is missing or damaged, or names no column for the text.
    """
    csv.field_size_limit(LONGEST_LINE)  # the module refuses more than 131,072 characters unless told
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    header = _header(feed, reader, name)
    chosen = choose_column(name, header, column)
    return header, _records(feed, reader, header, chosen)


class _Feed:
    """Lines for the reader; keeps those of the record that is being read."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self._again: deque[Line] = deque()
        self.taken: list[Line] = []
        self._ended = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines, None)
        if line is None:
            self._ended = True
            raise StopIteration
        self.taken.append(line)
        return line.text

    def begin(self) -> None:
        """Forgets the lines of the record before."""
        self.taken.clear()
        self._ended = False

    def keep_first(self) -> None:
        """Gives all lines but the first back, where a quote was open to the end: they are rows of their own."""
        if self._ended or sum(len(line.text) for line in self.taken) >= LONGEST_LINE:
            self._again.extendleft(reversed(self.taken[1:]))
            del self.taken[1:]

    def raw(self) -> str:
        """Gives the lines of the record as they stand in the file."""
        return "".join(line.text for line in self.taken).rstrip("\r\n")

    def fault(self) -> Line | None:
        """Gives the first line that could not be read."""
        return next((line for line in self.taken if line.fault), None)


def _header(feed: _Feed, reader: Iterator[list[str]], name: str) -> tuple[str, ...]:
    try:
        header = next((values for values in reader if values), [])
    except csv.Error as error:
        raise InputError(f"{name}, header: not readable as CSV: {error}") from None
    line = feed.fault()
    if line:
        raise InputError(f"{name}, line {line.number}: {line.fault}")
    twice = next((column for column in header if header.count(column) > 1), None)
    if twice is not None:
        raise InputError(f"{name} has two columns {twice!r}: rename one of them")
    return tuple(header)


def _records(feed: _Feed, reader: Iterator[list[str]], header: tuple[str, ...], chosen: str) -> Iterator[Record]:
    number = 0
    while True:
        feed.begin()
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            feed.keep_first()
            yield _broken(feed, number, f"not readable as CSV: {error}")
            continue
        if values:
            number += 1
            yield _record(feed, number, values, header, chosen)


def _record(feed: _Feed, number: int, values: list[str], header: tuple[str, ...], chosen: str) -> Record:
    if feed.fault():
        return _broken(feed, number, "")
    if len(values) != len(header):
        return _broken(feed, number, f"expected {len(header)} columns, as in the header, found {len(values)}")
    return make_record(number, dict(zip(header, values, strict=True)), chosen, feed.raw)


def _broken(feed: _Feed, number: int, reason: str) -> Broken:
    line = feed.fault()
    if line:
        return Broken(number, line.fault, feed.raw(), f"line {line.number}")
    return Broken(number, reason, feed.raw())
