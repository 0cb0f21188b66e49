"""A file of rows: what is known of it when it is open, and rows that know where they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row cannot be used.

    Attributes:
        reason: The kind of fault, the same for all rows that have it.
        detail: What this row holds.
        expected: What should stand there instead.
    """

    reason: str
    detail: str = ""
    expected: str = ""

    def __str__(self) -> str:
        """Says the fault as a clause."""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.reason}{detail}" + (f", expected {self.expected}" if self.expected else "")


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row before any check.

    Attributes:
        row: Its number; the first data row is 1.
        values: Its values by column; none where it could not be read.
        line: The line of the file it begins on, where the file has lines; the header is line 1.
        problem: Why the row could not be read, if it could not.
        file: The file that holds it alone, where each row has one.
    """

    row: int
    values: Mapping[str, Any] = field(default_factory=dict)
    line: int | None = None
    problem: Problem | None = None
    file: str | None = None

    def place(self) -> str:
        """Says where to find the row: ``row 3 (line 4)``."""
        return f"row {self.row} ({self.file})" if self.file else place(self.row, self.line)


def place(row: int, line: int | None) -> str:
    """Says where to find a row of a file."""
    return f"row {row}" if line is None else f"row {row} (line {line})"


@dataclass(frozen=True, slots=True)
class CellWithoutValue:
    """A cell of a workbook that holds neither text nor number.

    Attributes:
        shown: What stands in it.
        kind: What it is, as a sentence goes on after "is".
    """

    shown: str
    kind: str

    def __str__(self) -> str:
        """Shows what stands in the cell."""
        return self.shown


Format = Literal["plain", "separated", "json", "parquet", "excel"]


@dataclass(frozen=True)
class OpenTable:
    """A file of rows that is being read, one at a time.

    Attributes:
        name: What to call it in messages.
        format: How the rows stand in it; ``plain`` is a text a line, which may be empty.
        records: Its rows, in order; each is read when it is asked for.
        raw: The text of the file that the row given last was read from, or its values as JSON.
        size: How large it is: bytes, or rows for Parquet, JSON and workbooks; 0 where that is unknown.
        position: Says how much of ``size`` has been read.
        columns: The names of its columns, where they are known before the first row.
        notes: What was found out about the file that a user should know, a clause each.
    """

    name: str
    format: Format
    records: Iterator[TableRow]
    raw: Callable[[], str]
    size: int
    position: Callable[[], int]
    columns: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A whole file before any check.

    Attributes:
        columns: The names of the columns, in the order of the file.
        records: The rows, in the order of the file.
        notes: As for ``OpenTable``.
    """

    columns: tuple[str, ...]
    records: tuple[TableRow, ...]
    notes: tuple[str, ...] = ()
