"""The page: the table, both plots, what a million predictions cost, and the machine, from the results alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgetext.bench.cells import figures, frontier_words, headings
from edgetext.bench.facts import cautions, how, machines, said
from edgetext.bench.page.plots import frontier, latencies
from edgetext.bench.results import MEASURED, Results, Row
from edgetext.files import write_atomically
from edgetext.page.render import render

PAGE_FILE = "report.html"
_PACKAGE = "edgetext.bench.page"
_TEMPLATE = "report.html.jinja"


def write_page(path: Path, results: Results) -> None:
    """Writes the page, whole or not at all."""
    write_atomically(path, html(results).encode("utf-8"))


def html(results: Results) -> str:
    """Writes the page as text; whatever comes from the results is escaped.

    Args:
        results: What was measured, or read from a file.
    """
    metric = results.data.decides.metric
    numbered = list(enumerate(results.rows, start=1))
    measured = [(number, row) for number, row in numbered if row.status == MEASURED]
    values = {
        "data": results.data,
        "columns": headings(results),
        "rows": [_row(results, number, row) for number, row in numbered],
        "warnings": cautions(results),
        "latencies": latencies(measured),
        "frontier": frontier(measured, metric),
        "frontier_words": frontier_words(results),
        "metric": metric,
        "costs": [_cost(number, row) for number, row in measured if row.throughput_per_s],
        "how": list(how(results)),
        "machines": machines(results),
    }
    return render(_PACKAGE, _TEMPLATE, values, extra="bench", verbatim={"script": "cost.js"})


def _row(results: Results, number: int, row: Row) -> dict[str, Any]:
    return {
        "number": number,
        "name": row.name,
        "where": f"{row.device}, {row.threads} thread{'' if row.threads == 1 else 's'}"
        + (f", {said(row.environment.get('host'))}" if row.environment else ""),
        "ours": row.backend == "edgetext",
        "measured": row.status == MEASURED,
        "figures": figures(results, row),
    }


def _cost(number: int, row: Row) -> dict[str, Any]:
    assert row.throughput_per_s
    one_by_one = 1000 / row.latency_ms.mean_ms if row.latency_ms else 0.0
    return {
        "number": number,
        "name": row.name,
        "bulk": row.throughput_per_s.value,
        "single": round(one_by_one, 2),
    }
