"""The fused and trimmed graph, not quantized."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgetext.export.quiet import quiet
from edgetext.export.schemes._fused import finish, fused
from edgetext.export.schemes.source import Source


def build(source: Source, target: Path) -> Mapping[str, Any]:
    """Fuses and trims the graph; see ``registry.Scheme``."""
    with quiet():
        return finish(fused(source), target, embeddings=False)
