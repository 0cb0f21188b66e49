"""What the gate says of a candidate: a value, a sentence for people, and what the manifest keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from edgetext.metrics.paired import CONFIDENCE

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
    metric: str = "accuracy"
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
        """Gives the verdict as the manifest keeps it."""
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


def _percent(confidence: float) -> str:
    return f"{100 * confidence:.4g} %"


def _points(share: float, unit: bool = True) -> str:
    value = f"{round(100 * share, 2) + 0.0:.2f}".replace("-0.00", "0.00")
    if not unit:
        return value
    return f"{value} point" if value == "1.00" else f"{value} points"
