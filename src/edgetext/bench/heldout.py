"""Which rows the bench predicts: never one that the checkpoint was trained on, as far as its split tells."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Unpack

from edgetext.bench.results import DataInfo
from edgetext.checkpoint import Checkpoint
from edgetext.data.evaluation import EVERY_ROW, check_labels, evaluation_rows
from edgetext.data.example import Example
from edgetext.data.settings import ColumnChoice
from edgetext.errors import DataError, InputError
from edgetext.runtime.bundle import Bundle
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
    others: Sequence[Checkpoint | Bundle] = (),
    limit: int | None = None,
    seed: int = 0,
    **columns: Unpack[ColumnChoice],
) -> HeldOut:
    """Finds the rows to predict.

    Args:
        checkpoint: The baseline, whose split says which rows were held out; where it has none, the first of
            ``others`` that has one does.
        data: A file of labelled text. One that the split knows gives its held-out rows, any other one all its rows.
            Without it, the rows that the split names are read from where they lay.
        others: What else is measured on them; rows that one was trained on, as far as its split tells, are left
            out.
        limit: Keeps so many rows, drawn at random.
        seed: Of that drawing.
        columns: Those of ``data``, where they have unusual names (see ``evaluation_rows``).

    Raises:
        DataError: The file cannot be read, has changed, or holds training rows only.
        InputError: There is neither data nor a checkpoint with a split, or the limit is not positive.
    """
    checkpoints = [one for one in (checkpoint, *others) if isinstance(one, Checkpoint)]
    first = next((one for one in checkpoints if one.split), None)
    split = first.split if first else None
    if data is None and split is None:
        raise InputError("there are no held-out rows to predict: give --data, or a --baseline that has a split")
    found = evaluation_rows(split, tuple(_NOTES), data, **columns)
    if found.part != EVERY_ROW:
        name, note = f"{found.name} ({found.part})", _NOTES[found.part]
    else:
        why = (
            "the checkpoint was not split from this file" if split else "no checkpoint tells which were trained on"
        )
        notes = [
            f"{one.path.name} was made of this very file, and may have seen some of them"
            for one in others
            if isinstance(one, Bundle) and found.fingerprint in one.manifest.sources
        ]
        name, note = found.name, "; ".join((f"All rows of the file: {why}", *notes, *found.notes))
    more = [one for one in checkpoints if one is not first]
    rows = _unseen(HeldOut(name, found.examples, note), found.fingerprint, more)
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


def _unseen(rows: HeldOut, fingerprint: str, checkpoints: Sequence[Checkpoint]) -> HeldOut:
    """Leaves out the rows that any of the checkpoints was trained on.

    Args:
        rows: Those of one file.
        fingerprint: Of that file.
        checkpoints: Those whose splits are asked.
    """
    for checkpoint in checkpoints:
        part = checkpoint.split.parts.get("train") if checkpoint.split else None
        if checkpoint.split is None or part is None:
            continue
        seen = set(part.rows) if checkpoint.split.sources[part.source].fingerprint == fingerprint else set()
        kept = tuple(example for example in rows.examples if example.row not in seen)
        if not kept:
            raise DataError(
                f"{rows.name}: {checkpoint.path} was trained on all of these rows: give --data with rows that none "
                "of the models has seen"
            )
        if left_out := len(rows.examples) - len(kept):
            note = f"{rows.note}; without {left_out} rows that {checkpoint.path.name} was trained on"
            rows = replace(rows, examples=kept, note=note)
    return rows


def _limited(rows: HeldOut, limit: int, seed: int) -> HeldOut:
    if limit < 1:
        raise InputError(f"limit must be at least 1, found {limit}")
    if limit >= len(rows.examples):
        return rows
    kept = sorted(random.Random(seed).sample(range(len(rows.examples)), limit))
    note = f"{rows.note}; {limit} of {len(rows.examples)} rows, drawn at random with seed {seed}"
    return replace(rows, examples=tuple(rows.examples[index] for index in kept), note=note)
