"""The gate: is the int8 model as good as the fp32 one? A paired non-inferiority test with three verdicts.

Both models answer the same held-out texts. What was lost, of accuracy or of macro F1 for multi label, has an
interval (``edgetext.metrics.paired``, ``edgetext.metrics.macro_f1``), which is held against the margin,
``--max-drop``:

- *passed*: the whole interval lies below the margin, so the loss is shown to be smaller than it;
- *failed*: the estimate itself is above the margin;
- *undecided*: anything else. There were too few texts to tell; the gate never passes for lack of data.

Where several candidates are held against the same texts, the interval is widened for it (Bonferroni), so that the
chance of letting any bad one through stays what it is for one. ``docs/gate.md`` has the whole method.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from edgetext.export.settings import DEFAULT_MAX_DROP
from edgetext.metrics.calibration import calibration_error, multi_label_calibration_error
from edgetext.metrics.paired import CONFIDENCE, PairedDifference, count_pairs, score_difference

if TYPE_CHECKING:
    from edgetext.metrics.macro_f1 import MacroF1Difference

_MOST_ROWS = 10_000_000  # beyond this, "more rows" is no advice

Probabilities = npt.NDArray[np.float32]
Truth = Sequence[int] | npt.NDArray[np.int64] | npt.NDArray[np.bool_]
Decision = Literal["passed", "failed", "undecided"]
Metric = Literal["accuracy", "macro F1"]

_METHODS: dict[Metric, str] = {
    "accuracy": "Tango 1998 score interval",
    "macro F1": "BCa bootstrap over texts, widened for what they cannot show",
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
        metric: ``accuracy``, or ``macro F1`` for multi label.
        comparisons: How many looks at these texts there are; the interval allows for them.
        confidence: Of the interval, two-sided.
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
    metric: Metric = "accuracy"
    comparisons: int = 1
    confidence: float = CONFIDENCE

    @property
    def sentence(self) -> str:
        """The verdict for people."""
        verb = "lost" if self.loss >= 0 else "gained"
        among = f", one of {self.comparisons} looks at these texts" if self.comparisons > 1 else ""
        lost = (
            f"int8 {verb} {_points(abs(self.loss))} of {self.metric} on {self.rows} held-out texts "
            f"({_percent(self.confidence)} interval of the loss {_points(self.loss_low, False)} to "
            f"{_points(self.loss_high)}, margin {_points(self.max_drop)}{among})"
        )
        if self.decision != "undecided":
            return f"{self.decision}: {lost}"
        if self.rows_to_settle is None:
            return f"undecided: {lost}; it is too close to the margin for more texts to settle it"
        return f"undecided: {lost}; about {self.rows_to_settle} texts would settle it"

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
        }


def judge(
    reference: Probabilities,
    candidate: Probabilities,
    truth: Truth,
    max_drop: float = DEFAULT_MAX_DROP,
    *,
    comparisons: int = 1,
    thresholds: Sequence[float] | None = None,
) -> Verdict:
    """Holds a candidate against the reference on texts that the model was not trained on.

    Args:
        reference: Probabilities of the fp32 model, float32, shape (texts, labels).
        candidate: Probabilities of the int8 model on the same texts, same shape.
        truth: The right class index of each text; multi label: whether a text bears a label, bool, same shape as
            the probabilities.
        max_drop: The margin: how much accuracy, or macro F1, may be lost, as a share above 0.
        comparisons: How many candidates are held against these texts, this one included.
        thresholds: Multi label: the probability from which on a label is given, one a label.

    Raises:
        ValueError: The shapes differ, there are no texts, the margin is not between 0 and 1, there is less than one
            comparison, or no text bears any label.
    """
    _check(reference, candidate, truth, max_drop, comparisons, thresholds)
    confidence = 1 - (1 - CONFIDENCE) / comparisons
    if thresholds is None:
        found = _single_label(reference, candidate, np.asarray(truth), confidence)
    else:
        found = _multi_label(reference, candidate, np.asarray(truth, bool), thresholds, confidence)
    loss, high = 0.0 - found.difference.value, 0.0 - found.difference.low
    decision = _decide(loss, high, max_drop)
    change = np.abs(reference - candidate)
    return Verdict(
        decision=decision,
        max_drop=max_drop,
        rows=len(truth),
        accuracy_reference=found.reference,
        accuracy=found.candidate,
        loss=loss,
        loss_low=0.0 - found.difference.high,
        loss_high=high,
        agreement=found.agreement,
        mean_change=float(change.mean()),
        largest_change=float(change.max()),
        calibration_error_reference=found.calibration[0],
        calibration_error=found.calibration[1],
        rows_to_settle=_rows_to_settle(len(truth), found, max_drop) if decision == "undecided" else None,
        metric=found.metric,
        comparisons=comparisons,
        confidence=confidence,
    )


@dataclass(frozen=True)
class _Found:
    """What the texts show.

    Attributes:
        metric: Of which the rest speaks.
        reference: The metric of the reference.
        candidate: The metric of the candidate.
        difference: The candidate's less the reference's, with its interval.
        agreement: Share of texts with the same answer.
        calibration: Calibration error of the reference and of the candidate.
        high_at: Where the interval of the loss would end with so many texts at the same rates.
    """

    metric: Metric
    reference: float
    candidate: float
    difference: PairedDifference | MacroF1Difference
    agreement: float
    calibration: tuple[float, float]
    high_at: Callable[[int], float]


def _single_label(
    reference: Probabilities, candidate: Probabilities, right: npt.NDArray[np.int64], confidence: float
) -> _Found:
    first, second = reference.argmax(axis=1), candidate.argmax(axis=1)
    counts = count_pairs((first == right).tolist(), (second == right).tolist())
    return _Found(
        metric="accuracy",
        reference=float((first == right).mean()),
        candidate=float((second == right).mean()),
        difference=score_difference(counts, confidence),
        agreement=float((first == second).mean()),
        calibration=(calibration_error(reference, right), calibration_error(candidate, right)),
        high_at=lambda rows: -score_difference(counts.scaled(rows), confidence).low,
    )


def _multi_label(
    reference: Probabilities,
    candidate: Probabilities,
    truth: npt.NDArray[np.bool_],
    thresholds: Sequence[float],
    confidence: float,
) -> _Found:
    # Here, since scipy takes a second to load and single-label exports do without it.
    from edgetext.metrics.macro_f1 import macro_f1_difference

    limits = np.asarray(thresholds, np.float32)
    first, second = reference >= limits, candidate >= limits
    difference = macro_f1_difference(truth, first, second, confidence)
    calibration = [multi_label_calibration_error(answers, truth) for answers in (reference, candidate)]
    return _Found(
        metric="macro F1",
        reference=difference.reference,
        candidate=difference.candidate,
        difference=difference,
        agreement=float((first == second).all(axis=1).mean()),
        calibration=(calibration[0], calibration[1]),
        high_at=lambda rows: -difference.scaled(rows / len(truth)).low,
    )


def _check(
    reference: Probabilities,
    candidate: Probabilities,
    truth: Truth,
    max_drop: float,
    comparisons: int,
    thresholds: Sequence[float] | None,
) -> None:
    right = np.shape(truth)
    expected = reference.shape[:1] if thresholds is None else reference.shape
    if reference.shape != candidate.shape or right != expected or not len(reference):
        raise ValueError(f"shapes differ: {reference.shape}, {candidate.shape} and {right} right answers")
    if thresholds is not None and len(thresholds) != reference.shape[1]:
        raise ValueError(f"expected {reference.shape[1]} thresholds, found {len(thresholds)}")
    if not 0 < max_drop < 1:
        raise ValueError(f"max_drop must lie between 0 and 1, found {max_drop}")
    if comparisons < 1:
        raise ValueError(f"comparisons must be at least 1, found {comparisons}")


def _decide(loss: float, loss_high: float, max_drop: float) -> Decision:
    if loss > max_drop:
        return "failed"
    return "passed" if loss_high < max_drop else "undecided"


def _rows_to_settle(rows: int, found: _Found, max_drop: float) -> int | None:
    """The smallest number of texts at which the same rates would pass, to the nearest power of 1.1."""
    while rows < _MOST_ROWS:
        rows = rows + max(1, rows // 10)
        if found.high_at(rows) < max_drop:
            return rows
    return None


def _percent(confidence: float) -> str:
    return f"{100 * confidence:.4g} %"


def _points(share: float, unit: bool = True) -> str:
    value = f"{round(100 * share, 2) + 0.0:.2f}".replace("-0.00", "0.00")
    if not unit:
        return value
    return f"{value} point" if value == "1.00" else f"{value} points"
