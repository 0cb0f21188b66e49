"""Macro F1 of two multi-label classifiers on the same texts, and an interval of their difference.

The interval is a paired bootstrap over texts, bias-corrected and accelerated: B. Efron, "Better Bootstrap
Confidence Intervals", JASA 82 (1987), as ``scipy.stats.bootstrap`` does it. A bootstrap knows only what it has
seen: where no answer changed it collapses to a point, however few the texts. So what may have gone unseen is added.
With no change in n texts, Tango's interval for paired proportions ends at z^2 / (n + z^2), as if z^2 texts more had
been lost (``edgetext.metrics.paired``). Here these z^2 texts are taken from the rarest labels, where they cost the
most macro F1, and the two distances add as squares: G. Y. Zou, A. Donner, "Construction of confidence limits about
effect measures: a general approach", Statistics in Medicine 27 (2008).
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from edgetext.errors import needs_extra
from edgetext.metrics.paired import CONFIDENCE

with needs_extra("export"):
    from scipy.stats import DegenerateDataWarning, bootstrap

_BEYOND = 50  # resamples beyond each end of the interval: 2,000 in all at 95 %, more where it is wider
_BATCH = 100  # resamples at a time; bounds the memory to about a kilobyte for each text
_SEED = 20

Labels = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class MacroF1Difference:
    """Macro F1 of the candidate minus that of the reference, with its interval.

    Attributes:
        reference: Macro F1 of the reference.
        candidate: Macro F1 of the candidate.
        low: Lower end of the interval of the difference.
        high: Upper end of the interval of the difference.
        seen_low: How far the bootstrap alone reaches below the difference.
        seen_high: How far the bootstrap alone reaches above it.
        support: How many texts bear each label.
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
        budget = NormalDist().inv_cdf(0.5 + self.confidence / 2) ** 2
        rarest = np.sort(self.support)
        taken = np.clip(budget - (np.cumsum(rarest) - rarest), 0, rarest)
        return float((taken / (rarest + taken)).mean())

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return max(-1.0, self.value - math.hypot(self.seen_low, self.unseen))

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return min(1.0, self.value + math.hypot(self.seen_high, self.unseen))

    def scaled(self, share: float) -> MacroF1Difference:
        """Gives what ``share`` times as many texts would show at the same rates."""
        spread = math.sqrt(share)
        return replace(
            self,
            seen_low=self.seen_low / spread,
            seen_high=self.seen_high / spread,
            support=tuple(share * texts for texts in self.support),
        )


def macro_f1_difference(
    truth: Labels, reference: Labels, candidate: Labels, confidence: float = CONFIDENCE
) -> MacroF1Difference:
    """Compares the macro F1 of two classifiers on the same texts.

    A label that no text bears has no F1 to speak of and is left out.

    Args:
        truth: Whether a text bears a label, shape (texts, labels).
        reference: Whether the reference gives it, same shape.
        candidate: Whether the candidate gives it, same shape.
        confidence: Two-sided, such as 0.95.

    Raises:
        ValueError: The shapes differ, or no text bears any label.
    """
    if not truth.shape == reference.shape == candidate.shape or truth.ndim != 2:
        raise ValueError(f"shapes differ: {truth.shape}, {reference.shape} and {candidate.shape}")
    borne = truth.any(axis=0)
    if not borne.any():
        raise ValueError("no text bears any label, so there is no F1")
    truth, reference, candidate = truth[:, borne], reference[:, borne], candidate[:, borne]
    events = _events(truth, reference, candidate)
    first, second = _macro_f1(events.sum(axis=0, keepdims=True))[:, 0]
    below, above = _spread(events, float(second - first), confidence)
    support = tuple(truth.sum(axis=0, dtype=float).tolist())
    return MacroF1Difference(float(first), float(second), below, above, support, confidence)


def _events(truth: Labels, reference: Labels, candidate: Labels) -> npt.NDArray[np.float32]:
    """What F1 counts, of each text: true positives of both, and labels borne plus labels given of both."""
    parts = [truth & reference, truth & candidate, truth.astype(int) + reference, truth.astype(int) + candidate]
    return np.concatenate(parts, axis=1).astype(np.float32)  # whole numbers below 2^24 stay exact


def _macro_f1(counts: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Gives macro F1 of the reference and of the candidate, shape (2, samples), from summed events."""
    true_first, true_second, all_first, all_second = np.split(counts.astype(np.float64), 4, axis=1)
    # 0 / 0: a resample without the label, in which neither has it wrong; it counts as 0 for both.
    pairs = ((true_first, all_first), (true_second, all_second))
    return np.stack([(2 * true / np.maximum(every, 1)).mean(axis=1) for true, every in pairs])


def _spread(events: npt.NDArray[np.float32], value: float, confidence: float) -> tuple[float, float]:
    """How far the bootstrap's interval reaches below and above the difference."""
    kinds, kind_of = np.unique(events, axis=0, return_inverse=True)  # most texts are alike

    def difference(texts: npt.NDArray[np.int64], axis: int = -1) -> Any:
        texts = np.moveaxis(texts, axis, -1)
        flat = kind_of[texts.reshape(-1, texts.shape[-1])]
        places = flat + len(kinds) * np.arange(len(flat))[:, None]
        times = np.bincount(places.ravel(), minlength=len(kinds) * len(flat)).reshape(len(flat), len(kinds))
        # Not "@": on a busy machine the threads of BLAS wait for each other, up to a hundred times as long.
        first, second = _macro_f1(np.einsum("sk,kc->sc", times.astype(np.float32), kinds))
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
