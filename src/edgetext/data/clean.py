"""Rows as read -> examples, or a problem that names the column and what was expected there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgetext.data.columns import Columns
from edgetext.data.example import Example
from edgetext.data.labels import kind, label_of, label_problem, short, unusable
from edgetext.data.parts import EXPECTED, known_part
from edgetext.data.table import Problem, Record, Table
from edgetext.errors import DataError


@dataclass(frozen=True)
class Cleaned:
    """The usable rows of a table.

    Attributes:
        examples: The rows, in order.
        parts: For each of them its part, where a column says so; else empty.
        dropped: One sentence for each reason for which rows were left out.
    """

    examples: tuple[Example, ...]
    parts: tuple[str, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class _Broken:
    record: Record
    problem: Problem


def clean(file: str, table: Table, columns: Columns, *, drop_invalid: bool) -> Cleaned:
    """Checks every row.

    Args:
        file: The file, for messages.
        table: What was read from it.
        columns: The columns to read.
        drop_invalid: Whether rows that cannot be used are left out instead of refused.

    Raises:
        DataError: A row cannot be used and ``drop_invalid`` is off, none can be used, or labels are lists.
    """
    examples: list[Example] = []
    parts: list[str] = []
    broken: list[_Broken] = []
    for record in table.records:
        problem = record.problem or _problem(file, record, columns)
        if problem:
            broken.append(_Broken(record, problem))
            continue
        examples.append(Example(record.values[columns.text], (label_of(record.values[columns.label]),), record.row))
        if columns.split:
            parts.append(known_part(record.values[columns.split]) or "")
    if broken and not (drop_invalid and examples):
        raise DataError(_refusal(file, broken, len(table.records)))
    return Cleaned(tuple(examples), tuple(parts), _reasons(file, broken))


def _problem(file: str, record: Record, columns: Columns) -> Problem | None:
    label = record.values.get(columns.label)
    if isinstance(label, list | tuple):
        raise DataError(
            f"{file}: {record.place()}, column {columns.label!r}: a list of labels; "
            "only a single label for each text is supported so far"
        )
    return (
        _text_problem(columns.text, record.values.get(columns.text))
        or label_problem(columns.label, label)
        or _split_problem(columns.split, record.values)
    )


def _text_problem(column: str, value: Any) -> Problem | None:
    if value is None:
        return Problem(f"column {column!r}: the text is missing")
    if not isinstance(value, str):
        return Problem(f"column {column!r}: the text is {kind(value)}", short(value), "a string")
    if not value.strip():
        return Problem(f"column {column!r}: the text is empty")
    return unusable(column, "text", value)


def _split_problem(column: str | None, values: Mapping[str, Any]) -> Problem | None:
    if column is None or known_part(values.get(column)):
        return None
    return Problem(f"column {column!r}: this is no part of a data set", short(values.get(column)), EXPECTED)


def _refusal(file: str, broken: list[_Broken], rows: int) -> str:
    first = broken[0]
    message = f"{file}: {first.record.place()}: {first.problem}"
    if len(broken) == rows:
        return f"{message}; none of the {rows} rows can be used"
    rest = "1 row" if len(broken) == 1 else f"{len(broken)} rows"
    return f"{message}; {rest} of {rows} cannot be used: correct the file, or leave them out with --drop-invalid"


def _reasons(file: str, broken: list[_Broken]) -> tuple[str, ...]:
    by_reason: dict[str, list[Record]] = defaultdict(list)
    for row in broken:
        by_reason[row.problem.reason].append(row.record)
    return tuple(
        f"{file}: left out {len(records)} {'row' if len(records) == 1 else 'rows'}: {reason} "
        f"(first: {records[0].place()})"
        for reason, records in by_reason.items()
    )
