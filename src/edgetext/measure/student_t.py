"""Quantiles of Student's t distribution by the standard library alone: readers of results need nothing else.

Source: with t = sqrt(n) tan(a) the density of n degrees of freedom becomes cos(a)^(n - 1), so that the probability
is an integral of a smooth function over a short stretch (Abramowitz and Stegun, 26.7, in its trigonometric form).
"""

from __future__ import annotations

import math
from functools import lru_cache

_STEPS = 200  # of Simpson's rule


@lru_cache(maxsize=4096)
def two_sided_quantile(confidence: float, freedom: float) -> float:
    """Gives the t that ``|T|`` does not exceed with a given probability.

    Args:
        confidence: Two-sided probability, such as 0.95, between 0 and 1.
        freedom: Degrees of freedom, at least 1; need not be whole.

    Raises:
        ValueError: One of them is out of range.
    """
    if not 0 < confidence < 1 or freedom < 1:
        raise ValueError(f"expected 0 < confidence < 1 and freedom >= 1, found {confidence} and {freedom}")
    whole = math.sqrt(math.pi) / 2 * math.exp(math.lgamma(freedom / 2) - math.lgamma((freedom + 1) / 2))
    low, high = 0.0, math.pi / 2
    for _ in range(50):  # halvings; what is left is less than a float's rounding
        middle = (low + high) / 2
        if _integral(middle, freedom - 1) < confidence * whole:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _integral(end: float, power: float) -> float:
    """Integrates cos^power from 0 to ``end`` by Simpson's rule."""
    width = end / _STEPS
    inner: float = sum((4 if step % 2 else 2) * math.cos(step * width) ** power for step in range(1, _STEPS))
    last: float = max(0.0, math.cos(end)) ** power
    return width / 3 * (1 + inner + last)
