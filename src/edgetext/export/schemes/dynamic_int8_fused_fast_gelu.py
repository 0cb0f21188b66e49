"""Dynamic int8 on a fused graph, with one scale a weight matrix and GELU by its tanh formula."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgetext.export.graph.gelu import approximate_gelu
from edgetext.export.quiet import quiet
from edgetext.export.schemes._dynamic import quantize
from edgetext.export.schemes._fused import finish, fused
from edgetext.export.schemes.registry import SchemeNotApplicableError
from edgetext.export.schemes.source import Source


def build(source: Source, target: Path) -> Mapping[str, Any]:
    """Fuses, trims and quantizes the graph, and approximates GELU; see ``registry.Scheme``."""
    with quiet():
        prepared = fused(source)
        if not approximate_gelu(prepared.model):
            raise SchemeNotApplicableError("this graph has no exact GELU to approximate")
        return finish(quantize(prepared, per_channel=False), target)
