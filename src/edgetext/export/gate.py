"""The gate: is the int8 model as good as the fp32 one? A paired non-inferiority test with three verdicts.

Both models answer the same held-out texts. The accuracy lost has a 95 % interval (Tango's score interval for paired
proportions, see ``edgetext.metrics.paired``), which is held against the margin, ``--max-drop``:

- *passed*: the whole interval lies below the margin, so the loss is shown to be smaller than it;
- *failed*: the estimate itself is above the margin;
- *undecided*: anything else. There were too few texts to tell; the gate never passes for lack of data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgetext.metrics.paired import CONFIDENCE, PairedCounts, paired_difference, score_difference

DEFAULT_MAX_DROP = 0.01
_MOST_ROWS = 10_000_000  # beyond this, "more rows" is no advice

Probabilities = npt.NDArray[np.float32]
Decision = Literal["passed", "failed", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one candidate, and why.

    Attributes:
        decision: ``passed``, ``failed`` or ``undecided``.
        max_drop: The margin, as a share (0.01 is one point).
        rows: How many held-out texts both models answered.
        accuracy_reference: Share of texts that the reference has right.
        accuracy: Share of texts that the candidate has right.
        loss: ``accuracy_reference - accuracy``; negative where the candidate is better.
        loss_low: Lower end of the 95 % interval of the loss.
        loss_high: Upper end of the 95 % interval of the loss.
        agreement: Share of texts on which both give the same label, right or wrong.
        mean_change: Mean absolute change of a probability.
        largest_change: Largest absolute change of a probability.
        rows_to_settle: Undecided: how many texts would settle it at these rates, ``None`` where no number would.
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
    rows_to_settle: int | None = None

    @property
    def sentence(self) -> str:
        """The verdict for people."""
        verb = "lost" if self.loss >= 0 else "gained"
        lost = (
            f"int8 {verb} {_points(abs(self.loss))} of accuracy on {self.rows} held-out texts "
            f"(95 % interval of the loss {_points(self.loss_low, False)} to {_points(self.loss_high)}, "
            f"margin {_points(self.max_drop)})"
        )
        if self.decision != "undecided":
            return f"{self.decision}: {lost}"
        if self.rows_to_settle is None:
            return f"undecided: {lost}; it is too close to the margin for more texts to settle it"
        return f"undecided: {lost}; about {self.rows_to_settle} texts would settle it"

    def to_json(self) -> dict[str, Any]:
        """Gives the verdict as the manifest keeps it."""
        return {
            "verdict": self.decision,
            "sentence": self.sentence,
            "method": "paired non-inferiority, Tango 1998 score interval, two-sided 95 % interval",
            "max_drop": self.max_drop,
            "rows": self.rows,
            "accuracy_fp32": self.accuracy_reference,
            "accuracy": self.accuracy,
            "loss": {"value": self.loss, "low": self.loss_low, "high": self.loss_high, "confidence": CONFIDENCE},
            "agreement": self.agreement,
            "probability_change": {"mean": self.mean_change, "largest": self.largest_change},
            "rows_to_settle": self.rows_to_settle,
        }


def judge(
    reference: Probabilities, candidate: Probabilities, truth: Sequence[int], max_drop: float = DEFAULT_MAX_DROP
) -> Verdict:
    """Holds a candidate against the reference on texts that the model was not trained on.

    Args:
        reference: Probabilities of the fp32 model, float32, shape (texts, labels).
        candidate: Probabilities of the int8 model on the same texts, same shape.
        truth: The right class index of each text.
        max_drop: The margin: how much accuracy may be lost, as a share above 0.

    Raises:
        ValueError: The shapes differ, there are no texts, or the margin is not between 0 and 1.
    """
    if reference.shape != candidate.shape or reference.shape[0] != len(truth):
        raise ValueError(f"shapes differ: {reference.shape}, {candidate.shape} and {len(truth)} right answers")
    if not 0 < max_drop < 1:
        raise ValueError(f"max_drop must lie between 0 and 1, found {max_drop}")
    right = np.asarray(truth)
    answers_reference, answers = reference.argmax(axis=1), candidate.argmax(axis=1)
    difference = paired_difference((answers_reference == right).tolist(), (answers == right).tolist())
    decision = _decide(-difference.value, -difference.low, max_drop)
    change = np.abs(reference - candidate)
    return Verdict(
        decision=decision,
        max_drop=max_drop,
        rows=len(truth),
        accuracy_reference=float((answers_reference == right).mean()),
        accuracy=float((answers == right).mean()),
        loss=0.0 - difference.value,
        loss_low=0.0 - difference.high,
        loss_high=0.0 - difference.low,
        agreement=float((answers_reference == answers).mean()),
        mean_change=float(change.mean()),
        largest_change=float(change.max()),
        rows_to_settle=_rows_to_settle(difference.counts, max_drop) if decision == "undecided" else None,
    )


def _decide(loss: float, loss_high: float, max_drop: float) -> Decision:
    if loss > max_drop:
        return "failed"
    return "passed" if loss_high < max_drop else "undecided"


def _rows_to_settle(counts: PairedCounts, max_drop: float) -> int | None:
    """The smallest number of texts at which the same rates would pass, to the nearest power of 1.1."""
    rows = counts.n
    while rows < _MOST_ROWS:
        rows = rows + max(1, rows // 10)
        if -score_difference(counts.scaled(rows)).low < max_drop:
            return rows
    return None


def _points(share: float, unit: bool = True) -> str:
    value = f"{round(100 * share, 2) + 0.0:.2f}".replace("-0.00", "0.00")
    if not unit:
        return value
    return f"{value} point" if value == "1.00" else f"{value} points"
