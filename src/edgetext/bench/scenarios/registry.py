"""The scenarios by name, and a row put through those that were asked for.

To add one: a file in ``bench/scenarios`` with ``measure(ask, known, settings)``, and an entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from edgetext.bench.scenarios import offline, server, single_stream
from edgetext.bench.scenarios.scenario import DURATION, Ask, Known, ScenarioSettings
from edgetext.errors import InputError, MissingExtraError
from edgetext.measure.process import WorkerError

SCENARIOS: dict[str, Callable[[Ask, Known, ScenarioSettings], dict[str, Any]]] = {
    "single_stream": single_stream.measure,
    "offline": offline.measure,
    "server": server.measure,
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


def run_scenarios(names: Sequence[str], ask: Ask, known: Known, settings: ScenarioSettings) -> dict[str, Any]:
    """Puts a row through scenarios.

    Args:
        names: Of the scenarios.
        ask: Runs a LoadGen test in the row's worker.
        known: What the turns have shown of the row.
        settings: How long, and under which bound.

    Returns:
        What each scenario found, by name, as JSON values; ``reason`` in place of it where one failed.
    """
    found: dict[str, Any] = {"seconds": settings.seconds, "note": DURATION}
    for name in names:
        try:
            found[name] = SCENARIOS[name](ask, known, settings)
        except WorkerError as error:
            found[name] = {"status": error.status, "reason": str(error)}
    return found
