"""A file as it was read: columns, and rows that know where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
        """Gives the fault as a clause."""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.reason}{detail}" + (f", expected {self.expected}" if self.expected else "")


@dataclass(frozen=True, slots=True)
class Record:
    """One row before any check.

    Attributes:
        row: Its number; the first data row is 1.
        values: Its values by column.
        line: The line of the file it begins on, where the file has lines; the header is line 1.
        problem: Why the row could not be read, if it could not.
    """

    row: int
    values: Mapping[str, Any] = field(default_factory=dict)
    line: int | None = None
    problem: Problem | None = None

    def place(self) -> str:
        """Gives the words that lead a reader to the row: ``row 3 (line 4)``."""
        return f"row {self.row}" if self.line is None else f"row {self.row} (line {self.line})"


@dataclass(frozen=True)
class Table:
    """A whole file before any check.

    Attributes:
        columns: The names of the columns, in the order of the file.
        records: The rows, in the order of the file.
    """

    columns: tuple[str, ...]
    records: tuple[Record, ...]
