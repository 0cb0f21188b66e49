"""Dynamic int8 on the graph as exported, with one scale a weight matrix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgetext.export.schemes._optimum import build_as_exported
from edgetext.export.schemes.source import Source


def build(source: Source, target: Path) -> Mapping[str, Any]:
    """Quantizes the graph as it is; see ``registry.Scheme``."""
    return build_as_exported(source, target, per_channel=False)
