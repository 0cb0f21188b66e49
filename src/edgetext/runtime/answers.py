"""Predictions written down: as plain lines, as JSON Lines, or as CSV with the columns of the input kept."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from edgetext.errors import InputError, OutputExistsError
from edgetext.runtime.prediction import Prediction
from edgetext.runtime.rows import Row

Write = Callable[[Row, Prediction], None]

SUFFIXES = (".csv", ".jsonl")


def plain_line(row: Row, prediction: Prediction, top_k: int | None = None) -> str:
    """Gives ``label<TAB>score<TAB>text`` on one line; with ``top_k``, that many labels and scores.

    For multi label the label is a list with commas, or ``-`` when no label reached its threshold.
    """
    if top_k is None:
        fields = [",".join(prediction.labels) or "-", f"{prediction.score:.4f}"]
    else:
        fields = [part for label, score in prediction.scores.items() for part in (label, f"{score:.4f}")]
    return "\t".join([*fields, " ".join(row.text.split())])


def json_line(row: Row, prediction: Prediction) -> str:
    """Gives one JSON object with ``label``, ``score``, ``scores``, ``labels``, ``truncated`` and ``text``."""
    value = {
        "label": prediction.label,
        "score": prediction.score,
        "scores": dict(prediction.scores),
        "labels": list(prediction.labels),
        "truncated": prediction.truncated,
        "text": row.text,
    }
    return json.dumps(value, ensure_ascii=False)


def check_output(target: Path, *, overwrite: bool) -> None:
    """Refuses a place that cannot be written to, before any work is done.

    Raises:
        InputError: The suffix is not known, or the folder is missing.
        OutputExistsError: The file exists and ``overwrite`` is off.
    """
    if target.suffix.lower() not in SUFFIXES:
        raise InputError(f"{target} has the suffix {target.suffix!r}: expected one of {', '.join(SUFFIXES)}")
    if target.is_dir():
        raise OutputExistsError(f"{target} is a folder: name a file for --output")
    if target.exists() and not overwrite:
        raise OutputExistsError(
            f"{target} already exists: add --overwrite to replace it, or choose another --output"
        )
    if not target.parent.is_dir():
        raise InputError(f"{target.parent} is not a folder: make it, or choose another --output")


@contextmanager
def answers_file(target: Path) -> Iterator[Write]:
    """Gives a function that adds one row to a file, which appears whole when the block ends without an error.

    The input's columns are kept; ``predicted_label`` and ``predicted_score`` are added, and in JSON Lines
    ``predicted_scores`` too.

    Args:
        target: A ``.csv`` or ``.jsonl`` file; see ``check_output``.

    Raises:
        InputError: The folder cannot be written to, or the input has a column of an added name.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".unfinished", dir=target.parent)
    except OSError as error:
        raise InputError(f"cannot write to {target.parent}: {error.strerror}; choose another --output") from None
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            yield _csv_writer(stream) if target.suffix.lower() == ".csv" else _json_writer(stream)
        beside.chmod(0o644)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _json_writer(stream: IO[str]) -> Write:
    def write(row: Row, prediction: Prediction) -> None:
        added = {**_added(prediction), "predicted_scores": dict(prediction.scores)}
        stream.write(json.dumps(_merged(row.columns, added), ensure_ascii=False) + "\n")

    return write


def _csv_writer(stream: IO[str]) -> Write:
    writer: csv.DictWriter[str] | None = None

    def write(row: Row, prediction: Prediction) -> None:
        nonlocal writer
        values = _merged(row.columns, _added(prediction))
        if writer is None:
            writer = csv.DictWriter(stream, list(values), extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
        writer.writerow(values)

    return write


def _added(prediction: Prediction) -> dict[str, Any]:
    label = ",".join(prediction.labels) if len(prediction.labels) != 1 else prediction.labels[0]
    return {"predicted_label": label, "predicted_score": prediction.score}


def _merged(columns: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    taken = [name for name in added if name in columns]
    if taken:
        raise InputError(f"the input has a column {taken[0]!r}, which is to be added: rename it first")
    return {**columns, **added}
