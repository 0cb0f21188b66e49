"""Dynamic int8 by onnxruntime's quantizer, on a fused and trimmed graph: the fastest for the BERT family.

Optimum cannot do this one: its quantizer fails on a graph that its optimizer fused ("Unable to find data type").
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgetext.errors import needs_extra
from edgetext.export.graph.fusion import approximate_gelu
from edgetext.export.schemes.calibrating import calibration_feeds, smooth_by
from edgetext.export.schemes.fused import PRODUCTS, Prepared, finish, fused
from edgetext.export.schemes.registry import SchemeInput, SchemeNotApplicableError

with needs_extra("export"):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic


def build_dynamic(
    source: SchemeInput,
    target: Path,
    *,
    per_channel: bool = True,
    reduce_range: bool = False,
    embeddings: bool = True,
    slow_fusions: bool = False,
    fast_gelu: bool = False,
    smoothed: bool = False,
) -> Mapping[str, Any]:
    """Fuses, trims and quantizes the graph; the scale of an activation is found at each call.

    Args:
        source: The exported model; with calibration texts where it is to be smoothed.
        target: The file to write.
        per_channel: Whether each column of a weight matrix has a scale of its own.
        reduce_range: Whether weights have 7 bits, so that sums of products cannot saturate without VNNI.
        embeddings: Whether the embeddings become int8 too; left in fp32 the model is larger, and nothing of them
            is lost.
        slow_fusions: Whether SkipLayerNormalization and BiasGelu are fused too: fewer nodes, some of them slow.
        fast_gelu: Whether GELU is computed by its tanh formula.
        smoothed: Whether SmoothQuant comes first.

    Returns:
        The session options that the model must be loaded with.

    Raises:
        SchemeNotApplicableError: The graph has no fusion, no GELU to approximate, or nothing to smooth.
        InputError: A calibration text is empty.
    """
    prepared = fused(source, slow_fusions=slow_fusions)
    if smoothed:
        smooth_by(calibration_feeds(source, prepared.model), prepared.model)
    if fast_gelu and not approximate_gelu(prepared.model):
        raise SchemeNotApplicableError("this graph has no exact GELU to approximate")
    quantized = _quantize(prepared, per_channel=per_channel, reduce_range=reduce_range)
    return finish(quantized, target, embeddings=embeddings, slow_fusions=slow_fusions)


def _quantize(prepared: Prepared, *, per_channel: bool, reduce_range: bool) -> Prepared:
    """Makes the products with constant weights int8."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "given.onnx", Path(folder) / "made.onnx"
        onnx.save(prepared.model, given)
        quantize_dynamic(
            given,
            made,
            op_types_to_quantize=PRODUCTS,
            per_channel=per_channel,
            reduce_range=reduce_range,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=sorted(prepared.keep),
            # Fused nodes have no type in the graph that the quantizer could look up.
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT, "MatMulConstBOnly": True},
        )
        return replace(prepared, model=onnx.load(made))
