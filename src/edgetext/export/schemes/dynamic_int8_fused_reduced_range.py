"""Dynamic int8 on a fused graph, weights of 7 bits: without VNNI the sums of 8-bit products saturate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgetext.export.quiet import quiet
from edgetext.export.schemes._dynamic import quantize
from edgetext.export.schemes._fused import finish, fused
from edgetext.export.schemes.source import Source


def build(source: Source, target: Path) -> Mapping[str, Any]:
    """Fuses, trims and quantizes the graph; see ``registry.Scheme``."""
    with quiet():
        return finish(quantize(fused(source), reduce_range=True), target)
