"""Calibration error: how far a classifier's probabilities are from the shares of texts they speak of.

Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, with
their 15 bins of equal width, so that figures compare with published ones. The binned estimate goes back to
M. Pakdaman Naeini, G. Cooper, M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
AAAI 2015, who state it for binary probabilities; that is the form used for multi label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgetext.task import Answers, FloatArray, Task

BINS = 15


@dataclass(frozen=True)
class Bin:
    """What was said with about one probability.

    Attributes:
        low: Lower end of the bin, not in it.
        high: Upper end, in it.
        count: How many were said.
        confidence: Their mean probability.
        share: How many of them were right, 0 to 1.
    """

    low: float
    high: float
    count: int
    confidence: float
    share: float


def calibration_error(task: Task, probabilities: FloatArray, truth: Answers) -> float:
    """Measures how far probabilities are from the shares of right answers: the expected calibration error.

    Args:
        task: Whose probabilities they are.
        probabilities: Float32, shape (texts, labels), at least one of each.
        truth: What is right, as ``task.encode`` has it.

    Returns:
        The mean distance, 0 to 1, over bins of equal width weighted by what they hold. Where a text bears one label
        it is between the answer's probability and the share of right answers; else, over all pairs of a text and a
        label, between the probability and the share of texts that bear the label.
    """
    if task.one_label:
        return binned_error(task.confidence(probabilities), task.same(task.answers(probabilities), truth))
    return binned_error(probabilities.ravel(), truth.astype(bool).ravel())


def reliability(confidence: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> tuple[Bin, ...]:
    """The points of a reliability diagram: the bins that hold anything, from low to high.

    Args:
        confidence: The probabilities, float32, shape (n,).
        right: Whether what they speak of is so, same shape.
    """
    # Bins are open below and closed above, as in the paper: 1.0 belongs to the last one.
    place = np.clip(np.ceil(confidence.astype(np.float64) * BINS).astype(np.int64) - 1, 0, BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    sums = [np.bincount(place, weights=values, minlength=BINS) for values in (confidence, right)]
    return tuple(
        Bin(
            index / BINS,
            (index + 1) / BINS,
            int(counts[index]),
            *(float(one[index] / counts[index]) for one in sums),
        )
        for index in np.flatnonzero(counts).tolist()
    )


def binned_error(confidence: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> float:
    """The mean distance between probability and share, over the bins, weighted by what they hold."""
    bins = reliability(confidence, right)
    return sum(one.count * abs(one.share - one.confidence) for one in bins) / len(confidence)
