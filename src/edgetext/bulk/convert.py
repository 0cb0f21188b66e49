"""Makes a Parquet file of an input and the side file of its predictions, a few thousand rows at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgetext.bulk.read import open_rows
from edgetext.bulk.records import TextColumn
from edgetext.bulk.rows import TextRow
from edgetext.bulk.values import common_kind, kind_of


def write_parquet(source: Path, column: TextColumn, predictions: Path, target: Path) -> None:
    """Writes the columns of the input with those of the predictions after them.

    The types of a Parquet input are kept. Columns of CSV are text; those of JSON Lines are whole numbers, numbers,
    booleans or text where all values are, and else JSON as text.

    Args:
        source: The input; it is read again.
        column: Which of its columns holds the text.
        predictions: The number of each classified row and what is added to it, as JSON Lines.
        target: The file to write.
    """
    from edgetext.bulk.parquet import extend_parquet, make_parquet

    if source.suffix.lower() == ".parquet":
        extend_parquet(source, target, _added(predictions))
    else:
        make_parquet(target, _kinds(source, column, predictions), _joined(source, column, predictions))


def _added(predictions: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with predictions.open(encoding="utf-8") as stream:
        for line in stream:
            number, values = json.loads(line)
            yield number, values


def _rows(source: Path, column: TextColumn, predictions: Path) -> Iterator[tuple[TextRow, Mapping[str, Any]]]:
    """Pairs the rows that were classified with what is added to them."""
    with open_rows(source, column) as rows:
        added = _added(predictions)
        wanted = next(added, None)
        for record in rows.records:
            if wanted is not None and isinstance(record, TextRow) and record.number == wanted[0]:
                yield record, wanted[1]
                wanted = next(added, None)


def _joined(source: Path, column: TextColumn, predictions: Path) -> Iterator[Mapping[str, Any]]:
    for row, values in _rows(source, column, predictions):
        yield {**row.columns, **values}


def _kinds(source: Path, column: TextColumn, predictions: Path) -> dict[str, str]:
    """Gives for each column, in order, the kind that holds all its values; text where there are none."""
    with open_rows(source, column) as rows:
        found: dict[str, str] = dict.fromkeys(rows.columns or (), "")
    for row, _ in _rows(source, column, predictions):
        for name, value in row.columns.items():
            kind = "" if value is None else kind_of(value)
            known = found.get(name, "")
            found[name] = common_kind(known, kind) if known and kind else known or kind
    return {name: kind or "text" for name, kind in found.items()}
