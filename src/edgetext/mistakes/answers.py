"""What a model answers on labelled rows: a checkpoint by torch, a bundle by ``Predictor``, which needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgetext.checkpoint import SplitRecord, open_checkpoint
from edgetext.data.evaluation import EVERY_ROW, EvaluationRows, check_labels, evaluation_rows
from edgetext.data.settings import ColumnChoice
from edgetext.errors import InputError
from edgetext.foreign.answers import torch_logits
from edgetext.progress import Progress
from edgetext.runtime.bundle import holds_bundle
from edgetext.runtime.hub import is_hub_name
from edgetext.runtime.predictor import Predictor
from edgetext.task import FloatArray, Task

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_NOTES = {
    TEST: "The test rows, by which nothing was chosen",
    VALIDATION: "The validation rows, by which the best epoch was chosen: the figures are a little flattered",
    TRAIN: "The rows that it was trained on: the figures are flattered, and say little of new texts",
}
_CHUNK = 256  # texts between two steps of the progress


@dataclass(frozen=True)
class Question:
    """Whose answers are looked at, and on which rows.

    Attributes:
        model: The folder of a checkpoint or a bundle, or a bundle's name on the Hub.
        data: Labelled rows; by default those that the checkpoint's split names.
        part: ``train``, ``validation`` or ``test`` of that split; by default test, or else validation.
        checkpoint: For a bundle: what it was made of, whose split says which rows were held out.
        variant: For a bundle: which of its models answers; its default one where ``None``.
        columns: Those of ``data``, where they have other names than in training.
    """

    model: str
    data: str | None = None
    part: str | None = None
    checkpoint: Path | None = None
    variant: str | None = None
    columns: ColumnChoice = field(default_factory=lambda: ColumnChoice())


@dataclass(frozen=True)
class Answered:
    """Labelled rows with a model's answers.

    Attributes:
        model: What to call it.
        kind: ``checkpoint``, or ``bundle`` and the variant.
        rows: The rows.
        note: Where they come from and what that means, as a sentence.
        task: What the model decides.
        probabilities: Float32, shape (rows, labels).
        training: What ``training.json`` says; empty where nobody knows.
    """

    model: str
    kind: str
    rows: EvaluationRows
    note: str
    task: Task
    probabilities: FloatArray
    training: Mapping[str, Any] = field(default_factory=dict)


def answer(question: Question, progress: Progress) -> Answered:
    """Reads the rows and asks the model.

    Raises:
        InputError: The model cannot be opened, there are no rows to ask it about, or it does not know one of their
            labels.
        MissingExtraError: It is a checkpoint, and the ``train`` extra is not installed.
    """
    if not is_hub_name(question.model) and not Path(question.model).is_dir():
        raise InputError(f"{question.model} is not a folder: give a checkpoint or a bundle")
    if holds_bundle(question.model):
        return _of_bundle(question, progress)
    return _of_checkpoint(question, progress)


def _of_checkpoint(question: Question, progress: Progress) -> Answered:
    for option, given in (("--checkpoint", question.checkpoint), ("--variant", question.variant)):
        if given is not None:
            raise InputError(f"{question.model} is a checkpoint, and {option} goes with a bundle: leave it out")
    checkpoint = open_checkpoint(Path(question.model))
    task = checkpoint.task
    rows, note = _rows(question, checkpoint.split, task)
    texts = [example.text for example in rows.examples]
    logits = torch_logits(checkpoint.path, texts, checkpoint.max_length, progress, extra="train")
    return Answered(question.model, "checkpoint", rows, note, task, task.probabilities(logits), checkpoint.training)


def _of_bundle(question: Question, progress: Progress) -> Answered:
    # What a text gets must not depend on its company: an app that asks about it alone gets this answer, too.
    with Predictor(question.model, variant=question.variant, profile="throughput", deterministic=True) as model:
        manifest = model.manifest
        task = model.task
        parent = open_checkpoint(question.checkpoint) if question.checkpoint else None
        rows, note = _rows(question, parent.split if parent else None, task)
        if parent is None and rows.fingerprint in manifest.sources:
            note += "; the bundle was made of this very file, so that rows it was trained on may be among them: "
            note += "--checkpoint CHECKPOINT takes the held-out ones alone"
        texts = [example.text for example in rows.examples]
        found = []
        for start in range(0, len(texts), _CHUNK):
            progress.step("answers", start, len(texts))
            found.append(model.predict_proba(texts[start : start + _CHUNK]))
        progress.step("answers", len(texts), len(texts))
        kind = f"bundle, {model.variant.name}"
    training = parent.training if parent else {}
    return Answered(question.model, kind, rows, note, task, np.concatenate(found), training)


def _rows(question: Question, split: SplitRecord | None, task: Task) -> tuple[EvaluationRows, str]:
    """Reads the rows, and says where they come from."""
    parts = (question.part,) if question.part else (TEST, VALIDATION)
    if question.data is None and not (split and any(part in split.parts for part in parts)):
        found = f"names no {' or '.join(parts)} rows" if split else "does not say which rows were held out"
        raise InputError(
            f"{question.checkpoint or question.model} {found}: give labelled rows that it was not trained on, as "
            "DATA" + ("" if split else ", or for a bundle the --checkpoint that it was made of")
        )
    rows = evaluation_rows(split, parts, question.data, **question.columns)
    if question.part not in (None, rows.part):
        raise InputError(
            f"{question.data} is not the file that the {question.part} rows are from: leave --part out"
        )
    check_labels(rows.examples, task.labels, question.model, one_label=task.one_label)
    if rows.part != EVERY_ROW:
        return rows, _NOTES[rows.part]
    why = "the model was not split from it" if split else "nobody says which ones the model was trained on"
    return rows, "; ".join((f"All rows of the file: {why}", *rows.notes))
