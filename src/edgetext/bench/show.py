"""Results, and comparisons of them, as tables on the terminal, narrower than the report's."""

from __future__ import annotations

from edgetext.bench.cells import (
    ABSENT,
    FASTER,
    FASTER_ON_AVERAGE,
    MACRO_F1,
    figures,
    frontier_words,
    full_name,
    headings,
    status_text,
    warnings,
)
from edgetext.bench.compare import METRICS, Change, Comparison
from edgetext.bench.results import MEASURED, Results, Row

_LEFT_OUT = (
    MACRO_F1,
    "tokenizing ms",
    "p90 ms",
    f"{FASTER} baseline",
    f"{FASTER} pipeline",  # the mean's ratio stands there: of two that share a line the one that flatters less
    f"{FASTER_ON_AVERAGE} baseline",
)


def title(results: Results) -> str:
    """Writes the line above the table: the machine and the data."""
    data, count = results.data, results.environment.get("threads")
    threads = f"{count} thread{'' if count == 1 else 's'}"
    return f"{results.environment.get('host')}, {threads}; {data.rows} rows of {data.name}"


def columns(results: Results) -> list[str]:
    """Names the columns of the table."""
    return ["backend", *(name for name in headings(results) if name not in _LEFT_OUT)]


def table_rows(results: Results) -> list[list[str]]:
    """Lists one row a backend and variant for ``columns``; one without figures says so in the first."""
    return [[full_name(row), *_cells(results, row)] for row in results.rows]


def remarks(results: Results) -> list[str]:
    """Lists the sentences below the table: the frontier, why rows lack figures, whether the machine was busy."""
    reasons = [
        f"{full_name(row)}: {row.reason if row.status == MEASURED else status_text(row.status, row.reason)}"
        for row in results.rows
        if row.status != MEASURED or row.reason
    ]
    return [*frontier_words(results), *reasons, *warnings(results)]


def compared(comparison: Comparison) -> list[str]:
    """Names the columns of a comparison: those metrics that any row has in both runs."""
    return ["row", *(metric for metric in METRICS if any(pair.change(metric) for pair in comparison.pairs))]


def comparison_rows(comparison: Comparison) -> list[list[str]]:
    """Lists one row a compared one for ``compared``; an asterisk marks a difference that the interval shows."""
    _, *metrics = compared(comparison)
    return [[pair.name, *(_change(pair.change(metric)) for metric in metrics)] for pair in comparison.pairs]


def _change(change: Change | None) -> str:
    if change is None:
        return ABSENT
    mark = "" if change.low <= 0 <= change.high else "*"
    if change.low == change.high:
        return f"{change.worse:+.1f}{mark}"
    return f"{change.worse:+.1f} [{change.low:+.1f}, {change.high:+.1f}]{mark}"


def _cells(results: Results, row: Row) -> list[str]:
    cells = figures(results, row)
    if row.status != MEASURED:
        cells[0] = status_text(row.status, None)
    return [cell for name, cell in zip(headings(results), cells, strict=True) if name not in _LEFT_OUT]
