"""Texts without labels at the gate: how many, which the model has seen, and where they cannot decide."""

from __future__ import annotations

from edgetext.checkpoint import SplitRecord
from edgetext.data.held_out import held_out
from edgetext.errors import DataError
from edgetext.progress import Progress
from edgetext.task import Task, Text

MOST_JUDGED = 3000
"""Texts that the gate looks at: with so many, five changed answers in a thousand still pass at one point."""


def trained_texts(split: SplitRecord | None, progress: Progress) -> tuple[Text, ...]:
    """Reads every text that a checkpoint's split names, as far as the files are still there.

    Args:
        split: The checkpoint's; ``None`` for one that others made.
        progress: Told where nobody can say what the model was trained on.
    """
    try:
        if split is None:
            raise DataError("the checkpoint does not name its training rows")
        return tuple(row.text for part in split.parts for row in held_out(split, part))
    except DataError as error:
        progress.note(f"texts without labels that the model was trained on cannot be told from others: {error}")
        return ()


def refuse_judging(task: Task) -> str:
    """Says why texts without labels cannot decide at the gate; empty where they can."""
    if task.one_label:
        return ""
    return (
        f"texts without labels do not decide at the gate here: a changed answer may cost more {task.metric} than "
        "its share of the texts"
    )
