"""Which turns the machine disturbed, by the readings around them, and what may be compared in spite of it.

Nothing is dropped from a row's own percentiles: they are those of all its turns, and the report says how many were
disturbed. A comparison is of turns in the same state of the machine. It uses the undisturbed rounds of both sides
where there are enough, since which turns count as disturbed is decided by other work than what is compared;
otherwise it uses all rounds, and the wider interval says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from edgetext.bench.results import Calibration, Results, Row
from edgetext.measure.noise import Reading, best_of, disturbed

ENOUGH_ROUNDS = 5  # fewer agree by chance at times, and their interval is far too narrow then


@dataclass(frozen=True)
class Share:
    """How many turns were disturbed.

    Attributes:
        disturbed: Turns of all rows during which the machine gave clearly less than at its best.
        turns: Turns that have a reading at all.
    """

    disturbed: int
    turns: int

    def __str__(self) -> str:
        """Says it as a sentence; empty where there is nothing to tell."""
        if not self.disturbed:
            return ""
        were = "was" if self.disturbed == 1 else "were"
        return (
            f"{self.disturbed} of {self.turns} turns {were} disturbed ({self.disturbed / self.turns:.0%}): "
            "another load, or virtual cores that share a physical one."
        ).replace("%", " %")


def environment_of(results: Results, row: Row) -> Mapping[str, Any]:
    """Gives the machine that a row was measured on."""
    return results.environment if row.environment is None else row.environment


def best_reading(*files: Results, environment: Mapping[str, Any]) -> Reading | None:
    """Gives the best that a machine gave in some runs of equally many threads, or ``None`` without readings.

    Args:
        files: The runs.
        environment: The machine, by its name in ``host``.
    """
    host = environment.get("host")
    found = [
        reading
        for results in files
        for row in results.rows
        if environment_of(results, row).get("host") == host
        for reading in readings(row.calibration)
    ]
    return best_of(found) if found else None


def calibration_of(turns: Sequence[Sequence[Reading]]) -> Calibration:
    """Gives each turn the median of its slices' readings, as its figures are medians over the slices."""
    return Calibration(
        tuple(median(reading.alone_ms for reading in turn) for turn in turns),
        tuple(median(reading.together_ms for reading in turn) for turn in turns),
    )


def readings(calibration: Calibration | None) -> tuple[Reading, ...]:
    """Gives a row's readings, one a round."""
    if calibration is None:
        return ()
    pairs = zip(calibration.alone_ms, calibration.together_ms, strict=False)
    return tuple(Reading(alone, together) for alone, together in pairs)


def disturbed_rounds(row: Row, best: Reading | None) -> frozenset[int]:
    """Gives the rounds, counted from 0, in which the row's turn was disturbed."""
    if best is None:
        return frozenset()
    marks = disturbed(readings(row.calibration), best)
    return frozenset(number for number, mark in enumerate(marks) if mark)


def disturbed_share(results: Results) -> Share:
    """Counts the disturbed turns of all rows."""
    bad = turns = 0
    machines = {environment_of(results, row).get("host"): environment_of(results, row) for row in results.rows}
    best = {host: best_reading(results, environment=machine) for host, machine in machines.items()}
    for row in results.rows:
        bad += len(disturbed_rounds(row, best[environment_of(results, row).get("host")]))
        turns += len(readings(row.calibration))
    return Share(bad, turns)


def usable_rounds(count: int, unusable: frozenset[int]) -> Sequence[int]:
    """Gives the rounds to compare by: the undisturbed ones where they are enough, else all.

    Args:
        count: How many rounds there are.
        unusable: Those that were disturbed.
    """
    kept = [number for number in range(count) if number not in unusable]
    return kept if len(kept) >= max(ENOUGH_ROUNDS, count / 2) else range(count)
