"""Who is measured when: every candidate once a round, in an order that is shuffled anew for each round.

A machine that warms up, or a neighbour that gets busy, then disturbs all candidates alike and not just the last.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


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
