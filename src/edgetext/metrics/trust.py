"""How sure a quick classifier must be of an answer so that a slower model need not be asked for it.

Sources: A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan, L. Lei, "Learn then Test", arXiv 2110.01052;
L. Ringel, R. Cohen, D. Freedman, M. Elad, Y. Romano, "Early Time Classification with Accumulated Accuracy Gap
Control", arXiv 2402.00857, for the gap to the whole model as what is controlled, and for looking apart at the texts
that were answered early. Margins are tried from strict to lax, in an order that no answer's truth has decided, each
at the full level; the first one that is not shown to do ends it (fixed-sequence testing), so that the chance of
choosing one that loses too much is that of one test, however many were tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgetext.metrics.difference import metric_difference
from edgetext.metrics.paired import CONFIDENCE
from edgetext.task import Answers, FloatArray, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARGINS = tuple(round(0.98 - 0.02 * step, 2) for step in range(49))
"""The margins that are tried, from strict to lax; those of multi label end at a half."""

LEAST_COVERAGE = 0.1
"""The share of texts that must be answered for a first stage to be worth its place."""

LABEL_FACTOR = 5
"""How many times the margin of the whole one label may lose: of few texts a label, single ones are many points."""

_STEP = 0.01  # of the texts: a margin that answers hardly more than the one before is not worth a test
_LEAST_LOST = 3  # texts; one or two say nothing of their label
_NEVER = -1.0  # the certainty of an answer that is not trusted at any margin


@dataclass(frozen=True)
class Cascade:
    """What three classifiers answer on the same held-out texts.

    Attributes:
        task: What they decide.
        truth: What is right, as ``task.encode`` has it; so are the answers.
        reference: The answers to keep up with.
        model: Those of the model that is asked where the first stage is not sure.
        first: Those of the first stage.
        certainty: How far each of its answers is from another one, shape (texts,); see ``certainty``.
    """

    task: Task
    truth: Answers
    reference: Answers
    model: Answers
    first: Answers
    certainty: FloatArray

    def answered(self, margin: float) -> NDArray[np.bool_]:
        """Says which texts the first stage answers, shape (texts,)."""
        return np.asarray(self.certainty >= margin)

    def loss_among_answered(self, margin: float) -> float:
        """The metric that the reference has on the texts that the first stage answers, less the first stage's."""
        chosen = self.answered(margin)
        one, other = (
            _score(self.task, self.truth[chosen], given[chosen]) for given in (self.reference, self.first)
        )
        return one - other

    def objection(self, margin: float, max_drop: float, confidence: float = CONFIDENCE) -> str:
        """Says what is wrong with trusting the first stage from this margin on; nothing where all is shown well.

        Args:
            margin: Of the first stage's answers.
            max_drop: How much of the metric the whole may lose, and the texts that the first stage answers.
            confidence: Of the interval of the whole's loss, two-sided.
        """
        chosen = self.answered(margin)
        if not chosen.any():
            return "it answers no text"
        among = self.loss_among_answered(margin)
        if among >= max_drop:
            return f"{_points(among)} are lost among the {int(chosen.sum())} texts that it answers"
        label = harmed_label(self, chosen, LABEL_FACTOR * max_drop)
        if label is not None:
            return f"it loses too many texts of the label {self.task.labels[label]!r}"
        wide = chosen if self.truth.ndim == 1 else chosen[:, None]
        whole = np.where(wide, self.first, self.model)
        found = metric_difference(self.task, self.truth, self.reference, whole, confidence)
        if -found.low >= max_drop:
            return f"the whole may lose up to {_points(-found.low)}, as {len(self.truth)} texts can tell"
        return ""


@dataclass(frozen=True)
class Choice:
    """The laxest margin that is shown to do.

    Attributes:
        margin: ``None`` where not even the strictest one is.
        objection: Why no laxer one was taken, or why none was.
        refused: The margin that it is about; ``None`` where all did, or too few texts were answered at any.
    """

    margin: float | None
    objection: str = ""
    refused: float | None = None


def certainty(task: Task, probabilities: FloatArray, withheld: Sequence[str] = ()) -> FloatArray:
    """Measures how far each answer is from another one; below 0 where it gives a label that is never trusted.

    Args:
        task: What is decided.
        probabilities: Of the first stage, shape (texts, labels).
        withheld: The labels that it is never trusted to give.
    """
    never = task.gives(probabilities, np.isin(task.labels, withheld))
    return np.where(never, np.float32(_NEVER), task.margin(probabilities))


def choose_margin(
    cascade: Cascade, max_drop: float, confidence: float = CONFIDENCE, margins: Sequence[float] = MARGINS
) -> Choice:
    """Chooses the lowest margin from which on the first stage may be trusted.

    Args:
        cascade: The answers on texts that nothing of the three was trained on.
        max_drop: How much of the metric may be lost, by the whole and by the texts that the first stage answers.
        confidence: Two-sided, of each test's interval; half of what is missing to 1 bounds the chance that the
            margin that is chosen loses more than ``max_drop``.
        margins: From strict to lax; the first to be tried is the first that answers enough texts to judge.
    """
    rows = len(cascade.truth)
    best, before = None, 0
    for margin in margins:
        count = int(cascade.answered(margin).sum())
        if count < max(_least_answered(rows, max_drop), before + math.ceil(_STEP * rows)):
            continue
        if objection := cascade.objection(margin, max_drop, confidence):
            return Choice(best, objection, margin)
        best, before = margin, count
    if before:
        return Choice(best)
    return Choice(None, f"it is sure of fewer than {_least_answered(rows, max_drop)} of {rows} texts")


def harmed_label(cascade: Cascade, chosen: NDArray[np.bool_], share: float) -> int | None:
    """Finds a label that loses more than a share of its texts by the first stage, if there is one.

    A label loses a text that bears it and no longer gets it, and a text that gets it and does not bear it; what the
    reference had wrong and the first stage has right is counted against that.

    Args:
        cascade: The answers.
        chosen: The texts that the first stage answers, shape (texts,).
        share: Of the texts that bear the label, and of those that the first stage gives it to.
    """
    missed, misled = label_losses(cascade, chosen)
    worst = np.maximum(missed, misled)
    index = int(worst.argmax())
    return index if worst[index] > share else None


def label_losses(cascade: Cascade, chosen: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Measures what each label loses among texts that the first stage answers.

    Returns:
        For each label the share of the texts that bear it, and of those that are given it, that were right by the
        reference and are wrong now, less the other way round; 0 below three texts.
    """
    task = cascade.task
    truth, reference, first = (bears(task, given) for given in (cascade.truth, cascade.reference, cascade.first))
    missed = _net(truth & ~first, truth & ~reference, chosen)
    misled = _net(~truth & first, ~truth & reference, chosen)
    return _share(missed, truth.sum(axis=0)), _share(misled, first[chosen].sum(axis=0))


def bears(task: Task, answers: Answers) -> NDArray[np.bool_]:
    """Says of each text which labels it gets, shape (texts, labels), for either task."""
    if answers.ndim == 2:
        return answers.astype(bool)
    return np.asarray(answers[:, None] == np.arange(len(task.labels)))


def _net(now: NDArray[np.bool_], before: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.asarray(now[chosen].sum(axis=0) - before[chosen].sum(axis=0))


def _share(lost: NDArray[np.int64], texts: NDArray[np.int64]) -> FloatArray:
    return np.where(lost < _LEAST_LOST, 0, lost / np.maximum(texts, 1)).astype(np.float32)


def _score(task: Task, truth: Answers, answers: Answers) -> float:
    """Accuracy, or micro F1."""
    if task.one_label:
        return float(task.same(truth, answers).mean())
    both, either = int((truth & answers).sum()), int(truth.sum() + answers.sum())
    return 2 * both / either if either else 1.0


def _least_answered(rows: int, max_drop: float) -> int:
    """A tenth of the texts; where there are enough, so many that a single one that is lost refutes nothing."""
    tenth, enough = math.ceil(LEAST_COVERAGE * rows), math.ceil(2 / max_drop)
    return max(tenth, enough) if 2 * enough <= rows else max(1, tenth)


def _points(share: float) -> str:
    return f"{100 * share:.2f} points"
