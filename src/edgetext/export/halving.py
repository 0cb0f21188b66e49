"""Successive halving: many candidates are timed a little, the better half of them longer, until few are left.

Source: K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization",
AISTATS 2016. All candidates of a rung do the same work in the same rounds, so two of them are compared round by
round: what disturbs the machine for a while disturbs both. The intervals are those of ``measure.stats``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from edgetext.measure.stats import paired_ratio


@dataclass(frozen=True)
class Rung:
    """One step of the halving.

    Attributes:
        number: Counted from 1.
        last: Whether nobody is dropped after it.
    """

    number: int
    last: bool


@dataclass(frozen=True)
class Estimate:
    """A figure with the interval that its rounds allow.

    Attributes:
        value: The geometric mean of the rounds.
        low: Lower end of the interval; the value itself where there was one round only.
        high: Upper end of the interval.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Timing:
    """What a candidate took in the last rung that it reached.

    Attributes:
        rounds: Milliseconds a text, one figure a round.
        rung: Which rung, counted from 1.
        ratio: How many times as long as the fastest of that rung it took.
    """

    rounds: tuple[float, ...]
    rung: int
    ratio: Estimate

    @property
    def estimate(self) -> Estimate:
        """Milliseconds a text."""
        return _estimate(self.rounds)


class Measure(Protocol):
    """Times candidates side by side."""

    def __call__(self, names: Sequence[str], rung: Rung) -> Mapping[str, Sequence[float]]:
        """Gives milliseconds a text for each round, as many rounds for each; a candidate that fails is left out."""


def halve(names: Sequence[str], measure: Measure, finalists: int) -> dict[str, Timing]:
    """Times candidates, keeping the better half each time until at most ``finalists`` are left, who run longest.

    Args:
        names: The candidates.
        measure: Times those that it is given.
        finalists: How many may reach the last rung.

    Returns:
        The timings of all that could be timed: by the rung that they reached, the fastest first.
    """
    timings: dict[str, Timing] = {}
    alive, number, last = list(names), 0, False
    while alive and not last:
        number, last = number + 1, len(alive) <= finalists
        found = {name: tuple(rounds) for name, rounds in measure(alive, Rung(number, last)).items()}
        ranked = sorted(found, key=lambda name: _estimate(found[name]).value)
        for name in ranked:
            timings[name] = Timing(found[name], number, compare(found[name], found[ranked[0]]))
        alive = ranked[: max(finalists, math.ceil(len(alive) / 2))]
    return dict(sorted(timings.items(), key=lambda item: (-item[1].rung, item[1].estimate.value)))


def compare(rounds: Sequence[float], reference: Sequence[float]) -> Estimate:
    """Gives how many times as long as the reference a candidate takes, by the rounds that both ran."""
    shared = min(len(rounds), len(reference))
    return _estimate(rounds[:shared], reference[:shared])


def clearly_slower(candidate: Timing, reference: Timing) -> bool:
    """Says whether the whole interval of the ratio lies above 1; both must come from the same rung."""
    return compare(candidate.rounds, reference.rounds).low > 1


def _estimate(rounds: Sequence[float], reference: Sequence[float] | None = None) -> Estimate:
    found = paired_ratio(rounds, reference or [1.0] * len(rounds))
    return Estimate(found.value, *((found.low, found.high) if found.bounded else (found.value, found.value)))
