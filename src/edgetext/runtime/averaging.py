"""The answers for the windows of one text, made one."""

from __future__ import annotations

import numpy as np

from edgetext.runtime.prediction import FloatArray


def average(logits: FloatArray, *, multi_label: bool) -> FloatArray:
    """Gives the logits whose probabilities are the mean of the windows' probabilities.

    Probabilities are averaged, and not logits: each window then has the same say, while one window with very
    large logits would outvote all others.

    Args:
        logits: Float32, of shape (windows, labels).
        multi_label: Whether probabilities are sigmoids; softmax otherwise.

    Returns:
        Float32, of shape (labels,): log-probabilities for softmax, log-odds for sigmoids.
    """
    if multi_label:
        zero = np.float32(0)
        yes, no = -np.logaddexp(zero, -logits), -np.logaddexp(zero, logits)  # logs of p and of 1 - p
        odds: FloatArray = np.logaddexp.reduce(yes, axis=0) - np.logaddexp.reduce(no, axis=0)
        return odds
    logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    mean: FloatArray = np.logaddexp.reduce(logs, axis=0) - np.float32(np.log(len(logits)))
    return mean
