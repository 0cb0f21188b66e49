"""The gate: is the int8 model as good as the fp32 one? A paired non-inferiority test with three verdicts.

Both models answer the same held-out texts. What was lost, of accuracy or of micro F1 for multi label, has an
interval (``edgetext.metrics.difference``), which is held against the margin, ``--max-drop``:

- *passed*: the whole interval lies below the margin, so the loss is shown to be smaller than it;
- *failed*: the estimate itself is above the margin;
- *undecided*: anything else. There were too few texts to tell; the gate never passes for lack of data.

Texts without labels can show it too: where both models give the same answer nothing is lost, so that a bound on
the share of changed answers (``edgetext.metrics.changed``) bounds the loss of accuracy. A candidate then passes by
either test, and each of the two has half of the error.

Where several candidates are held against the same texts, each gets a part of the error (``error_parts``), so that
the chance of letting any bad one through stays what it is for one. ``docs/gate.md`` has the whole method.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgetext.export.settings import DEFAULT_MAX_DROP
from edgetext.metrics.calibration import calibration_error
from edgetext.metrics.changed import Changed, bound_changed, texts_to_bound
from edgetext.metrics.difference import Difference, metric_difference
from edgetext.metrics.paired import CONFIDENCE
from edgetext.task import Answers, FloatArray, Task

_MOST_ROWS = 10_000_000  # beyond this, "more rows" is no advice

Decision = Literal["passed", "failed", "undecided"]

_METHODS = {
    "accuracy": "Tango 1998 score interval",
    "micro F1": "BCa bootstrap over texts, widened for what they cannot show",
}


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one candidate, and why.

    Attributes:
        decision: ``passed``, ``failed`` or ``undecided``.
        max_drop: The margin, as a share (0.01 is one point).
        rows: How many held-out texts both models answered.
        accuracy_reference: The metric of the reference; for accuracy the share of texts that it has right.
        accuracy: The metric of the candidate.
        loss: ``accuracy_reference - accuracy``; negative where the candidate is better.
        loss_low: Lower end of the interval of the loss.
        loss_high: Upper end of the interval of the loss.
        agreement: Share of texts on which both give the same label (multi label: the same labels), right or wrong.
        mean_change: Mean absolute change of a probability.
        largest_change: Largest absolute change of a probability.
        calibration_error_reference: How far the reference's probabilities are from the shares of right answers.
        calibration_error: The same of the candidate (``edgetext.metrics.calibration``).
        rows_to_settle: Undecided: how many texts would settle it at these rates, ``None`` where no number would.
        metric: The task's: ``accuracy``, or ``micro F1`` for multi label.
        comparisons: Of how many equal parts of the gate's error this look at the texts had one.
        confidence: Of the interval, two-sided.
        changed: How often the candidate answers otherwise than the reference, on the held-out texts and on those
            without labels; ``None`` where there are none of these.
        texts_to_settle: Undecided: how many such texts, with labels or without, would settle it at this rate.
        against: Whose answers the reference's are, where they are not those of the same model in fp32.
        subject: What the sentence calls the candidate.
    """

    decision: Decision
    max_drop: float
    rows: int
    accuracy_reference: float
    accuracy: float
    loss: float
    loss_low: float
    loss_high: float
    agreement: float
    mean_change: float
    largest_change: float
    calibration_error_reference: float
    calibration_error: float
    rows_to_settle: int | None = None
    metric: str = "accuracy"
    comparisons: int = 1
    confidence: float = CONFIDENCE
    changed: Changed | None = None
    texts_to_settle: int | None = None
    against: str = ""
    subject: str = "int8"

    @property
    def sentence(self) -> str:
        """The verdict for people."""
        verb = "lost" if self.loss >= 0 else "gained"
        against = f" against {self.against}" if self.against else ""
        among = ", one of several looks at these texts" if self.comparisons > 1 else ""
        lost = (
            f"{self.subject} {verb} {_points(abs(self.loss))} of {self.metric}{against} on {self.rows} held-out "
            f"texts ({_percent(self.confidence)} interval of the loss {_points(self.loss_low, False)} to "
            f"{_points(self.loss_high)}, margin {_points(self.max_drop)}{among}){self._changed_words}"
        )
        return f"{self.decision}: {lost}" + (self._to_settle if self.decision == "undecided" else "")

    @property
    def _changed_words(self) -> str:
        """What the texts without labels say."""
        if self.changed is None:
            return ""
        found = self.changed
        return (
            f"; it changed the answer to {found.changed} of {found.texts} texts, these and others without labels, "
            f"which bounds the loss by {_points(found.at_most)} ({_percent(found.confidence)} confidence)"
        )

    @property
    def _to_settle(self) -> str:
        """How many texts would settle what is undecided."""
        labelled = " labelled" if self.changed else ""
        ways = [] if self.rows_to_settle is None else [f"{self.rows_to_settle}{labelled} texts"]
        if self.texts_to_settle is not None:
            ways.append(f"{self.texts_to_settle} texts with labels or without")
        if not ways:
            return "; it is too close to the margin for more texts to settle it"
        return f"; about {', or '.join(ways)} would settle it"

    def to_json(self) -> dict[str, Any]:
        """The verdict as the manifest keeps it."""
        how = f"{_METHODS[self.metric]}, two-sided {_percent(self.confidence)} interval"
        return {
            "verdict": self.decision,
            "sentence": self.sentence,
            "method": f"paired non-inferiority, {how}",
            "metric": self.metric,
            "max_drop": self.max_drop,
            "rows": self.rows,
            "accuracy_fp32": self.accuracy_reference,
            "accuracy": self.accuracy,
            "loss": {
                "value": self.loss,
                "low": self.loss_low,
                "high": self.loss_high,
                "confidence": self.confidence,
            },
            "comparisons": self.comparisons,
            "agreement": self.agreement,
            "probability_change": {"mean": self.mean_change, "largest": self.largest_change},
            "calibration_error_fp32": self.calibration_error_reference,
            "calibration_error": self.calibration_error,
            "rows_to_settle": self.rows_to_settle,
            **self._only_where_given(),
        }

    def _only_where_given(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.changed is not None:
            found["changed_answers"] = {**self.changed.to_json(), "texts_to_settle": self.texts_to_settle}
        if self.against:
            found["against"] = self.against
        return found


@dataclass(frozen=True)
class Against:
    """Another model, whose answers candidates are held against in place of their own fp32 graph's.

    Attributes:
        name: What verdicts call it.
        task: What it decides: the candidates' labels in their order, with a temperature and thresholds of its own.
    """

    name: str
    task: Task


def error_parts(looks: int) -> tuple[int, ...]:
    """Shares the gate's error among looks at the same texts: half for the first, half of the rest for the next.

    The parts make a whole, so that by adding up (Bonferroni, with the weights that W. Holm's and B. Wiens's
    procedures allow) any bad candidate passes with the chance of a single one. The first is the most likely to be
    shipped, and has the most to gain from a narrow interval.

    Args:
        looks: How many candidates are held against the texts, at least 1.

    Returns:
        For each look, of how many equal parts of the error it has one: ``(2, 4, 4)`` for three.
    """
    return (*(2**place for place in range(1, looks)), 2 ** (looks - 1))


def look_confidence(comparisons: int, tests: int = 1) -> float:
    """The two-sided confidence of the interval of a look.

    Args:
        comparisons: Of how many equal parts of the error it has one.
        tests: By how many tests a candidate may pass.
    """
    return 1 - (1 - CONFIDENCE) / (comparisons * tests)


def one_sided(confidence: float) -> float:
    """The confidence of one end of a two-sided interval."""
    return (1 + confidence) / 2


def judge(
    task: Task,
    reference: FloatArray,
    candidate: FloatArray,
    truth: Answers,
    max_drop: float = DEFAULT_MAX_DROP,
    *,
    comparisons: int = 1,
    unlabelled: tuple[FloatArray, FloatArray] | None = None,
    against: Against | None = None,
) -> Verdict:
    """Holds a candidate against the reference on texts that the model was not trained on.

    Args:
        task: What the models decide; its metric is held up.
        reference: Probabilities of the fp32 model, float32, shape (texts, labels).
        candidate: Probabilities of the int8 model on the same texts, same shape.
        truth: What is right, as ``task.encode`` has it.
        max_drop: The margin: how much of the metric may be lost, as a share above 0.
        comparisons: Of how many equal parts of the gate's error this look has one (``error_parts``).
        unlabelled: What both say of texts without labels that neither learned from; for accuracy alone.
        against: Whose probabilities ``reference`` has, where they are another model's.

    Raises:
        ValueError: The shapes differ, there are no texts, the margin is not between 0 and 1, there is less than one
            comparison, or no text bears any label; or F1 is to be bounded by texts without labels.
    """
    _check(task, reference, candidate, truth, max_drop, comparisons)
    confidence = look_confidence(comparisons, 1 if unlabelled is None else 2)
    first, second = (against.task if against else task).answers(reference), task.answers(candidate)
    found = metric_difference(task, truth, first, second, confidence)
    same = task.same(first, second)
    changed = None if unlabelled is None else _changed(task, same, unlabelled, one_sided(confidence))
    decision = _decide(found, changed, max_drop)
    change = np.abs(reference - candidate)
    return Verdict(
        decision=decision,
        max_drop=max_drop,
        rows=len(truth),
        accuracy_reference=found.reference,
        accuracy=found.candidate,
        loss=0.0 - found.value,
        loss_low=0.0 - found.high,
        loss_high=0.0 - found.low,
        agreement=float(same.mean()),
        mean_change=float(change.mean()),
        largest_change=float(change.max()),
        calibration_error_reference=calibration_error(task, reference, truth),
        calibration_error=calibration_error(task, candidate, truth),
        rows_to_settle=_rows_to_settle(len(truth), found, max_drop) if decision == "undecided" else None,
        metric=found.metric,
        comparisons=comparisons,
        confidence=confidence,
        changed=changed,
        texts_to_settle=texts_to_bound(changed, max_drop, _MOST_ROWS)
        if changed and decision == "undecided"
        else None,
        against=against.name if against else "",
    )


def _check(
    task: Task, reference: FloatArray, candidate: FloatArray, truth: Answers, max_drop: float, comparisons: int
) -> None:
    wanted = task.answers(reference).shape if reference.shape[1:] == (len(task.labels),) else None
    if reference.shape != candidate.shape or truth.shape != wanted or not len(reference):
        raise ValueError(
            f"shapes differ: {reference.shape}, {candidate.shape} and {truth.shape} right answers "
            f"of {len(task.labels)} labels"
        )
    if not 0 < max_drop < 1:
        raise ValueError(f"max_drop must lie between 0 and 1, found {max_drop}")
    if comparisons < 1:
        raise ValueError(f"comparisons must be at least 1, found {comparisons}")


def _changed(
    task: Task, same: NDArray[np.bool_], unlabelled: tuple[FloatArray, FloatArray], confidence: float
) -> Changed:
    """Bounds how often answers change; the held-out texts count, since they are texts of the same kind."""
    if not task.one_label:
        raise ValueError(f"the share of changed answers does not bound the loss of {task.metric}")
    first, second = map(task.answers, unlabelled)
    both = np.concatenate([same, task.same(first, second)])
    return bound_changed(int((~both).sum()), len(both), confidence)


def _decide(found: Difference, changed: Changed | None, max_drop: float) -> Decision:
    """Either test is enough, unless the labelled texts show the very loss that those without labels rule out."""
    bounded = changed is not None and changed.at_most < max_drop
    if bounded and -found.high <= max_drop:
        return "passed"
    if -found.value > max_drop:
        return "failed"
    return "passed" if -found.low < max_drop else "undecided"


def _rows_to_settle(rows: int, found: Difference, max_drop: float) -> int | None:
    """The smallest number of texts at which the same rates would pass, to the nearest power of 1.1."""
    while rows < _MOST_ROWS:
        rows = rows + max(1, rows // 10)
        if -found.low_at(rows) < max_drop:
            return rows
    return None


def _percent(confidence: float) -> str:
    return f"{100 * confidence:.4g} %"


def _points(share: float, unit: bool = True) -> str:
    value = f"{round(100 * share, 2) + 0.0:.2f}".replace("-0.00", "0.00")
    if not unit:
        return value
    return f"{value} point" if value == "1.00" else f"{value} points"
