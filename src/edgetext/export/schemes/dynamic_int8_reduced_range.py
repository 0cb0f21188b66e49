"""Dynamic int8 on the graph as exported, weights of 7 bits: without VNNI the sums of 8-bit products saturate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgetext.export.schemes._optimum import build_as_exported
from edgetext.export.schemes.source import Source


def build(source: Source, target: Path) -> Mapping[str, Any]:
    """Quantizes the graph as it is; see ``registry.Scheme``."""
    return build_as_exported(source, target, reduce_range=True)
