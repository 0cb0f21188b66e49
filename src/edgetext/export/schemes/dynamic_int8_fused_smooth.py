"""Dynamic int8 on a fused graph after SmoothQuant, calibrated on training texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgetext.export.graph.smoothing import largest_inputs, smooth
from edgetext.export.quiet import quiet
from edgetext.export.schemes._calibrating import calibration_feeds
from edgetext.export.schemes._dynamic import quantize
from edgetext.export.schemes._fused import finish, fused
from edgetext.export.schemes.source import Source


def build(source: Source, target: Path) -> Mapping[str, Any]:
    """Fuses, smooths and quantizes the graph; see ``registry.Scheme``."""
    with quiet():
        prepared = fused(source)
        smooth(prepared.model, largest_inputs(prepared.model, calibration_feeds(source, prepared.model)))
        return finish(quantize(prepared), target)
