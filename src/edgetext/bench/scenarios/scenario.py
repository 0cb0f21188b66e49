"""What the scenarios share: their settings, what is known of a row beforehand, and how a test is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgetext.measure.loadgen import LoadTest

DURATION = "not MLPerf-compliant durations"

Ask = Callable[[LoadTest], dict[str, Any]]
"""Has the worker run one LoadGen test, and gives what came out (see ``measure.loadgen.run_load_test``)."""


@dataclass(frozen=True)
class ScenarioSettings:
    """How the scenarios are run.

    Attributes:
        seconds: How long LoadGen asks in one test. MLPerf's rules want ten minutes.
        p99_bound_ms: Latency that 99 in 100 queries of ``server`` must keep.
        batch: Texts in a batch of ``offline``.
        seed: LoadGen's.
    """

    seconds: float
    p99_bound_ms: float
    batch: int
    seed: int


@dataclass(frozen=True)
class Known:
    """What the turns have shown of the row.

    Attributes:
        mean_ms: Mean latency of one text by itself.
        per_s: Texts per second in batches.
    """

    mean_ms: float
    per_s: float
