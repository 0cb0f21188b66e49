"""How long a program takes to warm up, found from its own times.

The same few texts are predicted again and again. The warm-up ends with the first pass over them that is about as
fast as the passes of the latter half are at the median: by then the program is as fast as it gets. What was seen is
kept, so that a reader can judge it.

Source of the idea: T. Kalibera and R. Jones, "Rigorous benchmarking in reasonable time", ISMM 2013, who look at the
sequence of the first iterations for the point from which they no longer get faster, rather than fix it beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

TEXTS = 5
PASSES = 12
TOLERANCE = 1.1


def passes_to_settle(passes: Sequence[float]) -> int:
    """Gives how many passes belong to the warm-up.

    Args:
        passes: How long each pass over the same texts took, in order, in any unit; at least one.
    """
    settled = TOLERANCE * median(passes[len(passes) // 2 :])
    return next(number for number, took in enumerate(passes) if took <= settled)


def sums(samples: Sequence[float], texts: int) -> list[float]:
    """Adds up the times of each whole pass; of one that time cut short, if there is no other.

    Args:
        samples: One a text, pass after pass.
        texts: How many texts a pass has.
    """
    whole = len(samples) // texts * texts
    return [sum(samples[begin : begin + texts]) for begin in range(0, whole, texts)] or [sum(samples)]
