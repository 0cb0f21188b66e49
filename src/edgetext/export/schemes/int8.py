"""Dynamic and static int8 by onnxruntime's quantizers, on a graph that was fused and trimmed.

Dynamic int8 is the fastest for the BERT family. Optimum cannot do this one: its quantizer fails on a graph that its
optimizer fused ("Unable to find data type").

In static int8 (QDQ) the scales of the activations are fixed by training texts: an answer then depends on nothing
but its own text, alone and in any batch. Only products with constant weights are quantized, each with a float
result: in attention, normalization, GELU and residual sums int8 would cost accuracy and save no time.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from edgetext.errors import needs_extra
from edgetext.export.graph.fusion import approximate_gelu
from edgetext.export.graph.qdq import fold_biases, read_unquantized
from edgetext.export.graph.walk import GraphIndex, add_constant, constant_products
from edgetext.export.schemes.prepared import (
    PRODUCTS,
    FeedReader,
    Prepared,
    calibration_feeds,
    finish,
    fused,
    fused_where_possible,
    smooth_by,
)
from edgetext.export.schemes.registry import SchemeInput, SchemeNotApplicableError

with needs_extra("export"):
    import onnx
    from onnx import ModelProto, TensorProto, helper
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_dynamic,
        quantize_static,
    )


def build_dynamic(
    source: SchemeInput,
    target: Path,
    *,
    per_channel: bool = True,
    reduce_range: bool = False,
    embeddings: bool = True,
    rewrite: Literal["smooth", "slow-fusions", "fast-gelu"] | None = None,
) -> Mapping[str, Any]:
    """Fuses, trims and quantizes the graph; the scale of an activation is found at each call.

    Args:
        source: The exported model.
        target: The file to write.
        per_channel: Whether each column of a weight matrix has a scale of its own.
        reduce_range: Whether weights have 7 bits, so that sums of products cannot saturate without VNNI.
        embeddings: Whether the embeddings become int8 too; left in fp32 the model is larger, and nothing of them
            is lost.
        rewrite: What else is done to the graph. ``smooth``: SmoothQuant comes first. ``slow-fusions``:
            SkipLayerNormalization and BiasGelu are fused too: fewer nodes, some of them slow. ``fast-gelu``: GELU
            is computed by its tanh formula.

    Raises:
        SchemeNotApplicableError: The graph has no fusion, no GELU to approximate, or nothing to smooth.
    """
    slow_fusions = rewrite == "slow-fusions"
    prepared = fused(source, slow_fusions=slow_fusions)
    if rewrite == "smooth":
        smooth_by(calibration_feeds(source, prepared.model), prepared.model)
    if rewrite == "fast-gelu" and not approximate_gelu(prepared.model):
        raise SchemeNotApplicableError("this graph has no exact GELU to approximate")
    model = _quantize(prepared, quantize_dynamic, {}, per_channel=per_channel, reduce_range=reduce_range)
    return finish(replace(prepared, model=model), target, embeddings=embeddings, slow_fusions=slow_fusions)


def build_static(source: SchemeInput, target: Path, *, method: str, smooth: bool = False) -> Mapping[str, Any]:
    """Calibrates and quantizes the graph, fused where the architecture allows.

    Args:
        source: The exported model.
        target: The file to write.
        method: How a scale is chosen from the values that were seen, as onnxruntime names it: ``MinMax`` takes
            them all in, ``Percentile`` leaves out the most extreme 0.001 %, ``Entropy`` changes their distribution
            least (Kullback-Leibler divergence).
        smooth: Whether SmoothQuant comes first.

    Raises:
        SchemeNotApplicableError: There is nothing to smooth.
    """
    prepared = fused_where_possible(source)
    feeds = calibration_feeds(source, prepared.model)
    if smooth:
        smooth_by(feeds, prepared.model)
    _type_product_inputs(prepared.model)
    _unshare_biases(prepared.model)
    # One batch at a time: together the histogram calibrators would need them in one shape.
    extra = {"OpTypesToExcludeOutputQuantization": PRODUCTS, "CalibStridedMinMax": 1}
    with redirect_stdout(io.StringIO()):  # the calibrators print
        model = _quantize(
            prepared,
            quantize_static,
            extra,
            calibration_data_reader=FeedReader(feeds),
            calibrate_method=CalibrationMethod[method],
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
        )
    read_unquantized(model, prepared.keep)
    session = finish(replace(prepared, model=model), target)
    model = onnx.load(target)
    fold_biases(model)
    onnx.save(model, target)
    return session


def _quantize(
    prepared: Prepared, quantizer: Callable[..., None], extra: Mapping[str, Any], **choices: Any
) -> ModelProto:
    """Makes the products with constant weights int8, by one of onnxruntime's quantizers, which work on files."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "given.onnx", Path(folder) / "made.onnx"
        onnx.save(prepared.model, given)
        quantizer(
            given,
            made,
            op_types_to_quantize=PRODUCTS,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=sorted(prepared.keep),
            # Fused nodes have no type in the graph that the quantizer could look up.
            extra_options={"DefaultTensorType": TensorProto.FLOAT, "MatMulConstBOnly": True, **extra},
            **choices,
        )
        return onnx.load(made)


def _type_product_inputs(model: ModelProto) -> None:
    """Notes that the inputs of products are float: the calibrators pass over what has no type, as after fusion."""
    names = dict.fromkeys(node.input[0] for node in constant_products(model.graph))
    known = {value.name for value in (*model.graph.value_info, *model.graph.input, *model.graph.output)}
    model.graph.value_info.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names if name not in known
    )


def _unshare_biases(model: ModelProto) -> None:
    """Copies a bias that others share for each Gemm: it becomes int32, and for the others it must not."""
    index = GraphIndex(model.graph)
    for node in constant_products(model.graph):
        bias = index.constant(node.input[2]) if len(node.input) > 2 else None
        if bias is not None and len(index.consumers(node.input[2])) > 1:
            node.input[2] = add_constant(model.graph, f"{node.output[0]}_bias", bias)
