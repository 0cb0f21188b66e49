"""Calibration error: how far a classifier's probabilities are from the shares of texts they speak of.

Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, with
their 15 bins of equal width, so that figures compare with published ones. The binned estimate goes back to
M. Pakdaman Naeini, G. Cooper, M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
AAAI 2015, who state it for binary probabilities; that is the form used for multi label.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BINS = 15


def calibration_error(probabilities: npt.NDArray[np.float32], truth: npt.NDArray[np.int64]) -> float:
    """Computes the expected calibration error of single-label answers: confidence against accuracy.

    Args:
        probabilities: Float32, shape (texts, labels), at least one text.
        truth: The right class index of each text, shape (texts,).

    Returns:
        The mean distance between the most probable label's probability and the share of right answers, over bins of
        equal width weighted by their texts; 0 to 1.
    """
    return _binned_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth)


def multi_label_calibration_error(probabilities: npt.NDArray[np.float32], truth: npt.NDArray[np.bool_]) -> float:
    """Computes the expected calibration error of multi-label answers: probabilities against shares of labels.

    Args:
        probabilities: Float32, shape (texts, labels), at least one of each.
        truth: Whether a text bears a label, same shape.

    Returns:
        The same distance over all pairs of a text and a label: a probability against how often the label is there.
    """
    return _binned_error(probabilities.ravel(), truth.ravel())


def _binned_error(confidence: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> float:
    # Bins are open below and closed above, as in the paper: 1.0 belongs to the last one.
    place = np.clip(np.ceil(confidence.astype(np.float64) * BINS).astype(np.int64) - 1, 0, BINS - 1)
    excess = np.bincount(place, weights=right.astype(np.float64) - confidence, minlength=BINS)
    return float(np.abs(excess).sum() / len(confidence))
