"""Scores of one model with their intervals.

F1 has no closed interval. Texts are drawn anew with replacement, and the interval holds the middle 95 % of what
comes out: B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgetext.metrics.paired import CONFIDENCE

_SAMPLES = 1000
_AT_A_TIME = 100  # samples; bounds the memory
_SEED = 0


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def f1(bears: npt.NDArray[np.bool_], gets: npt.NDArray[np.bool_], average: Literal["micro", "macro"]) -> Estimate:
    """Estimates F1; a label that no text bears or gets has none and is left out of macro F1.

    Args:
        bears: Whether a text bears a label, shape (texts, labels).
        gets: Whether the model gives it, same shape.
        average: Over all labels of all texts, or the mean of every label's own.
    """
    alike = np.packbits(np.concatenate([bears, gets], axis=1), axis=1)  # most texts are
    _, first, counts = np.unique(alike, axis=0, return_index=True, return_counts=True)
    # What F1 counts, of each kind of text: twice the true positives, and labels borne plus labels given.
    twice, every = 2 * (bears & gets)[first], bears[first].astype(int) + gets[first]
    if average == "micro":
        twice, every = twice.sum(axis=1, keepdims=True), every.sum(axis=1, keepdims=True)
    random = np.random.default_rng(_SEED)
    drawn = []
    for _ in range(_SAMPLES // _AT_A_TIME):
        times = random.multinomial(len(bears), counts / len(bears), _AT_A_TIME)
        drawn.append(_mean_f1(times @ twice, times @ every))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate(drawn), (tail, 1 - tail))
    value = float(_mean_f1(counts @ twice, counts @ every))
    return Estimate(value, min(value, float(low)), max(value, float(high)))


def _mean_f1(twice: npt.NDArray[Any], every: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The mean over labels, which are the last axis; a label that a sample lacks is left out of its mean."""
    there = every > 0
    means = np.where(there, twice / np.maximum(every, 1), 0).sum(axis=-1) / np.maximum(there.sum(axis=-1), 1)
    return np.asarray(means, np.float64)
