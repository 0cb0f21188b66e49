"""The table of a search: the same cells on the terminal and on the model card."""

from __future__ import annotations

from edgetext.export.record import SchemeOutcome, SearchRecord, rate
from edgetext.measure.ratios import Ratio

_ABSENT = "–"
_GIVEN_REASON = ("failed", "not_applicable")  # one remark names all that were not tried


def columns(record: SearchRecord) -> tuple[str, ...]:
    """The heads of the columns; a search by size has no times."""
    times = {"latency": ("p50 ms [95 %]",), "throughput": ("texts/s [95 %]",)}.get(record.objective, ())
    return ("scheme", "outcome", *times, "MB", f"{_metric(record)} lost, points")


def cells(record: SearchRecord) -> list[list[str]]:
    """The cells of each scheme, the reference first."""
    return [_cells(record, row) for row in record.rows]


def remarks(record: SearchRecord) -> list[str]:
    """The sentences below the table: why schemes are out that have no figures, and what else matters."""
    reasons = [f"{row.scheme}: {row.reason}" for row in record.rows if row.status in _GIVEN_REASON]
    return [*reasons, *record.remarks]


def title(record: SearchRecord) -> str:
    """The line above the table: what was looked for, where, and how long it took."""
    environment = record.environment
    return (
        f"search for {record.objective} on {environment.get('host')}, {environment.get('threads')} threads, "
        f"{record.seconds.get('total', 0):.0f} s"
    )


def _cells(record: SearchRecord, row: SchemeOutcome) -> list[str]:
    times = [] if record.objective == "size" else [_time(row.cost_ms, record.objective)]
    size = _ABSENT if row.bytes is None else f"{row.bytes / 1e6:.1f}"
    lost = _ABSENT
    if row.verdict:
        lost = f"{_points(row.verdict.loss)} [{_points(row.verdict.loss_low)}, {_points(row.verdict.loss_high)}]"
    return [row.scheme, _outcome(row), *times, size, lost]


def _outcome(row: SchemeOutcome) -> str:
    word = row.status.replace("_", " ")
    if row.status == "chosen" and row.verdict:
        return f"chosen ({row.verdict.decision})"
    if row.status == "slower" and row.ratio:
        return f"slower ({row.ratio.value:.2f}×)"
    return word


def _time(cost_ms: Ratio | None, objective: str) -> str:
    if cost_ms is None:
        return _ABSENT
    if objective == "throughput":
        found = rate(cost_ms)
        return f"{found.value:.0f} [{found.low:.0f}, {found.high:.0f}]"
    return f"{cost_ms.value:.3f} [{cost_ms.low:.3f}, {cost_ms.high:.3f}]"


def _points(share: float) -> str:
    return f"{round(100 * share, 2) + 0.0:.2f}"


def _metric(record: SearchRecord) -> str:
    return next((row.verdict.metric for row in record.rows if row.verdict), "accuracy")
