"""Micro and macro F1 on labelled texts: of one classifier with its interval, and how those of two differ.

F1 has no interval in closed form. That of one classifier is a bootstrap over texts, which are drawn anew with
replacement: the middle 95 % of what comes out. B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap"
(1993), chapter 13. It needs numpy alone. Where all answers are right it would collapse to a point; so it reaches at
least as far as Wilson's interval does there (see below).

That of a difference is a paired bootstrap over texts, bias-corrected and accelerated: B. Efron, "Better Bootstrap
Confidence Intervals", JASA 82 (1987), as ``scipy.stats.bootstrap`` does it. A bootstrap knows only what it has
seen: where no answer changed it collapses to a point, however few the texts. So what may have gone unseen is added.
With no change in n texts, Tango's interval for paired proportions ends at z^2 / (n + z^2), as if z^2 texts more had
been lost (``edgetext.metrics.paired``). Here these z^2 texts are taken from the rarest labels, where they cost the
most macro F1, and the two distances add as squares: G. Y. Zou, A. Donner, "Construction of confidence limits about
effect measures: a general approach", Statistics in Medicine 27 (2008).

A label that no text bears has no F1 to speak of: macro F1 leaves it out.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from edgetext.errors import needs_extra
from edgetext.metrics.paired import CONFIDENCE

_BEYOND = 50  # resamples beyond each end of the interval: 2,000 in all at 95 %, more where it is wider
_SAMPLES = 1000  # for the interval of one F1
_BATCH = 100  # resamples at a time; bounds the memory to about a kilobyte for each text
_SEED = 20

Average: TypeAlias = Literal["micro", "macro"]
Labels = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class F1Difference:
    """F1 of the candidate minus that of the reference, with its interval.

    Attributes:
        reference: F1 of the reference.
        candidate: F1 of the candidate.
        low: Lower end of the interval of the difference.
        high: Upper end of the interval of the difference.
        seen_low: How far the bootstrap alone reaches below the difference.
        seen_high: How far the bootstrap alone reaches above it.
        support: Macro: how many texts bear each label. Micro: how many bear any.
        confidence: Of the interval, two-sided.
    """

    reference: float
    candidate: float
    seen_low: float
    seen_high: float
    support: tuple[float, ...]
    confidence: float

    @property
    def value(self) -> float:
        """The difference; negative where the candidate is worse."""
        return self.candidate - self.reference

    @property
    def unseen(self) -> float:
        """What z^2 lost texts would cost if all were of the rarest labels: as much may be lost and not show."""
        return _unseen(self.support, self.confidence)

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return max(-1.0, self.value - math.hypot(self.seen_low, self.unseen))

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return min(1.0, self.value + math.hypot(self.seen_high, self.unseen))

    def scaled(self, share: float) -> F1Difference:
        """What ``share`` times as many texts would show at the same rates."""
        spread = math.sqrt(share)
        return replace(
            self,
            seen_low=self.seen_low / spread,
            seen_high=self.seen_high / spread,
            support=tuple(share * texts for texts in self.support),
        )


def f1(truth: Labels, answers: Labels, average: Average, confidence: float = CONFIDENCE) -> Estimate:
    """Estimates the F1 of one classifier.

    Args:
        truth: Whether a text bears a label, shape (texts, labels).
        answers: Whether the classifier gives it, same shape.
        average: ``micro`` counts all labels together, ``macro`` is the mean over the labels' own F1.
        confidence: Two-sided, such as 0.95.

    Raises:
        ValueError: The shapes differ, or no text bears any label.
    """
    truth, answers = _borne(average, truth, answers)
    right, every = _counts(truth, answers, average)
    kinds, texts = np.unique(np.concatenate([right, every], axis=1), axis=0, return_counts=True)  # most are alike
    random = np.random.default_rng(_SEED)
    drawn = []
    for _ in range(_SAMPLES // _BATCH):
        times = random.multinomial(len(truth), texts / len(truth), _BATCH)
        drawn.append(_own_mean(np.einsum("sk,kc->sc", times, kinds)))
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(drawn), (tail, 1 - tail))
    value = float(_own_mean(texts[None] @ kinds)[0])
    unseen = _unseen(_support(truth, average), confidence)
    below, above = max(value - float(low), unseen * value), max(float(high) - value, unseen * (1 - value))
    return Estimate(value, value - below, value + above)


def f1_difference(
    truth: Labels, reference: Labels, candidate: Labels, average: Average, confidence: float = CONFIDENCE
) -> F1Difference:
    """Compares the F1 of two classifiers on the same texts.

    Args:
        truth: Whether a text bears a label, shape (texts, labels).
        reference: Whether the reference gives it, same shape.
        candidate: Whether the candidate gives it, same shape.
        average: ``micro`` counts all labels together, ``macro`` is the mean over the labels' own F1.
        confidence: Two-sided, such as 0.95.

    Raises:
        ValueError: The shapes differ, or no text bears any label.
        MissingExtraError: scipy is not installed.
    """
    truth, reference, candidate = _borne(average, truth, reference, candidate)
    support = _support(truth, average)
    events = _events(truth, reference, candidate, average)
    first, second = _mean_f1(events.sum(axis=0, keepdims=True))[:, 0]
    below, above = _spread(events, float(second - first), confidence)
    return F1Difference(float(first), float(second), below, above, support, confidence)


def _borne(average: Average, truth: Labels, *others: Labels) -> list[Labels]:
    """Checks the shapes, and leaves labels that no text bears out of a macro average."""
    if truth.ndim != 2 or any(other.shape != truth.shape for other in others):
        raise ValueError(f"shapes differ: {', '.join(str(each.shape) for each in (truth, *others))}")
    borne = truth.any(axis=0)
    if not borne.any():
        raise ValueError("no text bears any label, so there is no F1")
    return [each[:, borne] if average == "macro" else each for each in (truth, *others)]


def _support(truth: Labels, average: Average) -> tuple[float, ...]:
    """How many texts bear each label, for a macro average, or how many bear any."""
    if average == "macro":
        return tuple(truth.sum(axis=0, dtype=float).tolist())
    return (float(truth.any(axis=1).sum()),)


def _unseen(support: tuple[float, ...], confidence: float) -> float:
    """What z^2 texts that all are of the rarest labels make of a mean F1: as much may be lost and not show."""
    budget = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2
    rarest = np.sort(support)
    taken = np.clip(budget - (np.cumsum(rarest) - rarest), 0, rarest)
    return float((taken / (rarest + taken)).mean())


def _counts(truth: Labels, answers: Labels, average: Average) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """What F1 counts, of each text: true positives, and labels borne plus labels given."""
    right, every = truth & answers, truth.astype(int) + answers
    if average == "micro":
        return right.sum(axis=1, keepdims=True), every.sum(axis=1, keepdims=True)
    return right, every


def _own_mean(counts: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The mean F1 of samples, from the summed counts of one classifier; a label that a sample lacks is left out."""
    right, every = np.split(counts, 2, axis=1)
    means = np.where(every > 0, 2 * right / np.maximum(every, 1), 0).sum(axis=1)
    return np.asarray(means / np.maximum((every > 0).sum(axis=1), 1), np.float64)


def _events(truth: Labels, reference: Labels, candidate: Labels, average: Average) -> npt.NDArray[np.float32]:
    """What F1 counts, of each text and of both."""
    (one, one_every), (other, other_every) = (_counts(truth, each, average) for each in (reference, candidate))
    return np.concatenate([one, other, one_every, other_every], axis=1).astype(
        np.float32
    )  # whole numbers below 2^24 stay exact


def _mean_f1(counts: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The mean F1 of the reference and of the candidate, shape (2, samples), from summed events."""
    true_first, true_second, all_first, all_second = np.split(counts.astype(np.float64), 4, axis=1)
    # 0 / 0: a resample without the label, in which neither has it wrong; it counts as 0 for both.
    pairs = ((true_first, all_first), (true_second, all_second))
    return np.stack([(2 * true / np.maximum(every, 1)).mean(axis=1) for true, every in pairs])


def _spread(events: npt.NDArray[np.float32], value: float, confidence: float) -> tuple[float, float]:
    """How far the bootstrap's interval reaches below and above the difference."""
    with needs_extra("export"):
        from scipy.stats import DegenerateDataWarning, bootstrap
    kinds, kind_of = np.unique(events, axis=0, return_inverse=True)  # most texts are alike

    def difference(texts: npt.NDArray[np.int64], axis: int = -1) -> Any:
        texts = np.moveaxis(texts, axis, -1)
        flat = kind_of[texts.reshape(-1, texts.shape[-1])]
        places = flat + len(kinds) * np.arange(len(flat))[:, None]
        times = np.bincount(places.ravel(), minlength=len(kinds) * len(flat)).reshape(len(flat), len(kinds))
        # Not "@": on a busy machine the threads of BLAS wait for each other, up to a hundred times as long.
        first, second = _mean_f1(np.einsum("sk,kc->sc", times.astype(np.float32), kinds))
        return (second - first).reshape(texts.shape[:-1])

    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", DegenerateDataWarning)
        interval = bootstrap(
            (np.arange(len(events)),),
            difference,
            n_resamples=math.ceil(2 * _BEYOND / (1 - confidence)),
            batch=_BATCH,
            confidence_level=confidence,
            method="BCa",
            rng=np.random.default_rng(_SEED),
        ).confidence_interval
    if not math.isfinite(interval.low + interval.high):  # no resample differs from another
        return 0.0, 0.0
    return max(0.0, value - float(interval.low)), max(0.0, float(interval.high) - value)
