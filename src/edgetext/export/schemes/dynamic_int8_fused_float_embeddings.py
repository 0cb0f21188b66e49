"""Dynamic int8 on a fused graph, the embeddings left in fp32: larger, and nothing of them is lost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgetext.export.quiet import quiet
from edgetext.export.schemes._dynamic import quantize
from edgetext.export.schemes._fused import finish, fused
from edgetext.export.schemes.source import Source


def build(source: Source, target: Path) -> Mapping[str, Any]:
    """Fuses, trims and quantizes the graph but for its embeddings; see ``registry.Scheme``."""
    with quiet():
        return finish(quantize(fused(source)), target, embeddings=False)
