"""Results as a table on the terminal, which is narrower than the report's."""

from __future__ import annotations

from edgetext.bench.cells import FIGURES, disturbance, figures, status_text
from edgetext.bench.results import MEASURED, Results, Row

_LEFT_OUT = ("p90 ms", "faster than baseline")
_SHOWN = tuple(index for index, name in enumerate(FIGURES) if name not in _LEFT_OUT)
COLUMNS = ("backend", *(FIGURES[index] for index in _SHOWN))


def title(results: Results) -> str:
    """Gives the line above the table: the machine and the data."""
    data, count = results.data, results.environment.get("threads")
    threads = f"{count} thread{'' if count == 1 else 's'}"
    return f"{results.environment.get('host')}, {threads}; {data.rows} rows of {data.name}"


def table_rows(results: Results) -> list[list[str]]:
    """Gives one row a backend and variant for ``COLUMNS``; one without figures says so in the first.

    Args:
        results: What was measured.
    """
    return [[_name(row), *_cells(results, row)] for row in results.rows]


def remarks(results: Results) -> list[str]:
    """Gives the sentences below the table: why rows have no figures, and whether the machine was busy.

    Args:
        results: What was measured.
    """
    reasons = [
        f"{_name(row)}: {status_text(row.status, row.reason)}" for row in results.rows if row.status != MEASURED
    ]
    warning = disturbance(results.environment)
    return [*reasons, warning] if warning else reasons


def _cells(results: Results, row: Row) -> list[str]:
    cells = figures(results, row)
    if row.status != MEASURED:
        cells[0] = status_text(row.status, None)
    return [cells[index] for index in _SHOWN]


def _name(row: Row) -> str:
    where = f" @ {row.environment.get('host')}" if row.environment else ""
    return f"{row.backend} {row.variant}{where}"
