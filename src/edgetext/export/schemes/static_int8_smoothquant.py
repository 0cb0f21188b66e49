"""Static int8 after SmoothQuant, which moves the largest channels' range into the weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgetext.errors import needs_extra
from edgetext.export.schemes._static import build_static
from edgetext.export.schemes.source import Source

with needs_extra("export"):
    from onnxruntime.quantization import CalibrationMethod


def build(source: Source, target: Path) -> Mapping[str, Any]:
    """Calibrates and quantizes the graph; see ``registry.Scheme``."""
    return build_static(source, target, CalibrationMethod.MinMax, smoothed=True)
