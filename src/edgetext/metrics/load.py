"""Loads the metric modules that ship inside the package; ``evaluate`` runs them, and no network is needed."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from edgetext.errors import needs_extra

MODULES = Path(__file__).parent / "modules"


@cache
def load_metric(name: str) -> Any:
    """Gives an ``evaluate.Metric``: ``accuracy``, ``f1``, ``precision`` or ``recall``.

    Figures are computed in memory; ``evaluate`` keeps a copy of the module's source in its own cache.

    Raises:
        MissingExtraError: ``evaluate`` is not installed.
    """
    with needs_extra("train"):
        import evaluate
    return evaluate.load(str(MODULES / name), keep_in_memory=True)
