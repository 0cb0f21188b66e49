"""What a classifier decides about a text: the one label that fits, or all that fit.

``SingleLabel`` and ``MultiLabel`` are the only places that know the difference: how labels are encoded, which loss
transformers takes, how logits become probabilities and answers, and which metric says how good the answers are. All
other parts ask the task. numpy only, so that the runtime can.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Text: TypeAlias = str | tuple[str, str]
"""A text, or a pair of texts such as a premise and a hypothesis."""

FloatArray: TypeAlias = "NDArray[np.float32]"
Answers: TypeAlias = "NDArray[np.int64] | NDArray[np.bool_]"
"""What is right, or what was answered, a row a text: a class index, or whether it bears each label."""

HALF = 0.5  # the threshold of a label for which none was tuned


@dataclass(frozen=True)
class Task(ABC):
    """What all tasks have in common.

    Attributes:
        name: As bundles have it.
        problem_type: As transformers has it in ``config.json``; decides the loss.
        metric: The figure that the gate and the bench hold up.
        one_label: Whether a text bears exactly one label, so that its answer is right or wrong.
        labels: By class index.
        temperature: What logits are divided by, so that probabilities are the shares they speak of; 1 where it was
            not fitted.
    """

    name: ClassVar[str]
    problem_type: ClassVar[str]
    metric: ClassVar[str]
    one_label: ClassVar[bool]

    labels: tuple[str, ...]
    temperature: float = 1.0

    @cached_property
    def index(self) -> Mapping[str, int]:
        """The class index of each label."""
        return {label: number for number, label in enumerate(self.labels)}

    @abstractmethod
    def encode(self, rows: Sequence[Sequence[str]]) -> Answers:
        """Encodes the labels of texts, in the form of ``answers``.

        Raises:
            KeyError: A label is not one of the task's.
        """

    @abstractmethod
    def targets(self, rows: Sequence[Sequence[str]]) -> list[Any]:
        """Encodes the labels of texts as the loss takes them: a class index, or a float for each label.

        Raises:
            KeyError: A label is not one of the task's.
        """

    @abstractmethod
    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Makes probabilities of logits, both float32 of shape (..., labels); finite below 2^126 in size."""

    @abstractmethod
    def answers(self, probabilities: FloatArray) -> Answers:
        """Decides on probabilities of shape (texts, labels)."""

    @abstractmethod
    def chosen(self, probabilities: FloatArray) -> tuple[str, ...]:
        """Names the labels that one text gets, the most probable first; probabilities of shape (labels,)."""

    @abstractmethod
    def confidence(self, probabilities: FloatArray) -> FloatArray:
        """How sure each answer is, 0 to 1: the probability of the least sure of its decisions; shape (...,)."""

    @abstractmethod
    def margin(self, probabilities: FloatArray) -> FloatArray:
        """How far each answer is from another one, in probability, 0 to 1; shape (...,)."""

    @abstractmethod
    def same(self, first: Answers, second: Answers) -> NDArray[np.bool_]:
        """Says for each text whether two answers are the same, shape (texts,)."""

    @abstractmethod
    def gives(self, probabilities: FloatArray, labels: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Says for each text whether its answer has one of some labels, shape (...,).

        Args:
            probabilities: Of shape (..., labels).
            labels: Which they are, of shape (labels,).
        """

    @abstractmethod
    def average(self, logits: FloatArray) -> FloatArray:
        """Makes one text's logits, shape (labels,), of those of its windows, shape (windows, labels).

        Their probabilities are the mean of the windows' probabilities, since each window then has the same say,
        while one window with very large logits would outvote all others in a mean of logits.
        """

    def names(self, answers: Answers) -> list[tuple[str, ...]]:
        """Names the labels of each answer, by class index; empty where a text got none."""
        if answers.ndim == 1:
            return [(self.labels[index],) for index in answers.tolist()]
        return [tuple(self.labels[index] for index in np.flatnonzero(row)) for row in answers]

    def _cooled(self, logits: FloatArray) -> FloatArray:
        return logits if self.temperature == 1.0 else logits / np.float32(self.temperature)


@dataclass(frozen=True)
class SingleLabel(Task):
    """A text bears exactly one label: softmax, and the most probable one is the answer."""

    name = "single_label"
    problem_type = "single_label_classification"
    metric = "accuracy"
    one_label = True

    def encode(self, rows: Sequence[Sequence[str]]) -> NDArray[np.int64]:
        """See ``Task``: class indices, shape (texts,)."""
        return np.asarray(self.targets(rows), np.int64)

    def targets(self, rows: Sequence[Sequence[str]]) -> list[int]:
        """See ``Task``: a class index a text, for cross entropy."""
        return [self.index[label] for (label,) in rows]

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """See ``Task``: softmax."""
        cooled = self._cooled(logits)
        powers: FloatArray = np.exp(cooled - cooled.max(axis=-1, keepdims=True))
        powers /= powers.sum(axis=-1, keepdims=True)
        return powers

    def answers(self, probabilities: FloatArray) -> NDArray[np.int64]:
        """See ``Task``: the most probable class's index, shape (texts,)."""
        return np.asarray(probabilities.argmax(axis=-1))

    def chosen(self, probabilities: FloatArray) -> tuple[str, ...]:
        """See ``Task``: the one most probable label."""
        return (self.labels[int(probabilities.argmax())],)

    def confidence(self, probabilities: FloatArray) -> FloatArray:
        """See ``Task``: the probability of the answer."""
        return np.asarray(probabilities.max(axis=-1))

    def margin(self, probabilities: FloatArray) -> FloatArray:
        """See ``Task``: from the best label's probability to the second best's."""
        best = np.partition(probabilities, -2, axis=-1)
        return np.asarray(best[..., -1] - best[..., -2])

    def same(self, first: Answers, second: Answers) -> NDArray[np.bool_]:
        """See ``Task``."""
        return np.asarray(first == second)

    def gives(self, probabilities: FloatArray, labels: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """See ``Task``."""
        return np.asarray(labels[probabilities.argmax(axis=-1)])

    def average(self, logits: FloatArray) -> FloatArray:
        """See ``Task``: logarithms of the mean of the softmaxes."""
        logs = self._cooled(logits)
        logs = logs - np.logaddexp.reduce(logs, axis=1, keepdims=True)
        mean: FloatArray = np.logaddexp.reduce(logs, axis=0) - np.float32(np.log(len(logs)))
        return mean * np.float32(self.temperature)


@dataclass(frozen=True)
class MultiLabel(Task):
    """A text bears any number of labels, none included: a sigmoid and a threshold each.

    Attributes:
        thresholds: The probability from which on a label is given, one a label; a half each where empty.
    """

    name = "multi_label"
    problem_type = "multi_label_classification"
    metric = "micro F1"
    one_label = False

    thresholds: tuple[float, ...] = ()

    @cached_property
    def limits(self) -> FloatArray:
        """The thresholds as an array, float32, shape (labels,)."""
        return np.asarray(self.thresholds or [HALF] * len(self.labels), np.float32)

    def encode(self, rows: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
        """See ``Task``: whether a text bears a label, shape (texts, labels)."""
        encoded = np.zeros((len(rows), len(self.labels)), np.bool_)
        for place, row in enumerate(rows):
            encoded[place, [self.index[label] for label in row]] = True
        return encoded

    def targets(self, rows: Sequence[Sequence[str]]) -> list[list[float]]:
        """See ``Task``: 0.0 or 1.0 for each label, for binary cross entropy."""
        encoded: list[list[float]] = self.encode(rows).astype(np.float32).tolist()
        return encoded

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """See ``Task``: a sigmoid each."""
        # 1 / (1 + exp(-x)), without its overflow
        return np.exp(-np.logaddexp(np.float32(0), -self._cooled(logits)))

    def answers(self, probabilities: FloatArray) -> NDArray[np.bool_]:
        """See ``Task``: whether a label is given, shape (texts, labels)."""
        return np.asarray(probabilities >= self.limits)

    def chosen(self, probabilities: FloatArray) -> tuple[str, ...]:
        """See ``Task``: those that reach their thresholds, possibly none."""
        order = np.argsort(-probabilities, kind="stable")
        return tuple(self.labels[index] for index in order if probabilities[index] >= self.limits[index])

    def confidence(self, probabilities: FloatArray) -> FloatArray:
        """See ``Task``: of a label that is given its probability, of another what is left of 1; the smallest."""
        given = probabilities >= self.limits
        return np.asarray(np.where(given, probabilities, 1 - probabilities).min(axis=-1))

    def margin(self, probabilities: FloatArray) -> FloatArray:
        """See ``Task``: from the label whose probability is nearest to its threshold to that threshold."""
        return np.asarray(np.abs(probabilities - self.limits).min(axis=-1))

    def same(self, first: Answers, second: Answers) -> NDArray[np.bool_]:
        """See ``Task``: all labels alike."""
        return np.asarray((first == second).all(axis=-1))

    def gives(self, probabilities: FloatArray, labels: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """See ``Task``."""
        return np.asarray(((probabilities >= self.limits) & labels).any(axis=-1))

    def average(self, logits: FloatArray) -> FloatArray:
        """See ``Task``: log-odds of the mean of the sigmoids."""
        cooled, zero = self._cooled(logits), np.float32(0)
        yes, no = -np.logaddexp(zero, -cooled), -np.logaddexp(zero, cooled)  # logarithms of p and of 1 - p
        odds: FloatArray = np.logaddexp.reduce(yes, axis=0) - np.logaddexp.reduce(no, axis=0)
        return odds * np.float32(self.temperature)


TASKS: Mapping[str, type[Task]] = {task.name: task for task in (SingleLabel, MultiLabel)}
"""The tasks by their name in a bundle."""

PROBLEM_TYPES: Mapping[str, type[Task]] = {task.problem_type: task for task in TASKS.values()}
"""The tasks by transformers' name for them."""


def make_task(
    kind: type[Task], labels: tuple[str, ...], temperature: float = 1.0, thresholds: tuple[float, ...] = ()
) -> Task:
    """Makes a task of what a checkpoint or a bundle says; thresholds serve multi label alone."""
    return MultiLabel(labels, temperature, thresholds) if kind is MultiLabel else kind(labels, temperature)


def parts_of(text: Text) -> tuple[str, ...]:
    """The text by itself, or both parts of a pair."""
    return (text,) if isinstance(text, str) else text
