"""The graph that a quantizer starts from, and the steps that end every scheme on it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgetext.errors import needs_extra
from edgetext.export.graph.embeddings import quantize_embeddings
from edgetext.export.graph.first_token import keep_first_token
from edgetext.export.graph.fusion import FUSES_AS_BERT, LOAD_AS_IT_IS, SLOW_ON_CPU, fuse, optimize_ahead
from edgetext.export.graph.projections import join_projections
from edgetext.export.schemes.registry import SchemeInput, SchemeNotApplicableError

with needs_extra("export"):
    import onnx
    from onnx import ModelProto

PRODUCTS = ["MatMul", "Gemm"]
"""What the schemes on a fused graph quantize, as far as one factor is constant; embeddings come on top."""


@dataclass(frozen=True)
class Prepared:
    """A graph that is ready for a quantizer.

    Attributes:
        model: The fp32 graph.
        keep: The names of its nodes that stay fp32.
    """

    model: ModelProto
    keep: frozenset[str]


def build_fused(source: SchemeInput, target: Path) -> Mapping[str, Any]:
    """Fuses and trims the graph, and quantizes nothing.

    Args:
        source: The exported model.
        target: The file to write.

    Returns:
        The session options that the model must be loaded with.

    Raises:
        SchemeNotApplicableError: There is no fusion for this architecture.
    """
    return finish(fused(source), target, embeddings=False)


def fused(source: SchemeInput, *, slow_fusions: bool = False) -> Prepared:
    """Fuses the graph and leaves out what the answer does not need.

    Args:
        source: The exported model.
        slow_fusions: Whether SkipLayerNormalization and BiasGelu are fused as well.

    Raises:
        SchemeNotApplicableError: There is no fusion for this architecture.
    """
    if source.model_type not in FUSES_AS_BERT:
        raise SchemeNotApplicableError(f"onnxruntime has no CPU fusion for {source.model_type!r} models")
    model = fuse(source.model, slow_fusions=slow_fusions)
    if model is None:
        raise SchemeNotApplicableError("no attention of this graph could be fused")
    keep_first_token(model)
    joined = join_projections(model)
    joint = {name for name, parts in joined.items() if not source.keep.isdisjoint(parts)}
    return Prepared(model, source.keep | joint)


def fused_where_possible(source: SchemeInput) -> Prepared:
    """Fuses the graph, or gives it as exported where there is no fusion for the architecture."""
    try:
        return fused(source)
    except SchemeNotApplicableError:
        return Prepared(onnx.load(source.model), source.keep)


def finish(
    prepared: Prepared, target: Path, *, embeddings: bool = True, slow_fusions: bool = False
) -> Mapping[str, Any]:
    """Quantizes the embeddings, optimizes the graph ahead and writes it.

    Args:
        prepared: The graph, its products quantized already.
        target: The file to write.
        embeddings: Whether the embeddings become int8.
        slow_fusions: Whether onnxruntime may fuse SkipLayerNormalization and BiasGelu.

    Returns:
        The session options that the model must be loaded with.
    """
    if embeddings:
        quantize_embeddings(prepared.model, prepared.keep)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        whole = Path(folder) / "whole.onnx"
        onnx.save(prepared.model, whole)
        optimize_ahead(whole, target, () if slow_fusions else SLOW_ON_CPU)
    return LOAD_AS_IT_IS
