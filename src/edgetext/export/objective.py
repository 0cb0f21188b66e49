"""What the best candidate may be best at, may lose, and how long it may be looked for."""

from __future__ import annotations

from typing import Literal

Objective = Literal["latency", "throughput", "size"]
OBJECTIVES: tuple[Objective, ...] = ("latency", "throughput", "size")
"""One text soonest; most texts per second, in bulk; the smallest file."""

DEFAULT_MAX_DROP = 0.01
"""The gate's margin, as a share of texts."""

DEFAULT_SEARCH_SECONDS = 150.0
"""What a search may take: half a minute less than the three that are promised for MiniLM, for the export itself."""
