"""The first stage: a table of word vectors that is asked before the model, and trusted where it is sure."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgetext.errors import InputError
from edgetext.runtime.static import StaticModel, StaticTable
from edgetext.task import FloatArray, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST_STAGE_CHOICES = ("auto", "off")


class FirstModel:
    """Answers the texts that it is sure of; safe to use from many threads.

    Args:
        table: Its parameters; its logits are calibrated as they are.
        task: What is decided. Its temperature is the model's, so that this one's logits are multiplied by it: the
            same task then makes probabilities of both.
        margin: How far an answer must be from any other to be trusted, see ``Task.margin``.
        withheld: Labels that it is never trusted to give.
    """

    def __init__(self, table: StaticTable, task: Task, margin: float, withheld: Sequence[str] = ()) -> None:
        heat = np.float32(task.temperature)
        self._static = StaticModel(replace(table, weight=table.weight * heat, bias=table.bias * heat))
        self._task = task
        self._margin = margin
        self._withheld = np.isin(task.labels, withheld) if withheld else None

    def one(self, row: Sequence[int]) -> FloatArray | None:
        """Answers one text.

        Args:
            row: Its token ids.

        Returns:
            Its probabilities, float32 of shape (labels,), or ``None`` where the model is to be asked.
        """
        probabilities = self._task.probabilities(self._static.one(row))
        return probabilities if self.trusts(probabilities) else None

    def many(self, rows: Sequence[Sequence[int]], *, alone: bool) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Answers many texts.

        Args:
            rows: Their token ids.
            alone: Whether each gets the very numbers that it gets by itself.

        Returns:
            The logits, float32 of shape (texts, labels), and which of them are to be trusted.
        """
        logits = np.array([self._static.one(row) for row in rows]) if alone and rows else self._static.logits(rows)
        return logits, self.trusts(self._task.probabilities(logits))

    def trusts(self, probabilities: FloatArray) -> NDArray[np.bool_]:
        """Says which answers are given without asking the model; probabilities of shape (..., labels)."""
        sure = self._task.margin(probabilities) >= self._margin
        return sure if self._withheld is None else sure & ~self._task.gives(probabilities, self._withheld)


class AnswerCounts(NamedTuple):
    """How many texts were answered.

    Attributes:
        first: By the first stage.
        model: By the model.
    """

    first: int
    model: int

    @property
    def coverage(self) -> float:
        """The share that the first stage answered, 0 to 1; 0 where nothing was answered."""
        return self.first / max(1, self.first + self.model)


class Tally:
    """Counts answers; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first = self._model = 0

    def add(self, *, first: int = 0, model: int = 0) -> None:
        """Counts some more."""
        with self._lock:
            self._first += first
            self._model += model

    def answered(self) -> AnswerCounts:
        """Returns the counts of one moment."""
        with self._lock:
            return AnswerCounts(self._first, self._model)


def check_first_stage(choice: str) -> None:
    """Raises unless it is one of ``FIRST_STAGE_CHOICES``.

    Raises:
        InputError: It is something else.
    """
    if choice not in FIRST_STAGE_CHOICES:
        raise InputError(f"there is no first_stage {choice!r:.40}: choose one of {', '.join(FIRST_STAGE_CHOICES)}")
