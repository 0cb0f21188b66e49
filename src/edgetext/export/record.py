"""What a search leaves behind: a row for each scheme, with what came of it and why.

``export.json`` keeps it all; the terminal and the model card show the same table of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from edgetext.checkpoint import Metrics
from edgetext.errors import BundleError
from edgetext.export.gate import Verdict
from edgetext.fields import read_part
from edgetext.files import write_json
from edgetext.measure.stats import Ratio
from edgetext.reading import read_object
from edgetext.runtime.bundle import Bundle

RECORD_FILE = "export.json"
SCHEMA_VERSION = 1
_ABSENT = "–"
_GIVEN_REASON = ("failed", "not_applicable", "left_out")  # one remark names all that were not tried
FIRST_STAGE_ROW = "first-stage"

Status = Literal[
    "reference",
    "chosen",
    "passed",
    "undecided",
    "failed",
    "slower",
    "larger",
    "not_judged",
    "not_applicable",
    "not_tried",
    "taken",
    "left_out",
]


@dataclass(frozen=True)
class SchemeOutcome:
    """What came of one scheme.

    Attributes:
        scheme: Its name; ``fp32`` for the graph as exported.
        status: ``reference``: what all are compared with. ``chosen``: the bundle's default. ``passed``,
            ``undecided``: let through, and not chosen. ``failed``: refused by the gate, or it could not be built or
            run. ``slower``, ``larger``: out before the gate. ``not_judged``: no worse than others that the gate
            looked at, and one too many for the texts. ``not_applicable``: it does not fit the model.
            ``not_tried``: there was no time for it. ``taken``, ``left_out``: the first stage, in front of what was
            chosen, whose figures then are those of both together.
        reason: Why, in a sentence.
        bytes: Size of the model, ``None`` where none was made.
        cost_ms: Milliseconds a text, in the objective's sense; ``None`` where it was not timed.
        ratio: How many times as long as the fastest it takes, by the rounds that both ran; likewise.
        rung: The last rung of the halving that it reached; 0 for none.
        build_seconds: How long it took to build.
        verdict: What the gate said; ``None`` where it was not asked.
        change: How much it changes the fp32 model's probabilities (``workshop.changes``); ``None`` where it was
            not among the fastest.
    """

    scheme: str
    status: Status
    reason: str = ""
    bytes: int | None = None
    cost_ms: Ratio | None = None
    ratio: Ratio | None = None
    rung: int = 0
    build_seconds: float | None = None
    verdict: Verdict | None = None
    change: float | None = None

    def became(self, status: Status, reason: str) -> SchemeOutcome:
        """The same row with another outcome."""
        return replace(self, status=status, reason=reason)

    def to_json(self, objective: str) -> dict[str, Any]:
        """The row as JSON values; in bulk the time is told as texts per second."""
        return {
            "scheme": self.scheme,
            "status": self.status,
            "reason": self.reason,
            "bytes": self.bytes,
            **_time(self.cost_ms, objective),
            "times_the_fastest": _interval(self.ratio),
            "rung": self.rung or None,
            "build_seconds": None if self.build_seconds is None else round(self.build_seconds, 2),
            "verdict": None if self.verdict is None else self.verdict.to_json(),
            "probability_change": None if self.change is None else round(self.change, 6),
        }


@dataclass(frozen=True)
class SearchRecord:
    """A whole search.

    Attributes:
        objective: ``latency``, ``throughput`` or ``size``.
        rows: The reference first, then a row a scheme, in the registry's order.
        chosen: The scheme of the bundle's default; ``fp32`` where none was let through.
        remarks: What a reader should know, a sentence each.
        environment: The machine (``edgetext.measure.environment``).
        settings: What the user chose.
        seconds: How long each part took.
        calibration: Where the calibration texts come from, and how many there are.
        rescue: How layers were given back to fp32 (``Rescue.to_json``); ``None`` where none were.
        metrics: Of the torch checkpoint on its held-out rows, as ``train`` measured them.
    """

    objective: str
    rows: tuple[SchemeOutcome, ...]
    chosen: str
    remarks: tuple[str, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    rescue: Mapping[str, Any] | None = None
    metrics: Metrics = field(default_factory=dict)

    def row(self, scheme: str) -> SchemeOutcome:
        """Finds the row of a scheme.

        Raises:
            KeyError: It has none.
        """
        for row in self.rows:
            if row.scheme == scheme:
                return row
        raise KeyError(scheme)

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "objective": self.objective,
            "chosen": self.chosen,
            "remarks": list(self.remarks),
            "rows": [row.to_json(self.objective) for row in self.rows],
            "rescue": self.rescue,
            "calibration": dict(self.calibration),
            "settings": dict(self.settings),
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
            "environment": dict(self.environment),
            "metrics": dict(self.metrics),
        }


def write_record(folder: Path, record: SearchRecord) -> None:
    """Writes ``export.json`` into a bundle."""
    write_json(folder / RECORD_FILE, record.to_json())


def read_metrics(bundle: Bundle) -> Metrics:
    """Reads the torch checkpoint's figures from the record in a bundle; none where there is no record.

    Raises:
        BundleError: The record is damaged.
    """
    if not (bundle.path / RECORD_FILE).exists():
        return {}
    path = bundle.file(RECORD_FILE)
    return read_part(_Kept, read_object(path, error=BundleError), str(path), error=BundleError).metrics


@dataclass(frozen=True)
class _Kept:
    """What of a record is read again."""

    metrics: Metrics = field(default_factory=dict)


def _rate(cost_ms: Ratio) -> Ratio:
    """Turns milliseconds a text into texts per second."""
    return Ratio(1000 / cost_ms.value, 1000 / cost_ms.high, 1000 / cost_ms.low, cost_ms.rounds)


def table_columns(record: SearchRecord) -> tuple[str, ...]:
    """The heads of the columns; a search by size has no times."""
    times = {"latency": ("mean ms [95 %]",), "throughput": ("texts/s [95 %]",)}.get(record.objective, ())
    return ("scheme", "outcome", *times, "MB", f"{_metric(record)} lost, points")


def table_cells(record: SearchRecord) -> list[list[str]]:
    """The cells of each scheme, the reference first."""
    return [_cells(record, row) for row in record.rows]


def table_remarks(record: SearchRecord) -> list[str]:
    """The sentences below the table: why schemes are out that have no figures, and what else matters."""
    reasons = [f"{row.scheme}: {row.reason}" for row in record.rows if row.status in _GIVEN_REASON]
    return [*reasons, *record.remarks]


def table_title(record: SearchRecord) -> str:
    """The line above the table: what was looked for, where, and how long it took."""
    environment = record.environment
    return (
        f"search for {record.objective} on {environment.get('host')}, {environment.get('threads')} threads, "
        f"{record.seconds.get('total', 0):.0f} s"
    )


def _cells(record: SearchRecord, row: SchemeOutcome) -> list[str]:
    times = [] if record.objective == "size" else [_time_cell(row.cost_ms, record.objective)]
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


def _time_cell(cost_ms: Ratio | None, objective: str) -> str:
    if cost_ms is None:
        return _ABSENT
    if objective == "throughput":
        found = _rate(cost_ms)
        return f"{found.value:.0f} [{found.low:.0f}, {found.high:.0f}]"
    return f"{cost_ms.value:.3f} [{cost_ms.low:.3f}, {cost_ms.high:.3f}]"


def _points(share: float) -> str:
    return f"{round(100 * share, 2) + 0.0:.2f}"


def _metric(record: SearchRecord) -> str:
    return next((row.verdict.metric for row in record.rows if row.verdict), "accuracy")


def _time(cost_ms: Ratio | None, objective: str) -> dict[str, Any]:
    if objective == "throughput":
        return {"texts_per_s": _interval(cost_ms and _rate(cost_ms))}
    return {"mean_ms": _interval(cost_ms)}


def _interval(figure: Ratio | None) -> dict[str, float] | None:
    if figure is None:
        return None
    return {"value": round(figure.value, 4), "low": round(figure.low, 4), "high": round(figure.high, 4)}
