"""A file of texts without labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgetext.checkpoint import DataSource
from edgetext.data.columns import list_columns, usual_pair, usual_text_column
from edgetext.data.read import open_table
from edgetext.errors import DataError
from edgetext.task import Text


def read_unlabelled(file: Path | str, like: DataSource | None = None) -> tuple[Text, ...]:
    """Reads texts, or pairs of texts, that nobody labelled; empty ones are passed over.

    Args:
        file: A text a line (``.txt``), or any file of rows that ``edgetext predict --input`` takes; columns of
            labels are not looked at.
        like: The labelled rows that these go with: their columns are taken where they are there, else one with a
            usual name. Pairs are wanted where those are pairs.

    Raises:
        DataError: The file cannot be read, no column holds texts, a row has no text there, or there is none at all.
        MissingExtraError: It is Parquet or a workbook, and the extra for it is not installed.
    """
    with open_table(Path(file)) as table:
        records = list(table.records)
        columns = table.columns or tuple(dict.fromkeys(key for record in records for key in record.values))
    if wrong := next((record for record in records if record.problem), None):
        raise DataError(f"{file}: {wrong.place()}: {wrong.problem}")
    names = _columns(str(file), columns, like)
    found: list[Text] = []
    for record in records:
        parts = tuple(record.values.get(name) for name in names)
        if not all(part is None or isinstance(part, str) for part in parts):
            raise DataError(f"{file}: {record.place()}: the column {names[0]!r} holds something that is no text")
        texts = tuple(part for part in parts if isinstance(part, str) and part.strip())
        if len(texts) == len(names):
            found.append((texts[0], texts[1]) if len(texts) == 2 else texts[0])
    if not found:
        raise DataError(f"{file}: it holds no text; expected texts without labels, one a row")
    return tuple(found)


def _columns(file: str, columns: Sequence[str], like: DataSource | None) -> tuple[str, ...]:
    """Finds the column of the texts, or the two of pairs."""
    pairs = like is not None and like.text_pair_column is not None
    trained = (like.text_column, *([like.text_pair_column] if like.text_pair_column else [])) if like else ()
    if trained and set(trained) <= set(columns):
        return trained
    if pairs:
        usual: tuple[str, ...] | None = usual_pair(columns)
    else:
        single = usual_text_column(columns) or (columns[0] if len(columns) == 1 else None)
        usual = (single,) if single else None
    if usual is None:
        raise DataError(
            f"{file}: no column looks like {'pairs of texts' if pairs else 'the text'} ({list_columns(columns)}); "
            f"expected {' and '.join(map(repr, trained)) or 'one named text'}, as in the training rows"
        )
    return usual
