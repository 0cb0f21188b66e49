"""Rows of text to classify, read one at a time from a file or a stream: plain lines, CSV, or JSON Lines."""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from edgetext.errors import InputError
from edgetext.runtime.batching import WINDOW_TEXTS
from edgetext.runtime.encode import explain
from edgetext.runtime.prediction import Prediction
from edgetext.runtime.predictor import Predictor

# The same names, in the same order, as training looks for.
TEXT_COLUMNS = (
    "text", "sentence", "utterance", "content", "caption", "review", "query", "question", "message", "body",
    "comment", "tweet", "document", "description", "input", "title", "headline", "x",
)  # fmt: skip
SUFFIXES = (".txt", ".csv", ".tsv", ".jsonl", ".ndjson")

_LONGEST_FIELD = 64 << 20  # characters; the csv module refuses more than 131,072 unless told


@dataclass(frozen=True)
class Row:
    """One text to classify.

    Attributes:
        text: The text.
        columns: The row that it came from, the text included; only the text where there was nothing else.
    """

    text: str
    columns: Mapping[str, Any] = field(default_factory=dict)


def read_rows(path: Path, text_column: str | None = None) -> Iterator[Row]:
    """Reads a file of texts; what it is follows from its suffix.

    Args:
        path: A ``.txt`` (a text a line), ``.csv``, ``.tsv``, ``.jsonl`` or ``.ndjson`` file in UTF-8.
        text_column: The column with the text; found by its usual names if not given.

    Yields:
        The rows, in order; the file is never in memory as a whole.

    Raises:
        InputError: The file is missing or of another kind, or a row of it is broken; the message names the row.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path} has the suffix {suffix!r}: expected one of {', '.join(SUFFIXES)}")
    try:
        with path.open("rb") as stream:
            if suffix == ".txt":
                yield from read_lines(stream, str(path))
            elif suffix in (".csv", ".tsv"):
                yield from _read_csv(stream, str(path), "\t" if suffix == ".tsv" else ",", text_column)
            else:
                yield from _read_json_lines(stream, str(path), text_column)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def read_lines(stream: IO[bytes], name: str) -> Iterator[Row]:
    """Reads a text a line; an empty line is an empty text, so that the answers stay in step with the lines.

    Raises:
        InputError: A line is not UTF-8.
    """
    for _, line in _lines(stream, name):
        yield Row(line, {"text": line})


def classify_rows(
    classify: Predictor, rows: Iterable[Row], top_k: int | None = None, window: int = WINDOW_TEXTS
) -> Iterator[tuple[Row, Prediction]]:
    """Pairs each row with its prediction, in order and in bounded memory; see ``Predictor.stream``."""
    waiting: deque[Row] = deque()

    def texts() -> Iterator[str]:
        for row in rows:
            waiting.append(row)
            yield row.text

    for prediction in classify.stream(texts(), top_k, window=window):
        yield waiting.popleft(), prediction


def _lines(stream: IO[bytes], name: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(stream, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name}, line {number}: {error.reason} at byte {error.start}: expected UTF-8"
            ) from None
        yield number, text.rstrip("\r\n")


def _read_csv(stream: IO[bytes], name: str, delimiter: str, column: str | None) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_FIELD)
    lines = (text + "\n" for _, text in _lines(stream, name))
    reader = csv.DictReader(lines, delimiter=delimiter, strict=True)
    number = 0
    try:
        chosen = _choose(name, list(reader.fieldnames or []), column)
        for number, values in enumerate(reader, 1):
            if None in values or None in values.values():
                expected = len(reader.fieldnames or [])
                raise InputError(f"{name}, row {number}: expected {expected} columns, as in the header")
            yield _row(name, number, values, chosen)
    except csv.Error as error:
        raise InputError(f"{name}, row {number + 1}: not readable as CSV: {error}") from None


def _read_json_lines(stream: IO[bytes], name: str, column: str | None) -> Iterator[Row]:
    chosen = column
    for number, line in _lines(stream, name):
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name}, row {number}: not readable as JSON: {error}") from None
        if not isinstance(values, dict):
            raise InputError(f"{name}, row {number}: expected a JSON object, found {line:.40}")
        chosen = chosen or _choose(name, list(values), None)
        yield _row(name, number, values, chosen)


def _choose(name: str, columns: list[str], wanted: str | None) -> str:
    """Gives the column that holds the text."""
    if not columns:
        raise InputError(f"{name} is empty: expected a header and rows")
    if wanted is not None and wanted not in columns:
        raise InputError(f"{name} has no column {wanted!r}: it has {', '.join(columns)}")
    usual = {column.lower(): column for column in reversed(columns)}
    found = next((usual[known] for known in TEXT_COLUMNS if known in usual), None)
    chosen = wanted or found or (columns[0] if len(columns) == 1 else None)
    if chosen is None:
        raise InputError(
            f"{name}: which column holds the text? It has {', '.join(columns)}: name one by --text-column"
        )
    return chosen


def _row(name: str, number: int, values: Mapping[str, Any], column: str) -> Row:
    if column not in values:
        raise InputError(f"{name}, row {number}: the column {column!r} is missing")
    text = values[column]
    try:
        text.encode("utf-8")
    except (AttributeError, UnicodeEncodeError):
        raise InputError(f"{name}, row {number}: {explain(text, 'the text')}") from None
    return Row(text, values)
