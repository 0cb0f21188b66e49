"""Who is measured when, on which texts, and after how much warm-up: the same for every program that is timed.

Every program has a turn once a round, in an order shuffled anew for each round. A machine that warms up, or a
neighbour that gets busy, then disturbs all programs alike and not just the last.

The warm-up is found from a program's own times. The same few texts are predicted again and again, and it ends with
the first pass over them that is about as fast as the passes of the latter half are at the median: by then the
program is as fast as it gets. Source of the idea: T. Kalibera and R. Jones, "Rigorous benchmarking in reasonable
time", ISMM 2013, who look at the sequence of the first iterations for the point from which they no longer get
faster, rather than fix it beforehand.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

T = TypeVar("T")

SETTLE_S = 0.05
"""Seconds to wait between two turns: the threads of the program before may still spin for some milliseconds."""

WARM_UP_TEXTS = 5
"""Texts in a pass of the warm-up."""

WARM_UP_PASSES = 12
_TOLERANCE = 1.1


@dataclass(frozen=True)
class Turn:
    """One candidate's go.

    Attributes:
        round: Counted from 0.
        index: Which candidate, by its place in the list that was given.
    """

    round: int
    index: int


def shuffled_turns(candidates: Sequence[object], rounds: int, seed: int) -> Iterator[Turn]:
    """Yields ``rounds`` rounds of turns, one a candidate; the same seed makes the same order."""
    chance = random.Random(seed)
    order = list(range(len(candidates)))
    for number in range(rounds):
        chance.shuffle(order)
        for index in order:
            yield Turn(number, index)


def window(texts: Sequence[T], number: int, count: int) -> list[T]:
    """Picks the ``count`` texts of a round, counted from 0; each goes on where the one before it ended."""
    return [texts[index % len(texts)] for index in range(number * count, (number + 1) * count)]


def passes_to_settle(passes: Sequence[float]) -> int:
    """Counts the passes that belong to the warm-up.

    Args:
        passes: How long each pass over the same texts took, in order, in any unit; at least one.
    """
    settled = _TOLERANCE * median(passes[len(passes) // 2 :])
    return next(number for number, took in enumerate(passes) if took <= settled)


def sums(samples: Sequence[float], texts: int) -> list[float]:
    """Adds up the times of each whole pass of so many texts; of one that time cut short, if there is no other."""
    whole = len(samples) // texts * texts
    return [sum(samples[begin : begin + texts]) for begin in range(0, whole, texts)] or [sum(samples)]
