"""How the labels of a row stand in a file: one, a list of them, several in one text, or one column a label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from edgetext.data.columns import Columns
from edgetext.data.labels import is_flag, kind, label_of, label_problem, short
from edgetext.data.table import Problem, Table
from edgetext.errors import DataError
from edgetext.reading import listed

Labels = tuple[str, ...]


@dataclass(frozen=True)
class LabelForm:
    """How a file's labels are read, decided once for all its rows.

    Attributes:
        one_label: Whether a row bears exactly one label.
        read: Makes labels of a row's values, or says why none can be made.
        separator: What separates the labels of one text, where they are separated.
        note: What a user should know of it, a clause; empty where a row bears one label.
    """

    one_label: bool
    read: Callable[[Mapping[str, Any]], Labels | Problem]
    separator: str | None = None
    note: str = ""


def find_form(file: str, table: Table, columns: Columns, separator: str | None, *, insisted: bool) -> LabelForm:
    """Decides how the labels of a file are read.

    Lists are found by their majority among the rows that have a label, so that one odd row is a fault of that row.

    Args:
        file: The file, for messages.
        table: What was read from it.
        columns: Its columns.
        separator: What separates the labels in one text, if they are.
        insisted: Whether the user gave the separator for this very file, so that it must fit.

    Raises:
        DataError: The separator is empty, or it is given for labels that are not one text.
    """
    if separator is not None and not separator:
        raise DataError(
            f"{file}: the label separator is empty; expected what stands between two labels, such as '|'"
        )
    (column, *more) = columns.labels
    lists = False if more else _mostly_lists(table, column)
    if separator is not None and insisted and (more or lists):
        held = (
            f"labels have a column each ({columns.label})" if more else f"column {column!r} holds lists of labels"
        )
        raise DataError(f"{file}: {held}, so that nothing separates them: leave --label-separator out")
    if more:
        note = f"multi label: one column a label, {len(columns.labels)} of them"
        never = [
            name for name in columns.labels if not any(_is_one(record.values.get(name)) for record in table.records)
        ]
        if never:
            note += f"; no row has 1 in {listed(never)}, so that no such label is learned"
        return LabelForm(False, partial(_flags, columns.labels), note=note)
    if lists:
        return LabelForm(
            False, partial(_list, column), note=f"multi label: column {column!r} holds lists of labels"
        )
    if separator is not None:
        note = f"multi label: the labels in column {column!r} are separated by {separator!r}"
        return LabelForm(False, partial(_separated, column, separator), separator, note)
    return LabelForm(True, partial(_one, column))


def _mostly_lists(table: Table, column: str) -> bool:
    values = [value for record in table.records if (value := record.values.get(column)) is not None]
    return 2 * sum(isinstance(value, list | tuple) for value in values) > len(values)


def _one(column: str, values: Mapping[str, Any]) -> Labels | Problem:
    value = values.get(column)
    return label_problem(column, value) or (label_of(value),)


def _list(column: str, values: Mapping[str, Any]) -> Labels | Problem:
    value = values.get(column)
    if value is None:
        return Problem(f"column {column!r}: the list of labels is missing", expected="[] for a text without labels")
    if not isinstance(value, list | tuple):
        expected = "a list of labels, as other rows have"
        return Problem(f"column {column!r}: the label is {kind(value)}", short(value), expected)
    return _several(column, value)


def _separated(column: str, separator: str, values: Mapping[str, Any]) -> Labels | Problem:
    value = values.get(column)
    if value is None or (isinstance(value, str) and not value.strip()):
        return ()
    if not isinstance(value, str):
        return _one(column, values)
    parts = value.split(separator)
    if not all(part.strip() for part in parts):
        expected = f"a label on both sides of {separator!r}"
        return Problem(f"column {column!r}: a separator has no label beside it", short(value), expected)
    return _several(column, parts)


def _flags(columns: Labels, values: Mapping[str, Any]) -> Labels | Problem:
    for column in columns:
        value = values.get(column)
        if value is None or value == "":
            expected = "1 where the label fits, else 0"
            return Problem(f"column {column!r}: neither 0 nor 1 stands there", expected=expected)
        if not is_flag(value):
            return Problem(
                f"column {column!r}: this is neither 0 nor 1", short(value), "1 where the label fits, else 0"
            )
    return tuple(column for column in columns if _is_one(values[column]))


def _is_one(value: Any) -> bool:
    return is_flag(value, 1)


def _several(column: str, values: Sequence[Any]) -> Labels | Problem:
    for value in values:
        if problem := label_problem(column, value):
            return problem
    labels = tuple(label_of(value) for value in values)
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        return Problem(f"column {column!r}: the same label stands twice", short(twice), "each label once")
    return labels
