"""Opens rows to classify: those of a file, whatever its format, or the lines of a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from edgetext.bulk.records import Broken, Source, TextColumn, make_source
from edgetext.bulk.rows import TextRow
from edgetext.data.read import open_stream, open_table
from edgetext.errors import InputError


def _untold(_: str) -> None:
    """Takes a note that nobody asked for."""


@contextmanager
def open_rows(
    path: Path, column: TextColumn | None = None, note: Callable[[str], None] = _untold
) -> Iterator[Source]:
    """Opens a file of texts; it is never in memory as a whole.

    Args:
        path: A ``.txt`` (a text a line), ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson`` or ``.parquet``.
        column: Which column holds the text; found by its usual names if not given.
        note: Is told, a sentence each, what a user should know of how the file is read.

    Raises:
        InputError: The file is missing, of another kind, or has no column for the text.
        MissingExtraError: It is Parquet, and pyarrow is not installed.
    """
    with open_table(path) as table:
        yield make_source(table, column or TextColumn(), note)


def stream_of_lines(stream: IO[bytes], name: str, note: Callable[[str], None] = _untold) -> Source:
    """Gives the lines of a stream, a text each.

    Raises:
        InputError: It is no text.
    """
    return make_source(open_stream(stream, name), TextColumn(), note)


def good_rows(source: Source) -> Iterator[TextRow]:
    """Gives the rows up to the first broken one.

    Raises:
        InputError: A row is broken; the message names it.
    """
    for record in source.records:
        if isinstance(record, Broken):
            raise InputError(record.sentence(source.name))
        yield record
