"""Offline: all texts are there at once; texts per second."""

from __future__ import annotations

from typing import Any

from edgetext.bench.scenarios.scenario import Ask, Known, ScenarioSettings
from edgetext.measure.loadgen import LoadTest


def measure(ask: Ask, known: Known, settings: ScenarioSettings) -> dict[str, Any]:
    """Runs the scenario.

    Args:
        ask: Runs a LoadGen test.
        known: What the turns have shown.
        settings: How long, in batches of how many texts, and with which seed.
    """
    found = ask(LoadTest("offline", settings.seconds, known.per_s, settings.batch, seed=settings.seed))
    return {"per_s": found["per_s"], "queries": found["queries"], "batch": settings.batch}
