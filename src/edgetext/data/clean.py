"""Rows as read -> examples, or a problem that names the column and what was expected there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgetext.data.columns import Columns
from edgetext.data.example import Example
from edgetext.data.forms import LabelForm
from edgetext.data.labels import kind, short, unusable
from edgetext.data.parts import EXPECTED, known_part
from edgetext.data.table import Problem, Table, TableRow
from edgetext.errors import DataError

if TYPE_CHECKING:  # it takes numpy, which reading a file does not
    from edgetext.task import Text


@dataclass(frozen=True)
class BrokenRow:
    """A row that cannot be used, and why."""

    record: TableRow
    problem: Problem


@dataclass(frozen=True)
class Cleaned:
    """What became of the rows of a table.

    Attributes:
        examples: The usable rows, in order.
        parts: For each of them its part, where a column says so; else empty.
        broken: The other rows.
    """

    examples: tuple[Example, ...]
    parts: tuple[str, ...]
    broken: tuple[BrokenRow, ...]


def clean(file: str, table: Table, columns: Columns, form: LabelForm, *, drop_invalid: bool) -> Cleaned:
    """Checks every row.

    Args:
        file: The file, for messages.
        table: What was read from it.
        columns: The columns to read.
        form: How labels stand in it.
        drop_invalid: Whether rows that cannot be used are left out instead of refused.

    Raises:
        DataError: A row cannot be used and ``drop_invalid`` is off, or none can be used.
    """
    examples: list[Example] = []
    parts: list[str] = []
    broken: list[BrokenRow] = []
    for record in table.records:
        found = record.problem or _example(record, columns, form)
        if isinstance(found, Problem):
            broken.append(BrokenRow(record, found))
            continue
        examples.append(found)
        if columns.split:
            parts.append(known_part(record.values[columns.split]) or "")
    if broken and not (drop_invalid and examples):
        raise DataError(_refusal(file, broken, len(table.records)))
    return Cleaned(tuple(examples), tuple(parts), tuple(broken))


def reasons(file: str, broken: Sequence[BrokenRow]) -> tuple[str, ...]:
    """Says for each kind of fault how many rows were left out for it, a sentence each."""
    by_reason: dict[str, list[TableRow]] = defaultdict(list)
    for row in broken:
        by_reason[row.problem.reason].append(row.record)
    return tuple(
        f"{file}: left out {len(records)} {'row' if len(records) == 1 else 'rows'}: {reason} "
        f"(first: {records[0].place()})"
        for reason, records in by_reason.items()
    )


def _example(record: TableRow, columns: Columns, form: LabelForm) -> Example | Problem:
    values = record.values
    text = text_of(values, columns.text, columns.pair)
    if isinstance(text, Problem):
        return text
    labels = form.read(values)
    if isinstance(labels, Problem):
        return labels
    return _split_problem(columns.split, values) or Example(text, labels, record.row)


def text_of(values: Mapping[str, Any], text: str, pair: str | None) -> Text | Problem:
    """Takes the text of a row, or the pair, from its columns; or says why it is none."""
    for column in (text, pair):
        if column and (problem := _text_problem(column, values.get(column))):
            return problem
    return (values[text], values[pair]) if pair else values[text]


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


def _refusal(file: str, broken: list[BrokenRow], rows: int) -> str:
    first = broken[0]
    message = f"{file}: {first.record.place()}: {first.problem}"
    if len(broken) == rows:
        return f"{message}; none of the {rows} rows can be used"
    rest = "1 row" if len(broken) == 1 else f"{len(broken)} rows"
    return f"{message}; {rest} of {rows} cannot be used: correct the file, or leave them out with --drop-invalid"
