"""Dynamic int8 on a fused and trimmed graph, weights per channel: the fastest for the BERT family."""

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
        return finish(quantize(fused(source)), target)
