"""Parquet in and out, a few thousand rows at a time; needs the extra ``parquet``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from edgetext.bulk.records import Record, Source, choose_column, make_record
from edgetext.bulk.values import json_text
from edgetext.errors import InputError, needs_extra

_BATCH_ROWS = 4096


@contextmanager
def open_parquet(path: Path, column: str | None) -> Iterator[Source]:
    """Opens a file for reading.

    Raises:
        InputError: It is no Parquet file, or has no column for the text.
        MissingExtraError: pyarrow is not installed.
    """
    with open_table(path) as table:
        names = tuple(table.schema_arrow.names)
        chosen = choose_column(str(path), names, column)
        rows = _Rows(table, str(path), chosen)
        yield Source(str(path), iter(rows), table.metadata.num_rows, lambda: rows.read, names)


@contextmanager
def open_table(path: Path) -> Iterator[Any]:
    """Gives pyarrow's view of a file; its columns are read when they are asked for.

    Raises:
        InputError: It is no Parquet file.
        MissingExtraError: pyarrow is not installed.
    """
    with needs_extra("parquet"):
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    try:
        table = ParquetFile(path, pre_buffer=False)  # which would hold a whole row group
    except (ArrowException, ValueError) as error:
        raise InputError(f"{path} is not readable as Parquet: {_first_line(error)}") from None
    with table:
        yield table


class _Rows:
    """The rows of a file; ``read`` counts them."""

    def __init__(self, table: Any, name: str, chosen: str) -> None:
        self._table = table
        self._name = name
        self._chosen = chosen
        self.read = 0

    def __iter__(self) -> Iterator[Record]:
        for batch in table_batches(self._table, self._name):
            for values in batch.to_pylist():
                self.read += 1
                yield make_record(self.read, values, self._chosen, partial(json_text, values))


def table_batches(table: Any, name: str) -> Iterator[Any]:
    """Gives the rows as record batches of a few thousand.

    Raises:
        InputError: The file is damaged further on.
    """
    from pyarrow import ArrowException

    try:
        yield from table.iter_batches(batch_size=_BATCH_ROWS, use_threads=False)
    except (ArrowException, OSError) as error:
        raise InputError(f"{name} is damaged: {_first_line(error)}") from None


def extend_parquet(source: Path, target: Path, added: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
    """Writes the columns of a Parquet file, types kept, with those of the predictions after them.

    Args:
        source: The input.
        target: The file to write.
        added: The number of each row to keep, in order, and what is added to it.
    """
    with open_table(source) as table:
        schema = table.schema_arrow
        for field in _added_fields():
            schema = schema.append(field)
        with _writer(target, schema) as writer:
            for rows, values in _matched(table_batches(table, str(source)), iter(added)):
                writer.write_batch(_widened(rows, values, schema))


def _matched(
    batches: Iterable[Any], added: Iterator[tuple[int, Mapping[str, Any]]]
) -> Iterator[tuple[Any, list[Mapping[str, Any]]]]:
    """Gives those rows of each batch that were classified, with what is added to them."""
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


def _widened(rows: Any, values: list[Mapping[str, Any]], schema: Any) -> Any:
    import pyarrow

    return pyarrow.record_batch([*rows.columns, *_arrays(_added_fields(), values)], schema=schema)


def make_parquet(target: Path, kinds: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes rows that came from a file without types, the predictions included.

    Args:
        target: The file to write.
        kinds: ``bool``, ``int``, ``float``, ``text`` or ``json`` for each column of the input, in order.
        rows: The rows; a missing column is null.
    """
    with needs_extra("parquet"):
        import pyarrow

    types = {"bool": pyarrow.bool_(), "int": pyarrow.int64(), "float": pyarrow.float64()}
    fields = [pyarrow.field(name, types.get(kind, pyarrow.string())) for name, kind in kinds.items()]
    schema = pyarrow.schema([*fields, *_added_fields()])
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


def _cells(row: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    return {name: _cell(value, kinds.get(name, "")) for name, value in row.items()}


def _cell(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "json":
        return json_text(value)
    return float(value) if kind == "float" else value


def _added_fields() -> list[Any]:
    import pyarrow

    scores = pyarrow.map_(pyarrow.string(), pyarrow.float64())
    return [
        pyarrow.field("predicted_label", pyarrow.string()),
        pyarrow.field("predicted_score", pyarrow.float64()),
        pyarrow.field("predicted_scores", scores),
    ]


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


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
