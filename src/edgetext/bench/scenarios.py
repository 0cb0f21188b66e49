"""The scenarios of MLPerf Inference that a row can be put through after its turns.

- **single_stream**: the next text is asked when the one before it is answered; latency percentiles.
- **offline**: all texts are there at once; texts per second.
- **server**: texts arrive at random (Poisson), one by one; the highest rate at which p99 stays under a bound. They
  stand in one line and are answered one at a time. The rate is found by bisection below the one at which the
  program would be busy all the time; one passes when the 99th percentile that LoadGen measured keeps the bound.

To add one: a function like theirs, and its entry in ``SCENARIOS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from edgetext.bench.settings import BenchSettings
from edgetext.errors import InputError, MissingExtraError
from edgetext.measure.loadgen import LoadTest
from edgetext.measure.process import WorkerError

DURATION = "not MLPerf-compliant durations"
STEPS = 6
"""Rates that ``server`` tries: the answer is then known to a 64th of the program's capacity."""
_HEADROOM = 2.0  # LoadGen makes its queries beforehand, by what it expects: too few would end the test early

Ask = Callable[[LoadTest], dict[str, Any]]
"""Has the worker run one LoadGen test, and gives what came out (see ``measure.loadgen.run_load_test``)."""


@dataclass(frozen=True)
class Known:
    """What the turns have shown of the row.

    Attributes:
        mean_ms: Mean latency of one text by itself.
        per_s: Texts per second in batches.
    """

    mean_ms: float
    per_s: float


def single_stream(ask: Ask, known: Known, settings: BenchSettings) -> dict[str, Any]:
    """Runs the scenario, which lasts for ``settings.scenario_seconds``."""
    expected = _HEADROOM * 1000 / known.mean_ms
    return ask(LoadTest("single_stream", settings.scenario_seconds, expected, seed=settings.seed))


def offline(ask: Ask, known: Known, settings: BenchSettings) -> dict[str, Any]:
    """Runs the scenario, in batches of ``settings.batch``."""
    found = ask(LoadTest("offline", settings.scenario_seconds, known.per_s, settings.batch, seed=settings.seed))
    return {"per_s": found["per_s"], "queries": found["queries"], "batch": settings.batch}


def server(ask: Ask, known: Known, settings: BenchSettings) -> dict[str, Any]:
    """Runs the scenario, trying each rate for ``settings.scenario_seconds``.

    Returns:
        ``rate_per_s`` (``None`` where no rate that was tried kept the bound), ``p99_bound_ms``, ``at`` (what
        LoadGen said of that rate), and ``tried``: every rate with its p99.
    """
    low, high = 0.0, 1000 / known.mean_ms
    best: dict[str, Any] | None = None
    tried = []
    for _ in range(STEPS):
        rate = (low + high) / 2
        test = LoadTest(
            "server", settings.scenario_seconds, rate, bound_ms=settings.p99_bound_ms, seed=settings.seed
        )
        found = ask(test)
        p99 = found["percentiles_ms"]["99"]
        tried.append({"rate_per_s": round(rate, 3), "p99_ms": p99})
        if p99 <= settings.p99_bound_ms:
            low, best = rate, found
        else:
            high = rate
    rate_found = round(low, 3) if best else None
    return {"rate_per_s": rate_found, "p99_bound_ms": settings.p99_bound_ms, "at": best, "tried": tried}


SCENARIOS: dict[str, Callable[[Ask, Known, BenchSettings], dict[str, Any]]] = {
    "single_stream": single_stream,
    "offline": offline,
    "server": server,
}


def choose_scenarios(words: str | None) -> tuple[str, ...]:
    """Reads the names of scenarios, separated by commas; ``None`` is none of them.

    Raises:
        InputError: There is no scenario of that name.
        MissingExtraError: LoadGen is not installed.
    """
    if not words:
        return ()
    names = tuple(word.strip() for word in words.split(","))
    for name in names:
        if name not in SCENARIOS:
            raise InputError(f"there is no scenario {name!r}: choose from {', '.join(SCENARIOS)}")
    if find_spec("mlperf_loadgen") is None:
        raise MissingExtraError("bench", "mlperf_loadgen")
    return names


def run_scenarios(ask: Ask, known: Known, settings: BenchSettings) -> dict[str, Any]:
    """Puts a row through the scenarios that the settings ask for.

    Returns:
        What each scenario found, by name, as JSON values; ``reason`` in place of it where one failed.
    """
    found: dict[str, Any] = {"seconds": settings.scenario_seconds, "note": DURATION}
    for name in settings.scenarios:
        try:
            found[name] = SCENARIOS[name](ask, known, settings)
        except WorkerError as error:
            found[name] = {"status": error.status, "reason": str(error)}
    return found
