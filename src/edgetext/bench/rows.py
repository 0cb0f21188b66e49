"""What a worker showed -> a row of the results: percentiles, the accuracy with its interval, sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from statistics import fmean, median
from typing import Any

from edgetext.bench.accuracy import accuracy, per_label
from edgetext.bench.measuring import Measurement
from edgetext.bench.results import MEASURED, NOT_MEASURED, DataInfo, Latency, Row, Throughput
from edgetext.measure.percentiles import percentiles


def make_row(measured: Measurement, data: DataInfo) -> Row:
    """Makes a row of one measurement; one that was given up has its reason and no figures.

    A row that an interruption left unfinished has the figures of the turns that it had, and says so in its reason;
    one without a whole turn counts as not measured.

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
    if not any(measured.rates_per_s):
        return replace(row, status=NOT_MEASURED, reason="interrupted before its first turn was over")
    index = {label: number for number, label in enumerate(data.labels)}
    predictions = tuple(index.get(label, -1) for label in measured.labels)
    return replace(
        row,
        reason=_unfinished(measured),
        latency_ms=_latency([samples for samples in measured.latencies_ms if samples]),
        throughput_per_s=_throughput(measured),
        accuracy=accuracy(predictions, data.expected),
        per_label=per_label(predictions, data.expected, data.labels),
        model_bytes=plan.model_bytes if plan.model_bytes is not None else measured.about.get("model_bytes"),
        peak_memory_mb=None if measured.peak_bytes is None else round(measured.peak_bytes / 1e6, 1),
        first_prediction_ms=round(median(start.first_prediction_ms for start in measured.cold_starts), 1),
        predictions=predictions,
        warm_up={"texts": measured.warm_up, "passes_ms": measured.warm_up_ms},
        tokenization_ms=_tokenization(measured.tokenization_ms),
        scenarios=measured.scenarios,
        about={
            **row.about,
            "starts_ms": [round(start.first_prediction_ms, 1) for start in measured.cold_starts],
            "joules_per_text": _means(measured.joules),
        },
    )


def _means(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Gives the mean over the rounds of each device that counted in all of them."""
    devices = set.intersection(*(set(each) for each in rounds)) if rounds else set()
    return {device: fmean(each[device] for each in rounds) for device in sorted(devices)}


def _unfinished(measured: Measurement) -> str | None:
    slices, asked = measured.settings.slices, measured.settings.least_rounds
    had = sum(len(rates) == slices for rates in measured.rates_per_s)
    return None if had >= asked else f"unfinished: interrupted after {had} of {asked} rounds"


def _latency(rounds: Sequence[Sequence[float]]) -> Latency:
    samples = tuple(chain(*rounds))
    found = percentiles(samples)
    counts = tuple(len(each) for each in rounds)
    return Latency(round(found.p50, 4), round(found.p90, 4), round(found.p99, 4), samples, counts)


def _tokenization(samples: Sequence[float]) -> dict[str, Any]:
    return {"p50": median(samples), "samples": list(samples)} if samples else {}


def _throughput(measured: Measurement) -> Throughput:
    rounds = [rates for rates in measured.rates_per_s if rates]
    samples = tuple(round(median(rates), 2) for rates in rounds)
    return Throughput(
        round(median(samples), 2),
        measured.settings.batch,
        measured.throughput_texts,
        samples,
        tuple(round(rate, 2) for rate in chain(*rounds)),
        tuple(len(rates) for rates in rounds),
    )
