"""What a load costs: money for a million predictions, and machines for so many requests per second.

Money comes from a price per hour and a measured rate. How many machines a load needs, so that 99 in 100 requests
are answered within a bound, has two answers, from what the scenarios measured on one machine:

- **Split**: requests are dealt to the machines at random. Each then sees Poisson arrivals of its share (a Poisson
  stream that is split at random stays one), which is what the scenario ``server`` measured: ``ceil(load / rate)``.
- **Shared line**: one line before all machines, by the M/M/c queue and Erlang's C formula (A. K. Erlang, 1917, see
  "Solution of some problems in the theory of probabilities of significance in automatic telephone exchanges").
  Arrivals are Poisson; the time on a machine is taken for exponential with the measured mean. It is nearly constant
  in truth, so that the line is shorter than computed: the answer is on the safe side. At most 9 in 1000 requests
  may wait longer than the bound less what 999 in 1000 texts take by themselves, which makes 99 in 100 on time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, exp, sqrt
from typing import Any

from edgetext.bench.results import MEASURED, Row
from edgetext.errors import InputError

MILLION = 1_000_000
_LATE = 0.009  # and another 0.001 that take longer by themselves
_MOST = 100_000
_MOST_PER_S = 1e9


@dataclass(frozen=True)
class Cost:
    """What one row costs at a price.

    Attributes:
        name: Backend and variant.
        per_million: Price of a million predictions in batches, the machine busy all the time.
        per_million_singly: The same, one text at a time.
        installed_mb: 10^6 bytes that must be installed for it, edgetext left out; ``None`` where nobody looked.
        joules_per_text: By device, where the machine counts; else empty.
    """

    name: str
    per_million: float
    per_million_singly: float
    installed_mb: float | None
    joules_per_text: dict[str, float]


def cost_per_million(price_per_hour: float, per_s: float) -> float:
    """Prices a million predictions, so many a second, on a machine that does nothing else and never waits.

    Raises:
        InputError: The price is negative or no number.
    """
    if not 0 <= price_per_hour < float("inf"):
        raise InputError(f"the price per hour must be a number of at least 0, found {price_per_hour}")
    return price_per_hour / 3600 / per_s * MILLION


def costs(rows: Sequence[Row], price_per_hour: float) -> tuple[Cost, ...]:
    """Prices each measured row of a results file; the others are left out.

    Raises:
        InputError: The price is negative or no number.
    """
    return tuple(_cost(row, price_per_hour) for row in rows if row.status == MEASURED)


def _cost(row: Row, price_per_hour: float) -> Cost:
    if row.throughput_per_s is None or row.latency_ms is None:
        raise ValueError(f"{row.name} is measured and has no figures")
    installed = row.about.get("installed_bytes")
    return Cost(
        name=row.name,
        per_million=cost_per_million(price_per_hour, row.throughput_per_s.value),
        per_million_singly=cost_per_million(price_per_hour, 1000 / row.latency_ms.mean_ms),
        installed_mb=None if installed is None else sum(installed.values()) / 1e6,
        joules_per_text=dict(row.about.get("joules_per_text", {})),
    )


@dataclass(frozen=True)
class Capacity:
    """Machines for a load.

    Attributes:
        name: Backend and variant.
        per_s: Requests per second, Poisson.
        bound_ms: What 99 in 100 requests must keep.
        split: Machines when requests are dealt at random; ``None`` where one machine keeps the bound at no rate.
        shared: Machines behind one line; ``None`` where a text by itself takes longer than the bound.
    """

    name: str
    per_s: float
    bound_ms: float
    split: int | None
    shared: int | None


def erlang_c(servers: int, load: float) -> float:
    """Computes the probability that a request has to wait, in the M/M/c queue.

    By the recursion of Erlang's B formula, which neither overflows nor cancels. The load is in erlangs: arrivals
    per second times the mean service time in seconds; from as many as there are servers on everybody waits.
    """
    if load >= servers:
        return 1.0
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def waits_longer(servers: int, per_s: float, service_s: float, seconds: float) -> float:
    """Computes the probability that a request waits longer than so many seconds, at least 0, in the M/M/c queue."""
    load = per_s * service_s
    if load >= servers:
        return 1.0
    return erlang_c(servers, load) * exp(-(servers - load) / service_s * seconds)


def machines_shared(per_s: float, service_s: float, wait_s: float) -> int | None:
    """Finds the fewest machines behind one line with at most 9 in 1000 requests waiting longer than ``wait_s``.

    Args:
        per_s: Arrivals per second.
        service_s: Mean time on a machine, in seconds.
        wait_s: The longest wait, in seconds; below 0 no number of machines will do, and the answer is ``None``.

    Raises:
        InputError: It would take more than 100,000 machines.
    """
    if wait_s < 0:
        return None
    first = max(1, ceil(per_s * service_s))
    if first > _MOST:
        raise InputError(f"{per_s:g} requests per second would take more than {_MOST} machines")
    # The more machines there are, the fewer wait; with ten roots of the load to spare hardly anybody does.
    counts = range(first, first + 10 * ceil(sqrt(first)) + 10)
    rare = bisect_left(counts, True, key=lambda count: waits_longer(count, per_s, service_s, wait_s) <= _LATE)
    return counts[rare]


def capacities(rows: Sequence[Row], loads: Sequence[float]) -> tuple[Capacity, ...]:
    """Counts the machines for each load and each row that went through ``server`` and ``single_stream``.

    Raises:
        InputError: A load is not positive, or no row went through both scenarios.
    """
    check_loads(loads)
    able = [(row, scenarios) for row in rows if row.status == MEASURED and (scenarios := _both(row.scenarios))]
    if not able:
        raise InputError(
            "no row was put through both scenarios that tell a capacity: measure with "
            "--scenarios single_stream,server"
        )
    return tuple(_capacity(row, scenarios, load) for row, scenarios in able for load in loads)


def _both(scenarios: Mapping[str, Any]) -> Mapping[str, Any] | None:
    server, alone = scenarios.get("server", {}), scenarios.get("single_stream", {})
    whole = {"rate_per_s", "p99_bound_ms"} <= server.keys() and "mean_ms" in alone
    return scenarios if whole and "99.9" in alone.get("percentiles_ms", {}) else None


def _capacity(row: Row, scenarios: Mapping[str, Any], load: float) -> Capacity:
    server, alone = scenarios["server"], scenarios["single_stream"]
    bound, rate = server["p99_bound_ms"], server["rate_per_s"]
    return Capacity(
        name=row.name,
        per_s=load,
        bound_ms=bound,
        split=ceil(load / rate) if rate else None,
        shared=machines_shared(load, alone["mean_ms"] / 1000, (bound - alone["percentiles_ms"]["99.9"]) / 1000),
    )


def check_loads(loads: Sequence[float]) -> None:
    """Refuses rates that no machine can be asked for.

    Raises:
        InputError: One is not a positive number.
    """
    for load in loads:
        if not 0 < load <= _MOST_PER_S:
            raise InputError(f"the requests per second must be above 0 and at most {_MOST_PER_S:g}, found {load}")
