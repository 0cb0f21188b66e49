"""Results, and comparisons of them, as tables on the terminal, narrower than the report's."""

from __future__ import annotations

from edgetext.bench.cells import ABSENT, FIGURES, figures, status_text, warnings
from edgetext.bench.compare import METRICS, Change, Comparison
from edgetext.bench.results import MEASURED, Results, Row

_LEFT_OUT = ("tokenizing ms", "p90 ms", "faster than baseline")
_SHOWN = tuple(index for index, name in enumerate(FIGURES) if name not in _LEFT_OUT)
COLUMNS = ("backend", *(FIGURES[index] for index in _SHOWN))
COMPARED = ("row", *METRICS)


def title(results: Results) -> str:
    """Writes the line above the table: the machine and the data."""
    data, count = results.data, results.environment.get("threads")
    threads = f"{count} thread{'' if count == 1 else 's'}"
    return f"{results.environment.get('host')}, {threads}; {data.rows} rows of {data.name}"


def table_rows(results: Results) -> list[list[str]]:
    """Lists one row a backend and variant for ``COLUMNS``; one without figures says so in the first."""
    return [[_name(row), *_cells(results, row)] for row in results.rows]


def remarks(results: Results) -> list[str]:
    """Lists the sentences below the table: why rows lack figures, and whether the machine was busy."""
    reasons = [
        f"{_name(row)}: {row.reason if row.status == MEASURED else status_text(row.status, row.reason)}"
        for row in results.rows
        if row.status != MEASURED or row.reason
    ]
    return [*reasons, *warnings(results)]


def comparison_rows(comparison: Comparison) -> list[list[str]]:
    """Lists one row a compared one for ``COMPARED``; an asterisk marks a difference that the interval shows."""
    return [[pair.name, *(_change(pair.change(metric)) for metric in METRICS)] for pair in comparison.pairs]


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
    return [cells[index] for index in _SHOWN]


def _name(row: Row) -> str:
    where = f" @ {row.environment.get('host')}" if row.environment else ""
    return f"{row.name}{where}"
