"""What a worker showed -> a row of the results: percentiles, the accuracy with its interval, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from edgetext.bench.accuracy import accuracy, per_label
from edgetext.bench.measuring import Measurement
from edgetext.bench.results import MEASURED, NOT_MEASURED, Calibration, DataInfo, Latency, Row, Throughput
from edgetext.bench.turns import TurnLog
from edgetext.measure.percentiles import percentiles


def make_row(measured: Measurement, log: TurnLog, data: DataInfo) -> Row:
    """Makes a row of one measurement; one that was given up has its reason and no figures.

    A row that an interruption left unfinished has the figures of the turns that it had, and says so in its reason;
    one without a whole turn counts as not measured.

    Args:
        measured: What its worker showed.
        log: Its turns.
        data: The held-out rows.
    """
    plan = measured.plan
    row = Row(
        backend=plan.backend.name,
        variant=plan.variant,
        device=plan.backend.device,
        threads=plan.spec["threads"],
        status=MEASURED,
        about={**plan.about, **measured.about},
    )
    if measured.error is not None:
        return replace(row, status=measured.error.status, reason=str(measured.error))
    if not measured.rates_per_s or not measured.latencies_ms:
        return replace(row, status=NOT_MEASURED, reason="interrupted before its first turn was over")
    index = {label: number for number, label in enumerate(data.labels)}
    predictions = tuple(index.get(label, -1) for label in measured.labels)
    return replace(
        row,
        reason=_unfinished(measured),
        latency_ms=_latency(measured.latencies_ms, log.samples),
        throughput_per_s=_throughput(measured),
        accuracy=accuracy(predictions, data.expected),
        per_label=per_label(predictions, data.expected, data.labels),
        calibration=_calibration(log),
        model_bytes=plan.model_bytes if plan.model_bytes is not None else measured.about.get("model_bytes"),
        peak_memory_mb=None if measured.peak_bytes is None else round(measured.peak_bytes / 1e6, 1),
        first_prediction_ms=round(min(start.first_prediction_ms for start in measured.starts), 1),
        predictions=predictions,
        warm_up={"texts": measured.warm_up, "passes_ms": measured.warm_up_ms},
        tokenization_ms=_tokenization(measured.tokenization_ms),
        scenarios=measured.scenarios,
        about={**row.about, "starts_ms": [round(start.first_prediction_ms, 1) for start in measured.starts]},
    )


def _unfinished(measured: Measurement) -> str | None:
    had, asked = len(measured.rates_per_s), measured.settings.rounds
    return None if had == asked else f"unfinished: interrupted after {had} of {asked} rounds"


def _latency(samples: Sequence[float], rounds: Sequence[int]) -> Latency:
    found = percentiles(samples)
    return Latency(round(found.p50, 4), round(found.p90, 4), round(found.p99, 4), tuple(samples), tuple(rounds))


def _tokenization(samples: Sequence[float]) -> dict[str, Any]:
    return {"p50": median(samples), "samples": list(samples)} if samples else {}


def _calibration(log: TurnLog) -> Calibration | None:
    if not log.readings:
        return None
    return Calibration(
        tuple(reading.alone_ms for reading in log.readings), tuple(reading.together_ms for reading in log.readings)
    )


def _throughput(measured: Measurement) -> Throughput:
    samples = tuple(round(rate, 2) for rate in measured.rates_per_s)
    return Throughput(round(median(samples), 2), measured.settings.batch, measured.throughput_texts, samples)
