"""Parquet out: the columns of an input and the side file of its predictions, a few thousand rows at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from edgetext.bulk.records import TextColumns, open_rows
from edgetext.bulk.rows import TextRow
from edgetext.bulk.write import Added, json_text
from edgetext.data.parquet import column_batches, open_columns
from edgetext.errors import needs_extra

_BATCH_ROWS = 4096
KINDS = ("bool", "int", "float", "text", "json")
_INT64 = 1 << 63


@dataclass(frozen=True)
class OpenedAgain:
    """What Parquet is made from.

    Attributes:
        source: The input; it is read again.
        columns: Which of its columns hold the texts.
        predictions: The number of each classified row and what is added to it, as JSON Lines.
    """

    source: Path
    columns: TextColumns
    predictions: Path


def write_parquet(made_from: OpenedAgain, target: Path, added: Added) -> None:
    """Writes the columns of the input with those of the predictions after them.

    The types of a Parquet input are kept. Columns of CSV are text; those of JSON Lines are whole numbers, numbers,
    booleans or text where all values are, and else JSON as text.

    Args:
        made_from: The input and the predictions.
        target: The file to write.
        added: The columns of the predictions.
    """
    if made_from.source.suffix.lower() == ".parquet":
        extend_parquet(made_from.source, target, _added_values(made_from.predictions), added)
    else:
        make_parquet(target, _kinds(made_from), _joined(made_from), added)


def extend_parquet(
    source: Path, target: Path, values: Iterable[tuple[int, Mapping[str, Any]]], added: Added
) -> None:
    """Writes the columns of a Parquet file, types kept, with those of the predictions after them.

    Args:
        source: The input.
        target: The file to write.
        values: The number of each row to keep, in order, and what is added to it.
        added: The columns of the predictions.
    """
    with open_columns(source) as table:
        schema = table.schema_arrow
        fields = _added_fields(added)
        for field in fields:
            schema = schema.append(field)
        with _writer(target, schema) as writer:
            for rows, matched in _matched(column_batches(table, source), iter(values)):
                writer.write_batch(_widened(rows, _arrays(fields, matched), schema))


def _matched(
    batches: Iterable[Any], added: Iterator[tuple[int, Mapping[str, Any]]]
) -> Iterator[tuple[Any, list[Mapping[str, Any]]]]:
    """Yields those rows of each batch that were classified, with what is added to them."""
    import pyarrow

    read, wanted = 0, next(added, None)
    for batch in batches:
        kept: list[int] = []
        values: list[Mapping[str, Any]] = []
        while wanted is not None and wanted[0] <= read + len(batch):
            kept.append(wanted[0] - read - 1)
            values.append(wanted[1])
            wanted = next(added, None)
        read += len(batch)
        if kept:
            yield batch.take(pyarrow.array(kept)), values


def _widened(rows: Any, arrays: list[Any], schema: Any) -> Any:
    import pyarrow

    return pyarrow.record_batch([*rows.columns, *arrays], schema=schema)


def make_parquet(target: Path, kinds: Mapping[str, str], rows: Iterable[Mapping[str, Any]], added: Added) -> None:
    """Writes rows that came from a file without types, the predictions included.

    Args:
        target: The file to write.
        kinds: ``bool``, ``int``, ``float``, ``text`` or ``json`` for each column of the input, in order.
        rows: The rows; a missing column is null.
        added: The columns of the predictions.
    """
    with needs_extra("parquet"):
        import pyarrow

    types = {"bool": pyarrow.bool_(), "int": pyarrow.int64(), "float": pyarrow.float64()}
    fields = [pyarrow.field(name, types.get(kind, pyarrow.string())) for name, kind in kinds.items()]
    schema = pyarrow.schema([*fields, *_added_fields(added)])
    stream = iter(rows)
    with _writer(target, schema) as writer:
        while group := [_cells(row, kinds) for row in islice(stream, _BATCH_ROWS)]:
            writer.write_batch(pyarrow.record_batch(_arrays(schema, group), schema=schema))


def check_parquet() -> None:
    """Raises before any work is done if pyarrow is not there.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    with needs_extra("parquet"):
        import pyarrow.parquet  # noqa: F401


def kind_of(value: Any) -> str:
    """Finds the first of ``KINDS`` that holds the value; the value is not ``None``."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -_INT64 <= value < _INT64 else "json"
    if isinstance(value, float):
        return "float"
    return "text" if isinstance(value, str) else "json"


def common_kind(first: str, second: str) -> str:
    """Finds the kind that holds values of both: whole numbers fit among floats, all else only as JSON."""
    if first == second:
        return first
    return "float" if {first, second} == {"int", "float"} else "json"


def _cells(row: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    return {name: _cell(value, kinds.get(name, "")) for name, value in row.items()}


def _cell(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "json":
        return json_text(value)
    return float(value) if kind == "float" else value


def _added_fields(added: Added) -> list[Any]:
    import pyarrow

    text, number = pyarrow.string(), pyarrow.float64()
    types = {
        "predicted_label": text,
        "predicted_labels": pyarrow.list_(text),
        "predicted_score": number,
        "predicted_sure": pyarrow.bool_(),
        "predicted_stage": pyarrow.string(),
        "predicted_scores": pyarrow.map_(text, number),
    }
    return [pyarrow.field(name, types[name]) for name in added.names()]


def _arrays(fields: Iterable[Any], rows: list[Any]) -> list[Any]:
    import pyarrow

    def column(field: Any) -> Any:
        values = [row.get(field.name) for row in rows]
        if pyarrow.types.is_map(field.type):
            values = [list(value.items()) for value in values]
        return pyarrow.array(values, field.type)

    return [column(field) for field in fields]


@contextmanager
def _writer(target: Path, schema: Any) -> Iterator[Any]:
    from pyarrow.parquet import ParquetWriter

    target.unlink(missing_ok=True)  # of an earlier attempt; "x" writes through no link
    with target.open("xb") as stream, ParquetWriter(stream, schema) as writer:
        yield writer


def _added_values(predictions: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with predictions.open(encoding="utf-8") as stream:
        for line in stream:
            number, values = json.loads(line)
            yield number, values


def _rows(made_from: OpenedAgain) -> Iterator[tuple[TextRow, Mapping[str, Any]]]:
    """Pairs the rows that were classified with what is added to them."""
    with open_rows(made_from.source, made_from.columns) as rows:
        added = _added_values(made_from.predictions)
        wanted = next(added, None)
        for record in rows.records:
            if wanted is not None and isinstance(record, TextRow) and record.number == wanted[0]:
                yield record, wanted[1]
                wanted = next(added, None)


def _joined(made_from: OpenedAgain) -> Iterator[Mapping[str, Any]]:
    for row, values in _rows(made_from):
        yield {**row.columns, **values}


def _kinds(made_from: OpenedAgain) -> dict[str, str]:
    """Finds for each column, in order, the kind that holds all its values; text where there are none."""
    with open_rows(made_from.source, made_from.columns) as rows:
        found: dict[str, str] = dict.fromkeys(rows.columns or (), "")
    for row, _ in _rows(made_from):
        for name, value in row.columns.items():
            kind = "" if value is None else kind_of(value)
            known = found.get(name, "")
            found[name] = common_kind(known, kind) if known and kind else known or kind
    return {name: kind or "text" for name, kind in found.items()}
