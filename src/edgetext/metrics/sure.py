"""From which confidence on answers are as often right as was asked for, shown on labelled texts.

Source: A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan, L. Lei, "Learn then Test", arXiv 2110.01052.
Thresholds are tried from the strictest on, each by an exact binomial test that its sure answers are right no more
often than asked; the first one that is not refuted ends it (fixed-sequence testing), so that the chance of choosing
a threshold that keeps less than its promise is that of one test, however many were tried.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgetext.errors import needs_extra
from edgetext.metrics.paired import CONFIDENCE
from edgetext.task import FloatArray

_STEP = 1.05  # each threshold tried makes so many times as many answers sure as the one before
_WRONG = 2  # wrong answers that the strictest threshold may have, where there are texts enough for it


@dataclass(frozen=True)
class SureAnswers:
    """A threshold, and what it does on the texts that it was chosen on.

    Attributes:
        threshold: The confidence from which on an answer is sure.
        share: The share of the texts whose answer is sure.
        precision: The share of the sure answers that are right.
        asked: The share that was asked for, and shown with 95 % confidence.
        rows: How many texts there were.
    """

    threshold: float
    share: float
    precision: float
    asked: float
    rows: int


def choose_confidence(
    confidences: FloatArray, right: npt.NDArray[np.bool_], precision: float, confidence: float = CONFIDENCE
) -> SureAnswers | None:
    """Chooses the lowest threshold whose sure answers are shown to be right often enough.

    Args:
        confidences: Of each answer, shape (texts,), on texts that the model was not trained on.
        right: Whether it is right, shape (texts,).
        precision: How often sure answers are to be right, above 0 and below 1.
        confidence: One-sided, of the promise.

    Returns:
        The threshold; ``None`` where none can be shown to do, for lack of texts or of precision.
    """
    with needs_extra("export"):
        from scipy.stats import binom
    order = np.argsort(-confidences, kind="stable")
    sorted_confidences, wrong = confidences[order], np.cumsum(~right[order])
    best = None
    for count in _counts(len(right), precision, 1 - confidence):
        threshold = sorted_confidences[count - 1]
        sure = int((sorted_confidences >= threshold).sum())  # those that are as confident come with it
        if binom.cdf(wrong[sure - 1], sure, 1 - precision) > 1 - confidence:
            break
        kept = float(1 - wrong[sure - 1] / sure)
        best = SureAnswers(float(threshold), sure / len(right), kept, precision, len(right))
    return best


def _counts(rows: int, precision: float, level: float) -> list[int]:
    """How many answers are sure at each threshold that is tried; decided by the number of texts alone."""
    first = _least(_WRONG, precision, level)
    count = float(first if 2 * first <= rows else _least(0, precision, level))
    counts: list[int] = []
    while count < rows:
        counts.append(math.ceil(count))
        count *= _STEP
    return [*counts, rows] if counts else []


def _least(wrong: int, precision: float, level: float) -> int:
    """The fewest answers that are enough to show the precision when so many of them are wrong."""
    from scipy.stats import binom

    count = wrong + 1
    while binom.cdf(wrong, count, 1 - precision) > level:
        count = math.ceil(count * 1.02)
    return count
