"""Which columns hold the text, the label and the part: given, or found by their usual names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgetext.errors import DataError
from edgetext.reading import listed

# Before the plain word where both stand side by side: names of labels say more than their numbers.
LABEL_NAMES = (
    "label_text", "label_name", "label", "labels", "category", "intent", "class", "class_name", "target",
    "sentiment", "topic", "tag", "annotation", "gold", "y",
)  # fmt: skip
TEXT_NAMES = (
    "text", "sentence", "utterance", "content", "caption", "review", "query", "question", "message", "body",
    "comment", "tweet", "document", "description", "input", "title", "headline", "x",
)  # fmt: skip
SPLIT_NAMES = ("split", "partition")

_SHOWN = 12


@dataclass(frozen=True)
class Columns:
    """The columns that are read.

    Attributes:
        text: Name of the column with the text.
        label: Name of the column with the label.
        split: Name of the column that says which part a row belongs to, if there is one.
    """

    text: str
    label: str
    split: str | None = None


def find_columns(
    file: str,
    columns: Sequence[str],
    *,
    text: str | None = None,
    label: str | None = None,
    split: str | None = None,
    like: Columns | None = None,
) -> Columns:
    """Finds the columns to read.

    Args:
        file: The file, for messages.
        columns: The names it has.
        text: The column with the text, if given.
        label: The column with the label, if given.
        split: The column with the part, if given; an empty name if there is none, whatever the columns are called.
        like: The columns of a file that this one goes with; taken where they are there and none is given.

    Raises:
        DataError: A given column is not there, none has a usual name, or text and label are one column.
    """
    found = Columns(
        text=_find(file, columns, "text", text, like.text if like else None, TEXT_NAMES),
        label=_find(file, columns, "label", label, like.label if like else None, LABEL_NAMES),
        split=None if split == "" else _given(file, columns, "split", split) or _usual(columns, SPLIT_NAMES),
    )
    if len({found.text, found.label, found.split}) < 3:
        raise DataError(
            f"{file}: the column {found.label!r} cannot be two of text, label and split at once "
            f"({list_columns(columns)}); give another --text-column or --label-column"
        )
    return found


def usual_text_column(columns: Sequence[str]) -> str | None:
    """Gives the column with a usual name for texts, if there is one."""
    return _usual(columns, TEXT_NAMES)


def list_columns(columns: Sequence[str]) -> str:
    """Lists the columns for a message; of many the first ones."""
    shown = listed(column if len(column) <= 30 else column[:29] + "…" for column in columns[:_SHOWN])
    more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    return f"the columns are: {shown}{more}"


def _find(
    file: str, columns: Sequence[str], kind: str, given: str | None, like: str | None, usual: Sequence[str]
) -> str:
    name = _given(file, columns, kind, given) or (like if like in columns else None) or _usual(columns, usual)
    if name is None:
        raise DataError(
            f"{file}: no column looks like the {kind} ({list_columns(columns)}); "
            f"expected one named {', '.join(usual[:6])} or alike, or give --{kind}-column NAME"
        )
    return name


def _given(file: str, columns: Sequence[str], kind: str, given: str | None) -> str | None:
    if given is not None and given not in columns:
        raise DataError(f"{file}: there is no column {given!r} ({list_columns(columns)}); check --{kind}-column")
    return given


def _usual(columns: Sequence[str], names: Sequence[str]) -> str | None:
    by_name = {column.strip().casefold(): column for column in reversed(columns)}
    return next((by_name[name] for name in names if name in by_name), None)
