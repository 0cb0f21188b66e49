"""Dynamic int8 by onnxruntime's quantizer, on a fused graph.

Optimum cannot do this one: its quantizer fails on a graph that its optimizer fused ("Unable to find data type").
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from edgetext.errors import needs_extra
from edgetext.export.schemes._fused import PRODUCTS, Prepared

with needs_extra("export"):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic


def quantize(prepared: Prepared, *, per_channel: bool = True, reduce_range: bool = False) -> Prepared:
    """Makes the products with constant weights int8; the scale of the other factor is found at each call.

    Args:
        prepared: The fp32 graph.
        per_channel: Whether each column of a weight matrix has a scale of its own.
        reduce_range: Whether weights have 7 bits, so that sums of products cannot saturate without VNNI.
    """
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
