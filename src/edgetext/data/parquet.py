"""Parquet, a few hundred rows at a time, through pyarrow; bounded whatever a file claims to hold.

Parquet is compressed, and a value that repeats is stored once, so that a file of a few hundred bytes can hold
gigabytes. What is read of a file is bounded by its size.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgetext.data.packed import open_seekable, refuse_bomb
from edgetext.data.table import OpenTable, TableRow
from edgetext.errors import DataError, first_line, needs_extra

BATCH_ROWS = 256
"""Rows that are decoded at a time; a text of a megabyte in all of them makes 256 MB."""
MOST_EXPANSION = 1000
"""How many times its own size a file may hold: text packs to a tenth, a column of one label to a thousandth."""
FREE_BYTES = 256 << 20
"""What any file may hold."""


@contextmanager
def open_parquet(path: Path, *, name_classes: bool = False) -> Iterator[OpenTable]:
    """Opens a file for reading.

    Args:
        path: The file.
        name_classes: Whether class numbers that ``datasets`` wrote are replaced by their names.

    Raises:
        DataError: It is no Parquet file, names a column twice, or holds far more than its size allows.
        MissingExtraError: pyarrow is not installed.
    """
    with open_columns(path) as file:
        rows = _Rows(file, path, class_names(file.schema_arrow.metadata) if name_classes else {})
        yield OpenTable(
            name=str(path),
            format="parquet",
            records=iter(rows),
            raw=rows.raw,
            size=file.metadata.num_rows,
            position=lambda: rows.read,
            columns=tuple(file.schema_arrow.names),
        )


@contextmanager
def open_columns(path: Path) -> Iterator[Any]:
    """Opens a file as pyarrow sees it (``ParquetFile``); its columns are read when they are asked for.

    Raises:
        DataError: As for ``open_parquet``.
        MissingExtraError: pyarrow is not installed.
    """
    with needs_extra("parquet"):
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    with open_seekable(path) as stream:  # pyarrow is given no name: some of its readers know patterns
        if not path.stat().st_size:
            raise DataError(f"{path}: the file is empty; expected rows of text")
        try:
            file = ParquetFile(stream, pre_buffer=False)  # which would hold a whole row group
            names = Counter(file.schema_arrow.names)
        except (ArrowException, ValueError, OSError) as error:
            raise DataError(f"{path}: not readable as Parquet ({first_line(error)})") from None
        twice = next((name for name, count in names.items() if count > 1), None)
        if twice is not None:
            raise DataError(f"{path}: it names the column {twice!r} twice; expected different names")
        refuse_bomb(path, sum(_claimed(file, group) for group in range(file.num_row_groups)), _most(path))
        with file:
            yield file


def column_batches(file: Any, path: Path) -> Iterator[Any]:
    """Reads the rows as record batches of a few hundred.

    Raises:
        DataError: The file is damaged further on, or holds far more than its size allows.
    """
    from pyarrow import ArrowException

    held = 0
    try:
        for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
            held += batch.nbytes
            refuse_bomb(path, held, _most(path))
            batch.validate(full=True)  # else a text that is no UTF-8 is found by whoever asks for it
            yield batch
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is damaged: {first_line(error)}") from None


class _Rows:
    """The rows of a file; ``read`` counts them."""

    def __init__(self, file: Any, path: Path, names: Mapping[str, list[str]]) -> None:
        self._file = file
        self._path = path
        self._names = names
        self._last: Mapping[str, Any] = {}
        self.read = 0

    def __iter__(self) -> Iterator[TableRow]:
        for batch in column_batches(self._file, self._path):
            for values in batch.to_pylist():
                self.read += 1
                for column in self._names.keys() & values.keys():
                    values[column] = class_name(values[column], self._names[column])
                self._last = values
                yield TableRow(self.read, values)

    def raw(self) -> str:
        """Shows the last row as JSON."""
        return json.dumps(self._last, ensure_ascii=False, default=str)


def class_names(metadata: Mapping[bytes, bytes] | None) -> dict[str, list[str]]:
    """Finds the names of class numbers, by column, that ``datasets`` writes beside a schema.

    Source: ``datasets.Features.arrow_schema`` and ``datasets.ClassLabel``.
    """
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        inner = {column: _inner(feature) for column, feature in features.items()}
        found = {column: feature["names"] for column, feature in inner.items() if _is_class_label(feature)}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}
    return {column: names for column, names in found.items() if all(isinstance(name, str) for name in names)}


def class_name(value: Any, names: Sequence[str]) -> Any:
    """Names a class number, or each of a list of them; a label that is kept back is marked by -1."""
    if isinstance(value, list):
        return [class_name(each, names) for each in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None


def _inner(feature: Any) -> Any:
    """Looks into a list: several labels a row are a list of class numbers."""
    return feature.get("feature", feature) if isinstance(feature, dict) else feature


def _is_class_label(feature: Any) -> bool:
    return isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and isinstance(feature["names"], list)


def _claimed(file: Any, group: int) -> int:
    return int(file.metadata.row_group(group).total_byte_size)


def _most(path: Path) -> int:
    return FREE_BYTES + MOST_EXPANSION * path.stat().st_size
