"""Who is measured when, and on which texts: every candidate once a round, in an order shuffled anew for each round.

A machine that warms up, or a neighbour that gets busy, then disturbs all candidates alike and not just the last.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SETTLE_S = 0.05
"""Seconds to wait between two turns: the threads of the program before may still spin for some milliseconds."""


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
    """Gives ``rounds`` rounds of turns; the same seed gives the same order.

    Args:
        candidates: What takes turns; only their number counts.
        rounds: How often each has its turn.
        seed: Of the shuffling.
    """
    chance = random.Random(seed)
    order = list(range(len(candidates)))
    for number in range(rounds):
        chance.shuffle(order)
        for index in order:
            yield Turn(number, index)


def window(texts: Sequence[str], number: int, count: int) -> list[str]:
    """Gives the texts of a round: each goes on where the one before it ended, round and round.

    Args:
        texts: All there are, at least one.
        number: The round, counted from 0.
        count: Texts in a round.
    """
    return [texts[index % len(texts)] for index in range(number * count, (number + 1) * count)]
