"""The tables of ``docs/scale.md``: what a recorded rate means for a billion rows and for 100,000 requests a second.

The formulas stand in the page; the figures that nobody measured are ``ASSUMED``, and the page shows them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from recorded import machine

from edgetext.bench.results import MEASURED, Row, read_results

ROWS = 1_000_000_000
REQUESTS_PER_S = 100_000
ASSUMED = {
    "price": 0.04,  # dollars a core and hour
    "cores": 32,  # of a machine
    "busy": 0.9,  # of the time of a bulk job, the rest being uneven parts, starts and retries
    "load": 0.5,  # of a service's capacity, so that requests do not queue
    "file": 0.033,  # milliseconds of a core that reading and writing take a row; see the page
    "http": 0.5,  # milliseconds of a core that HTTP and JSON take a request; see the page
    "zones": 3,  # of which one may fail
}
_PROGRAMS = {  # backend, variant and model of a row, and what the page calls it
    ("transformers-pipeline", "fp32", "checkpoint"): "transformers pipeline, fp32",
    ("optimum-pipeline", "int8", "one-scheme/bundle"): "Optimum pipeline, int8",
    ("edgetext", "int8 model-alone", "one-scheme/bundle"): "edgetext int8",
    ("edgetext", "int8", "one-scheme/bundle"): "edgetext int8 with a first stage",
    ("edgetext", "static", "static/bundle"): "edgetext static student",
}


def assumed() -> Iterator[str]:
    """Gives what was assumed, a line each."""
    yield "| assumed | value |"
    yield "|---|---:|"
    yield f"| price of a core for an hour | ${ASSUMED['price']:.2f} |"
    yield f"| cores of a machine | {ASSUMED['cores']} |"
    yield f"| share of a bulk job's time in which cores work (`busy`) | {ASSUMED['busy']:.0%} |"
    yield f"| share of a service's capacity that is used (`load`) | {ASSUMED['load']:.0%} |"
    yield f"| a core's time for reading and writing, a row (`file`) | {ASSUMED['file']:g} ms |"
    yield f"| a core's time for HTTP and JSON, a request (`http`) | {ASSUMED['http']:g} ms |"
    yield f"| zones, of which one may fail | {ASSUMED['zones']} |"


def bulk(file: Path) -> Iterator[str]:
    """Gives what a billion rows take, program by program, from a recorded bench."""
    yield from _source(file)
    yield "| program | texts/s a core | core-hours | machine-hours | hours on 10 machines | cost |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name, rate in rates(file).items():
        hours = core_hours(rate, ROWS)
        machines = hours / ASSUMED["cores"]
        cost = hours * ASSUMED["price"]
        yield f"| {name} | {rate:,.0f} | {hours:,.0f} | {machines:,.1f} | {machines / 10:,.1f} | ${cost:,.0f} |"


def online(file: Path) -> Iterator[str]:
    """Gives what 100,000 requests a second of one text each take, program by program, from a recorded bench."""
    yield from _source(file)
    yield "| program | core-ms a request | cores | machines, one zone spare | cost an hour | cost of a million |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name, rate in rates(file).items():
        spent, cores = request_ms(rate), cores_online(rate, REQUESTS_PER_S)
        machines = math.ceil(cores / ASSUMED["cores"] * ASSUMED["zones"] / (ASSUMED["zones"] - 1))
        cost = machines * ASSUMED["cores"] * ASSUMED["price"]
        million = cost / (REQUESTS_PER_S * 3600) * 1e6
        yield f"| {name} | {spent:.2f} | {cores:,.0f} | {machines:,} | ${cost:,.2f} | ${million:.3f} |"


def rates(file: Path) -> Mapping[str, float]:
    """Finds the texts a second and core, in batches, of each program that the page compares."""
    rows = {(row.backend, row.variant, row.model): row for row in read_results(file).rows if row.status == MEASURED}
    return {name: _rate(rows[key]) for key, name in _PROGRAMS.items()}


def core_hours(rate: float, rows: float) -> float:
    """Computes the core-hours of a bulk job: rows x (1 / rate + file) / busy."""
    return rows * (1 / rate + ASSUMED["file"] / 1000) / ASSUMED["busy"] / 3600


def request_ms(rate: float, texts: float = 1) -> float:
    """Computes a core's time for a request, in milliseconds: texts / rate, and HTTP."""
    return 1000 * texts / rate + ASSUMED["http"]


def cores_online(rate: float, requests_per_s: float) -> float:
    """Computes the cores of a service: requests a second x core-seconds a request / load."""
    return requests_per_s * request_ms(rate) / 1000 / ASSUMED["load"]


def _rate(row: Row) -> float:
    assert row.throughput_per_s is not None
    return row.throughput_per_s.value / row.threads


def _source(file: Path) -> Iterator[str]:
    found = read_results(file)
    yield f"{machine(found.environment)}; {found.data.name} ([{file.name}](../benchmarks/results/{file.name}))."
    yield ""
