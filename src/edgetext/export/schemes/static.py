"""Static int8 by onnxruntime's quantizer (QDQ): the scales of the activations are fixed by training texts.

An answer then depends on nothing but its own text: it is the same alone and in any batch. Only products with
constant weights are quantized, each with a float result: attention, normalization, GELU and the residual sums stay
float, where int8 costs accuracy and saves no time.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgetext.errors import needs_extra
from edgetext.export.graph.qdq import fold_biases, read_unquantized
from edgetext.export.graph.walk import GraphIndex, add_constant, constant_products
from edgetext.export.schemes.calibrating import Feed, FeedReader, calibration_feeds, smooth_by
from edgetext.export.schemes.fused import PRODUCTS, Prepared, finish, fused_where_possible
from edgetext.export.schemes.registry import SchemeInput

with needs_extra("export"):
    import onnx
    from onnx import ModelProto, TensorProto, helper
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static


def build_static(source: SchemeInput, target: Path, *, method: str, smoothed: bool = False) -> Mapping[str, Any]:
    """Calibrates and quantizes the graph, fused where the architecture allows.

    Args:
        source: The exported model, with calibration texts.
        target: The file to write.
        method: How a scale is chosen from the values that were seen, as onnxruntime names it: ``MinMax`` takes
            them all in, ``Percentile`` leaves out the most extreme 0.001 %, ``Entropy`` changes their distribution
            least (Kullback-Leibler divergence).
        smoothed: Whether SmoothQuant comes first.

    Returns:
        The session options that the model must be loaded with.

    Raises:
        SchemeNotApplicableError: There is nothing to smooth.
        InputError: A calibration text is empty.
    """
    prepared = fused_where_possible(source)
    feeds = calibration_feeds(source, prepared.model)
    if smoothed:
        smooth_by(feeds, prepared.model)
    session = finish(_quantize(prepared, feeds, CalibrationMethod[method]), target)
    model = onnx.load(target)
    fold_biases(model)
    onnx.save(model, target)
    return session


def _quantize(prepared: Prepared, feeds: tuple[Feed, ...], method: CalibrationMethod) -> Prepared:
    _type_product_inputs(prepared.model)
    _unshare_biases(prepared.model)
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):  # the calibrators print
        given, made = Path(folder) / "given.onnx", Path(folder) / "made.onnx"
        onnx.save(prepared.model, given)
        quantize_static(
            given,
            made,
            FeedReader(feeds),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=PRODUCTS,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=sorted(prepared.keep),
            calibrate_method=method,
            extra_options={
                "DefaultTensorType": TensorProto.FLOAT,
                "MatMulConstBOnly": True,
                "OpTypesToExcludeOutputQuantization": PRODUCTS,
                # One batch at a time: together the histogram calibrators would need them in one shape.
                "CalibStridedMinMax": 1,
            },
        )
        model = onnx.load(made)
    read_unquantized(model, prepared.keep)
    return replace(prepared, model=model)


def _type_product_inputs(model: ModelProto) -> None:
    """Notes that the inputs of products are float: the calibrators pass over what has no type, as after fusion."""
    names = dict.fromkeys(node.input[0] for node in constant_products(model.graph))
    known = {value.name for value in (*model.graph.value_info, *model.graph.input, *model.graph.output)}
    model.graph.value_info.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names if name not in known
    )


def _unshare_biases(model: ModelProto) -> None:
    """Gives each Gemm a bias of its own: it becomes int32, and for others who share it it must not."""
    index = GraphIndex(model.graph)
    for node in constant_products(model.graph):
        bias = index.constant(node.input[2]) if len(node.input) > 2 else None
        if bias is not None and len(index.consumers(node.input[2])) > 1:
            node.input[2] = add_constant(model.graph, f"{node.output[0]}_bias", bias)
