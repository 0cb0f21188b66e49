"""What a worker showed -> a row of the results: percentiles, the accuracy with its interval, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from edgetext.bench.accuracy import accuracy
from edgetext.bench.measuring import Measurement
from edgetext.bench.results import MEASURED, DataInfo, Latency, Row, Throughput
from edgetext.measure.percentiles import percentiles


def make_row(measured: Measurement, data: DataInfo) -> Row:
    """Makes a row of one measurement; one that was given up has its reason and no figures.

    Args:
        measured: What its worker showed.
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
    index = {label: number for number, label in enumerate(data.labels)}
    predictions = tuple(index.get(label, -1) for label in measured.labels)
    return replace(
        row,
        latency_ms=_latency(measured.latencies_ms),
        throughput_per_s=_throughput(measured),
        accuracy=accuracy(predictions, data.expected),
        model_bytes=plan.model_bytes if plan.model_bytes is not None else measured.about.get("model_bytes"),
        peak_memory_mb=None if measured.peak_bytes is None else round(measured.peak_bytes / 1e6, 1),
        first_prediction_ms=round(min(start.first_prediction_ms for start in measured.starts), 1),
        predictions=predictions,
        about={**row.about, "starts_ms": [round(start.first_prediction_ms, 1) for start in measured.starts]},
    )


def _latency(samples: Sequence[float]) -> Latency:
    found = percentiles(samples)
    return Latency(round(found.p50, 4), round(found.p90, 4), round(found.p99, 4), tuple(samples))


def _throughput(measured: Measurement) -> Throughput:
    samples = tuple(round(rate, 2) for rate in measured.rates_per_s)
    return Throughput(round(median(samples), 2), measured.settings.batch, measured.throughput_texts, samples)
