"""Which rows the bench predicts: never one that the checkpoint was trained on, as far as its split tells."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, replace
from typing import Unpack

from edgetext.bench.results import DataInfo
from edgetext.checkpoint import Checkpoint
from edgetext.data.evaluation import EVERY_ROW, check_labels, evaluation_rows
from edgetext.data.example import Example
from edgetext.data.settings import ColumnChoice
from edgetext.errors import DataError, InputError
from edgetext.task import Task, parts_of

_NOTES = {
    "test": "The test rows, by which nothing was chosen",
    "validation": "The validation rows, by which the best epoch was chosen: accuracies are a little flattered",
}


@dataclass(frozen=True)
class HeldOut:
    """Rows to predict.

    Attributes:
        name: What a reader calls them.
        examples: The rows.
        note: Where they come from, as a sentence.
    """

    name: str
    examples: tuple[Example, ...]
    note: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 over texts and labels, in order, as hexadecimal digits."""
        digest = hashlib.sha256()
        for example in self.examples:
            row = "\x1f".join(("\x1d".join(parts_of(example.text)), *sorted(example.labels)))
            digest.update(f"{row}\x1e".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def find_held_out(
    checkpoint: Checkpoint | None,
    data: str | None = None,
    *,
    limit: int | None = None,
    seed: int = 0,
    **columns: Unpack[ColumnChoice],
) -> HeldOut:
    """Finds the rows to predict.

    Args:
        checkpoint: The baseline, whose split says which rows were held out.
        data: A file of labelled text. One that the split knows gives its held-out rows, any other one all its rows.
            Without it, the rows that the split names are read from where they lay.
        limit: Keeps so many rows, drawn at random.
        seed: Of that drawing.
        columns: Those of ``data``, where they have unusual names (see ``evaluation_rows``).

    Raises:
        DataError: The file cannot be read, has changed, or holds training rows only.
        InputError: There is neither data nor a checkpoint with a split, or the limit is not positive.
    """
    split = checkpoint.split if checkpoint else None
    if data is None and split is None:
        raise InputError("there are no held-out rows to predict: give --data, or a --baseline that has a split")
    found = evaluation_rows(split, tuple(_NOTES), data, **columns)
    if found.part != EVERY_ROW:
        rows = HeldOut(f"{found.name} ({found.part})", found.examples, _NOTES[found.part])
    else:
        why = (
            "the checkpoint was not split from this file" if split else "no checkpoint tells which were trained on"
        )
        rows = HeldOut(found.name, found.examples, "; ".join((f"All rows of the file: {why}", *found.notes)))
    return rows if limit is None else _limited(rows, limit, seed)


def describe_data(rows: HeldOut, task: Task, owner: str) -> DataInfo:
    """Describes the held-out rows without their texts.

    Args:
        rows: The rows.
        task: What the models decide.
        owner: What to call the models in an error.

    Raises:
        DataError: There is no row, none bears a label, or one bears a label that the models do not know.
    """
    if not rows.examples:
        raise DataError(f"{rows.name}: there is no row to predict")
    check_labels(rows.examples, task.labels, owner, one_label=task.one_label)
    if not any(example.labels for example in rows.examples):
        raise DataError(f"{rows.name}: no row bears any label, so that no answer could be judged")
    data = DataInfo(rows.name, rows.fingerprint, len(rows.examples), task.labels, note=rows.note, task=task.name)
    return replace(data, expected=data.answers(example.labels for example in rows.examples))


def _limited(rows: HeldOut, limit: int, seed: int) -> HeldOut:
    if limit < 1:
        raise InputError(f"limit must be at least 1, found {limit}")
    if limit >= len(rows.examples):
        return rows
    kept = sorted(random.Random(seed).sample(range(len(rows.examples)), limit))
    note = f"{rows.note}; {limit} of {len(rows.examples)} rows, drawn at random with seed {seed}"
    return replace(rows, examples=tuple(rows.examples[index] for index in kept), note=note)
