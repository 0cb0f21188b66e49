"""A teacher: another checkpoint, whose fp32 answers a student's candidates are held against (``--reference``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgetext.checkpoint import Checkpoint, open_checkpoint
from edgetext.data.cut import same_text
from edgetext.data.example import Example
from edgetext.data.held_out import held_out
from edgetext.errors import DataError, InputError, ModelError
from edgetext.progress import Progress
from edgetext.reading import listed
from edgetext.task import MultiLabel, Task, make_task

if TYPE_CHECKING:
    from edgetext.export.workshop import Workshop


@dataclass(frozen=True)
class Reference:
    """Another model of the same labels.

    Attributes:
        checkpoint: What it was opened from.
        task: What it decides, with the student's labels in their order.
    """

    checkpoint: Checkpoint
    task: Task

    @property
    def name(self) -> str:
        """The folder's name, not its path, which tells of the machine."""
        return self.checkpoint.path.resolve().name


def open_teacher(path: Path, student: Checkpoint) -> Reference:
    """Opens a checkpoint as a student's teacher; the order of labels may be another.

    Raises:
        ModelError: It is no checkpoint, or decides another task or among other labels.
    """
    teacher = open_checkpoint(path)
    theirs, ours = teacher.task, student.task
    if theirs.name != ours.name:
        one, many = (path, student.path) if theirs.one_label else (student.path, path)
        raise ModelError(
            f"{one} gives one label to each text, {many} any number: --reference wants a model of the same task"
        )
    if other := sorted(set(theirs.labels) ^ set(ours.labels)):
        raise ModelError(
            f"{path} and {student.path} know different labels, such as {listed(other[:3])}: "
            "--reference wants a checkpoint of the same labels"
        )
    thresholds: tuple[float, ...] = ()
    if isinstance(theirs, MultiLabel) and theirs.thresholds:
        thresholds = tuple(theirs.thresholds[theirs.index[label]] for label in ours.labels)
    return Reference(teacher, make_task(type(theirs), ours.labels, theirs.temperature, thresholds))


def unseen_rows(teacher: Reference, rows: Sequence[Example], progress: Progress) -> tuple[Example, ...]:
    """Leaves out the held-out rows that the teacher was trained on: it would look better than it is.

    Args:
        teacher: Its split names the rows.
        rows: Those that the student was not trained on.
        progress: Told how many were left out, or that nobody can say.

    Raises:
        DataError: The teacher's training rows are not where they were.
        InputError: No row is left.
    """
    path, split = teacher.checkpoint.path, teacher.checkpoint.split
    if split is None:
        progress.note(f"{path} does not say what it was trained on: give --data with rows that it has not seen")
        return tuple(rows)
    try:
        seen = {same_text(row.text) for row in held_out(split, "train")}
    except DataError as error:
        raise DataError(
            f"{path} was trained on rows that must not judge, and they cannot be read: {error}"
        ) from None
    left = tuple(row for row in rows if same_text(row.text) not in seen)
    if not left:
        raise InputError(
            f"{path} was trained on all {len(rows)} held-out rows: give --data with rows that neither has seen"
        )
    if len(left) < len(rows):
        progress.note(f"left out {len(rows) - len(left)} held-out rows that {path} was trained on")
    return left


def with_teacher(shop: Workshop, teacher: Reference) -> Workshop:
    """Asks the teacher for the held-out texts, and has the workshop's candidates held against its answers.

    Texts without labels do not decide then: the student may have learned the teacher's answers to these very texts.

    Raises:
        ModelError: The teacher cannot be loaded whole.
    """
    from edgetext.export.gate import Against
    from edgetext.foreign.answers import torch_logits

    own = teacher.checkpoint
    logits = torch_logits(own.path, shop.texts, own.max_length, shop.progress, extra="export")
    order = [own.task.index[label] for label in teacher.task.labels]
    if shop.unlabelled:
        why = "its answers to them may have been learned"
        shop.progress.note(f"texts without labels do not decide against {teacher.name}: {why}")
    answers = teacher.task.probabilities(logits[:, order])
    return replace(shop, unlabelled=(), reference=answers, against=Against(teacher.name, teacher.task))
