"""What quantizers start from, a graph and calibration texts as its inputs, and the steps that end every scheme."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from edgetext.errors import needs_extra
from edgetext.export.graph.attention import join_projections, keep_first_token
from edgetext.export.graph.embeddings import quantize_embeddings
from edgetext.export.graph.fusion import FUSES_AS_BERT, LOAD_AS_IT_IS, SLOW_ON_CPU, fuse, optimize_ahead
from edgetext.export.graph.smoothing import largest_inputs, smooth
from edgetext.export.schemes.registry import SchemeInput, SchemeNotApplicableError
from edgetext.runtime.encode import Encoder, load_tokenizer
from edgetext.runtime.graph import Graph

with needs_extra("export"):
    import onnx
    from onnx import ModelProto
    from onnx.helper import tensor_dtype_to_np_dtype
    from onnxruntime.quantization import CalibrationDataReader

PRODUCTS = ["MatMul", "Gemm"]
"""What the schemes on a fused graph quantize, as far as one factor is constant; embeddings come on top."""

_BATCH = 32

Feed = Mapping[str, Any]


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
    model = fuse(source.model, source.model_type, slow_fusions=slow_fusions)
    if model is None:
        known = source.model_type in FUSES_AS_BERT
        raise SchemeNotApplicableError(
            "no attention of this graph could be fused"
            if known
            else f"onnxruntime has no CPU fusion for {source.model_type!r} models"
        )
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
    """
    if embeddings:
        quantize_embeddings(prepared.model, prepared.keep)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        whole = Path(folder) / "whole.onnx"
        onnx.save(prepared.model, whole)
        optimize_ahead(whole, target, () if slow_fusions else SLOW_ON_CPU)
    return LOAD_AS_IT_IS


def calibration_feeds(source: SchemeInput, model: ModelProto) -> tuple[Feed, ...]:
    """Encodes the calibration texts in batches of texts with equally many tokens.

    So there is no padding, whose activations would count as if they were somebody's.

    Args:
        source: With the texts and the tokenizer.
        model: The graph to feed.
    """
    inputs = model.graph.input
    dtype = tensor_dtype_to_np_dtype(inputs[0].type.tensor_type.elem_type).name
    graph = Graph(tuple(item.name for item in inputs), dtype, model.graph.output[0].name)
    tokenizer = load_tokenizer((source.folder / "tokenizer.json").read_bytes())
    encoder = Encoder(tokenizer, source.max_length, graph)
    rows = sorted((encoder.encode(text) for text in source.calibration), key=lambda row: len(row.ids))
    batches: list[Feed] = []
    for _, group in groupby(rows, key=lambda row: len(row.ids)):
        equal = list(group)
        batches += [encoder.batch(equal[start : start + _BATCH]) for start in range(0, len(equal), _BATCH)]
    return tuple(batches)


def smooth_by(feeds: Sequence[Feed], model: ModelProto) -> None:
    """Moves the range of the largest channels into the weights (SmoothQuant), by the activations of these batches.

    Args:
        feeds: The batches.
        model: The fp32 graph; changed in place.

    Raises:
        SchemeNotApplicableError: There is nothing to smooth.
    """
    if not smooth(model, largest_inputs(model, feeds)):
        raise SchemeNotApplicableError("no product of this graph reads a layer normalization")


class FeedReader(CalibrationDataReader):  # type: ignore[misc]
    """The batches as onnxruntime's calibrators read them, from one place to another.

    Args:
        feeds: The batches.
    """

    def __init__(self, feeds: tuple[Feed, ...]) -> None:
        """Starts at the first batch; see the class for the arguments."""
        self._feeds = feeds
        self._left: Iterator[Feed] = iter(feeds)

    def __len__(self) -> int:
        """The number of batches."""
        return len(self._feeds)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Goes on with the batches from one place up to another."""
        self._left = iter(self._feeds[start_index:end_index])

    def get_next(self) -> Feed | None:
        """The next batch, or ``None`` after the last."""
        return next(self._left, None)
