"""Weights in blocks of 4 bits, on a fused graph where the architecture allows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgetext.export.schemes._weight_only import build_weight_only
from edgetext.export.schemes.source import Source


def build(source: Source, target: Path) -> Mapping[str, Any]:
    """Quantizes the weights; see ``registry.Scheme``."""
    return build_weight_only(source, target, bits=4)
