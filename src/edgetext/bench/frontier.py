"""Which rows no other beats in the task's metric and in mean latency both: the ones to choose from.

A row is beaten by one that is at least as good in both, and better in one: of two that are alike in both neither is
beaten (Pareto dominance). The mean is what a load of many texts feels; the median would hide what is slow for some.
The figures count as they stand, so that where intervals overlap another run may say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgetext.bench.results import MEASURED, Results, Row


def compared(results: Results) -> list[Row]:
    """Lists the rows that have both figures; none where there are fewer than two, of which nothing can be said."""
    rows = [row for row in results.rows if row.status == MEASURED and row.score and row.latency_ms]
    return rows if len(rows) > 1 else []


def beats(row: Row, other: Row) -> bool:
    """Tells whether a row beats another; both have both figures."""
    (good, took), (others_good, others_took) = _figures(row), _figures(other)
    return good >= others_good and took <= others_took and (good, took) != (others_good, others_took)


def frontier(rows: Sequence[Row]) -> list[Row]:
    """Lists the rows that none of them beats, the fastest first."""
    unbeaten = [row for row in rows if not any(beats(other, row) for other in rows)]
    return sorted(unbeaten, key=lambda row: _figures(row)[1])


def is_unbeaten(results: Results, row: Row) -> bool | None:
    """Tells whether no row beats this one; ``None`` for one that nothing can be said of."""
    rows = compared(results)
    return row in frontier(rows) if row in rows else None


def _figures(row: Row) -> tuple[float, float]:
    if row.score is None or row.latency_ms is None:
        raise ValueError(f"{row.name} has no figures to compare")
    return row.score.value, row.latency_ms.mean_ms
