"""SingleStream: the next text is asked when the one before it is answered; latency percentiles."""

from __future__ import annotations

from typing import Any

from edgetext.bench.scenarios.scenario import Ask, Known, ScenarioSettings
from edgetext.measure.loadgen import LoadTest

_HEADROOM = 2.0  # LoadGen makes its queries beforehand, by what it expects: too few would end the test early


def measure(ask: Ask, known: Known, settings: ScenarioSettings) -> dict[str, Any]:
    """Runs the scenario.

    Args:
        ask: Runs a LoadGen test.
        known: What the turns have shown.
        settings: How long, and with which seed.
    """
    expected = _HEADROOM * 1000 / known.mean_ms
    return ask(LoadTest("single_stream", settings.seconds, expected, seed=settings.seed))
