"""Which labelled rows a model may be judged on: never those that it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

from edgetext.checkpoint import DataSource, SplitRecord
from edgetext.data.example import Example, LabelledData
from edgetext.data.held_out import held_out
from edgetext.data.load import load
from edgetext.data.settings import ColumnChoice
from edgetext.errors import DataError

EVERY_ROW = "all rows"
_HELD_OUT = ("validation", "test")


@dataclass(frozen=True)
class EvaluationRows:
    """Labelled texts to judge a model on.

    Attributes:
        examples: The rows.
        name: A short name of the data, for reports.
        fingerprint: Of the file they come from.
        part: ``test``, ``validation``, or ``all rows`` of a file that the checkpoint does not know.
        notes: What was found out about that file, a sentence each.
    """

    examples: tuple[Example, ...]
    name: str
    fingerprint: str
    part: str
    notes: tuple[str, ...] = ()


def evaluation_rows(
    record: SplitRecord | None,
    parts: tuple[str, ...],
    data: str | None = None,
    **chosen: Unpack[ColumnChoice],
) -> EvaluationRows:
    """Finds the held-out rows of a checkpoint, or reads those of another file as the training rows were read.

    Args:
        record: The checkpoint's split; ``None`` for a checkpoint that others made.
        parts: The parts that will do, the preferred one first.
        data: A file to take in place of the one that the record names. Where the record knows it, a held-out part
            of it is taken, a preferred one if it has one; where it does not, all its rows are.
        chosen: The columns of ``data``, where they have other names than those of training and no usual ones.

    Raises:
        DataError: The record names no such part and no data was given, or the file cannot be used, or it holds
            training rows.
    """
    part = next((name for name in parts if record and name in record.parts), None)
    if data is None:
        if record is None or part is None:
            raise DataError(
                f"the checkpoint names no {' or '.join(parts)} rows: give --data with labelled rows "
                "that it was not trained on"
            )
        source = record.sources[record.parts[part].source]
        return EvaluationRows(held_out(record, part), _short_name(source.uri), source.fingerprint, part)
    like = record.sources[record.parts["train"].source] if record and "train" in record.parts else None
    found = load(data, like=like, **chosen)
    if like:
        check_texts(found, like)
    for name in dict.fromkeys((*parts, *_HELD_OUT)):
        if record and name in record.parts:
            source = record.sources[record.parts[name].source]
            if source.fingerprint == found.source.fingerprint:
                return EvaluationRows(held_out(record, name, data), found.name, source.fingerprint, name)
    if record and any(source.fingerprint == found.source.fingerprint for source in record.sources):
        raise DataError(
            f"{data}: the checkpoint was trained on these rows: give a file of rows that it has not seen"
        )
    return EvaluationRows(found.examples, found.name, found.source.fingerprint, EVERY_ROW, found.notes)


def check_texts(found: LabelledData, like: DataSource) -> None:
    """Refuses single texts where a model was trained on pairs, and pairs where it was not.

    Raises:
        DataError: They are of another kind than those of training.
    """
    if (like.text_pair_column is None) != (found.source.text_pair_column is None):
        trained, given = ("pairs of texts", "single ones") if like.text_pair_column else ("single texts", "pairs")
        raise DataError(
            f"{found.source.uri}: the checkpoint was trained on {trained}, and these are {given}: check the columns"
        )


def check_labels(examples: Sequence[Example], labels: Sequence[str], owner: str, *, one_label: bool = True) -> None:
    """Refuses rows whose labels the model cannot give.

    Args:
        examples: The rows.
        labels: The labels that the model knows.
        owner: What to call the model.
        one_label: Whether the model gives exactly one to each text.

    Raises:
        DataError: A row has another label, or not exactly one where the model gives one.
    """
    known = set(labels)
    for example in examples:
        if one_label and len(example.labels) != 1:
            held = ", ".join(repr(label) for label in example.labels[:5]) or "none"
            raise DataError(
                f"row {example.row} has {len(example.labels)} labels ({held}), and {owner} gives one label to each "
                "text: expected one label in each row"
            )
        unknown = next((label for label in example.labels if label not in known), None)
        if unknown is not None:
            some = ", ".join(labels[:5]) + (", ..." if len(labels) > 5 else "")
            raise DataError(
                f"row {example.row} has the label {unknown!r}, which {owner} does not know: expected one of {some}"
            )


def _short_name(uri: str) -> str:
    last = uri.replace("\\", "/").rpartition("/")[2].rpartition(":")[2]
    return last.partition("@")[0].partition(".")[0]
