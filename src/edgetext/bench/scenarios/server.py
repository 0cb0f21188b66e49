"""Server: texts arrive at random (Poisson), one by one; the highest rate at which p99 stays under a bound.

The texts stand in one line and are answered one at a time. The rate is found by bisection below the one at which
the program would be busy all the time; one passes when the 99th percentile that LoadGen measured keeps the bound.
"""

from __future__ import annotations

from typing import Any

from edgetext.bench.scenarios.scenario import Ask, Known, ScenarioSettings
from edgetext.measure.loadgen import LoadTest

STEPS = 6
"""Rates that are tried: the answer is then known to a 64th of the program's capacity."""


def measure(ask: Ask, known: Known, settings: ScenarioSettings) -> dict[str, Any]:
    """Runs the scenario.

    Args:
        ask: Runs a LoadGen test.
        known: What the turns have shown.
        settings: How long each rate is tried, the bound, and the seed.

    Returns:
        ``rate_per_s`` (``None`` where no rate that was tried kept the bound), ``p99_bound_ms``, ``at`` (what
        LoadGen said of that rate), and ``tried``: every rate with its p99.
    """
    low, high = 0.0, 1000 / known.mean_ms
    best: dict[str, Any] | None = None
    tried = []
    for _ in range(STEPS):
        rate = (low + high) / 2
        found = ask(LoadTest("server", settings.seconds, rate, bound_ms=settings.p99_bound_ms, seed=settings.seed))
        p99 = found["percentiles_ms"]["99"]
        tried.append({"rate_per_s": round(rate, 3), "p99_ms": p99})
        if p99 <= settings.p99_bound_ms:
            low, best = rate, found
        else:
            high = rate
    rate_found = round(low, 3) if best else None
    return {"rate_per_s": rate_found, "p99_bound_ms": settings.p99_bound_ms, "at": best, "tried": tried}
