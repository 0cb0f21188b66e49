"""What other parts do not tell yet, in one place, to be dropped when they do.

``task_of(manifest)`` is ``manifest.decides``, ``task_of(checkpoint)`` is ``checkpoint.task``, ``check_known`` is
``edgetext.data.evaluation.check_labels``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgetext.data.example import Example
from edgetext.errors import DataError
from edgetext.task import TASKS, MultiLabel, SingleLabel, Task


def task_of(owner: Any) -> Task:
    """Finds the task of a manifest or of a checkpoint."""
    told = getattr(owner, "decides", None) or getattr(owner, "task", None)
    if isinstance(told, Task):
        return told
    kind = TASKS[told] if isinstance(told, str) else SingleLabel
    if kind is MultiLabel:
        return MultiLabel(tuple(owner.labels), thresholds=tuple(owner.thresholds or ()))
    return SingleLabel(tuple(owner.labels))


def check_known(examples: Sequence[Example], task: Task, owner: str) -> None:
    """Refuses rows whose labels the model cannot give.

    Raises:
        DataError: A row has another label, or not exactly one where the model gives one.
    """
    for example in examples:
        if task.one_label and len(example.labels) != 1:
            raise DataError(
                f"row {example.row} has {len(example.labels)} labels, and {owner} gives one to each text"
            )
        unknown = next((label for label in example.labels if label not in task.index), None)
        if unknown is not None:
            some = ", ".join(task.labels[:5]) + (", ..." if len(task.labels) > 5 else "")
            raise DataError(
                f"row {example.row} has the label {unknown!r}, which {owner} does not know: expected one of {some}"
            )
