"""Which columns hold texts, labels and parts: given, as in the training file, or found by their usual names."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from edgetext.checkpoint import DataSource
from edgetext.data.labels import is_flag
from edgetext.data.settings import ColumnChoice
from edgetext.data.table import Table
from edgetext.errors import DataError
from edgetext.reading import listed

# Before the plain word where both stand side by side: names of labels say more than their numbers.
LABEL_NAMES = (
    "label_text", "label_name", "label", "labels", "category", "intent", "class", "class_name", "target",
    "sentiment", "topic", "tag", "annotation", "gold", "y", "categories", "intents", "topics", "tags",
)  # fmt: skip
TEXT_NAMES = (
    "text", "sentence", "utterance", "content", "caption", "review", "query", "question", "message", "body",
    "comment", "tweet", "document", "description", "input", "title", "headline", "x",
)  # fmt: skip
PAIR_NAMES = (
    ("premise", "hypothesis"), ("sentence1", "sentence2"), ("sentence_1", "sentence_2"),
    ("sentence_a", "sentence_b"), ("question1", "question2"), ("text_a", "text_b"), ("text1", "text2"),
    ("text_1", "text_2"), ("query", "passage"), ("query", "document"), ("question", "sentence"),
    ("question", "passage"),
)  # fmt: skip
SPLIT_NAMES = ("split", "partition")

_SHOWN = 12


@dataclass(frozen=True)
class Columns:
    """The columns that are read.

    Attributes:
        text: The column with the text, or with the first text of a pair.
        labels: The column with the label or the labels; several are one column a label.
        split: The column that says which part a row belongs to, if there is one.
        pair: The column with the second text, if there is one.
    """

    text: str
    labels: tuple[str, ...]
    split: str | None = None
    pair: str | None = None

    @property
    def label(self) -> str:
        """The label columns as ``--label-column`` takes them."""
        return self.labels[0] if len(self.labels) == 1 else ",".join(_quoted(name) for name in self.labels)


def find_columns(file: str, table: Table, chosen: ColumnChoice, like: DataSource | None = None) -> Columns:
    """Finds the columns to read.

    Args:
        file: The file, for messages.
        table: What was read from it.
        chosen: What the user chose.
        like: A file that this one goes with: its columns are taken where they are there and none is given.

    Raises:
        DataError: A given column is not there, none has a usual name, or one would serve twice.
    """
    names = table.columns
    text, pair = find_texts(file, names, chosen, like)
    split = chosen.get("split_column")
    found = Columns(
        text=text,
        labels=_find_labels(file, table, chosen, like),
        split=None if split == "" else _given(file, names, "split", split) or _usual(names, SPLIT_NAMES),
        pair=pair,
    )
    counts = Counter(name for name in (found.text, found.pair, *found.labels, found.split) if name is not None)
    name, times = counts.most_common(1)[0]
    if times > 1:
        raise DataError(
            f"{file}: the column {name!r} cannot be two of text, label and split at once "
            f"({list_columns(names)}); give another --text-column or --label-column"
        )
    return found


def usual_text_column(columns: Sequence[str]) -> str | None:
    """Finds the column with a usual name for texts, if there is one."""
    return _usual(columns, TEXT_NAMES)


def usual_pair(columns: Sequence[str]) -> tuple[str, str] | None:
    """Finds two columns with usual names for a pair of texts, unless another one is named like a text alone."""
    for names in PAIR_NAMES:
        first, second = (_usual(columns, (name,)) for name in names)
        others = [column for column in columns if column not in (first, second)]
        if first and second and usual_text_column(others) is None:
            return first, second
    return None


def list_columns(columns: Sequence[str]) -> str:
    """Lists the columns for a message; of many the first ones."""
    shown = listed(column if len(column) <= 30 else column[:29] + "…" for column in columns[:_SHOWN])
    more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    return f"the columns are: {shown}{more}"


def find_texts(
    file: str, columns: Sequence[str], chosen: ColumnChoice, like: DataSource | None = None
) -> tuple[str, str | None]:
    """Finds the column with the text, and that with the second text of a pair, if texts are pairs.

    Args:
        file: The file, for messages.
        columns: All its columns.
        chosen: As for ``find_columns``.
        like: Likewise.

    Raises:
        DataError: A given column is not there, or none has a usual name.
    """
    text = _given(file, columns, "text", chosen.get("text_column"))
    pair = _given(file, columns, "text-pair", chosen.get("text_pair_column"))
    if text is None and pair is None:
        if like and like.text_column in columns and like.text_pair_column in (None, *columns):
            return like.text_column, like.text_pair_column
        if (like is None or like.text_pair_column) and (found := usual_pair(columns)):
            return found
    if text is None and pair is not None:
        text = next((first for first, second in PAIR_NAMES if second == pair.strip().casefold()), None)
        text = _usual(columns, (text,)) if text else None
    if text is None:
        text = like.text_column if like and like.text_column in columns else usual_text_column(columns)
    return text or _refuse(file, columns, "text", TEXT_NAMES), pair


def _find_labels(file: str, table: Table, chosen: ColumnChoice, like: DataSource | None) -> tuple[str, ...]:
    columns, given = table.columns, chosen.get("label_column")
    if given is not None:
        names = _split_names(given, columns)
        for name in names:
            _given(file, columns, "label", name)
        if twice := next((name for name, times in Counter(names).items() if times > 1), None):
            raise DataError(f"{file}: --label-column names {twice!r} twice; expected different columns")
        return names
    like_names = _split_names(like.label_column, columns) if like else ()
    if len(like_names) > 1 and not set(columns).isdisjoint(like_names):
        for name in like_names:
            _given(file, columns, "label", name)
    if like_names and set(like_names) <= set(columns):
        return like_names
    usual = _usual(columns, LABEL_NAMES)
    return (usual,) if usual else (_refuse(file, columns, "label", LABEL_NAMES, _flags_hint(table)),)


def _split_names(given: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Splits what ``--label-column`` says at its commas, unless a column has that very name."""
    if given in columns or "," not in given:
        return (given,)
    return tuple(name.strip() for name in next(csv.reader([given], skipinitialspace=True)))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if {",", '"'} & set(name) else name


def _flags_hint(table: Table) -> str:
    """Says which columns hold 0 and 1 alone, since those may be one column a label."""
    flags = [
        column
        for column in table.columns
        if all(is_flag(record.values.get(column)) for record in table.records if record.values)
    ]
    if len(flags) < 2:
        return ""
    return f"; these hold 0 and 1 alone: for one column a label give --label-column {','.join(map(_quoted, flags))}"


def _refuse(file: str, columns: Sequence[str], kind: str, usual: Sequence[str], hint: str = "") -> str:
    raise DataError(
        f"{file}: no column looks like the {kind} ({list_columns(columns)}); "
        f"expected one named {', '.join(usual[:6])} or alike, or give --{kind}-column NAME{hint}"
    )


def _given(file: str, columns: Sequence[str], kind: str, given: str | None) -> str | None:
    if given is not None and given not in columns:
        raise DataError(f"{file}: there is no column {given!r} ({list_columns(columns)}); check --{kind}-column")
    return given


def _usual(columns: Sequence[str], names: Sequence[str]) -> str | None:
    by_name = {column.strip().casefold(): column for column in reversed(columns)}
    return next((by_name[name] for name in names if name in by_name), None)
