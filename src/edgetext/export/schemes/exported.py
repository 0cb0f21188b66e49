"""Dynamic int8 by onnxruntime's quantizer, on the graph as exported: fits every architecture.

It is what Optimum's quantizer does with its configuration for AVX512-VNNI, byte for byte: products of two
activations become int8 as well, and embeddings with one scale a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgetext.errors import needs_extra
from edgetext.export.schemes.registry import SchemeInput

with needs_extra("export"):
    import onnx
    from onnxruntime.quantization import QuantizationMode, QuantType
    from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
    from onnxruntime.quantization.registry import IntegerOpsRegistry


def build_as_exported(
    source: SchemeInput, target: Path, *, per_channel: bool = True, reduce_range: bool = False
) -> Mapping[str, Any]:
    """Quantizes the graph as it is.

    Args:
        source: The exported model.
        target: The file to write.
        per_channel: Whether each column of a weight matrix has a scale of its own.
        reduce_range: Whether weights have 7 bits, so that sums of products cannot saturate without VNNI.
    """
    quantizer = ONNXQuantizer(
        onnx.load(source.model),
        per_channel=per_channel,
        reduce_range=reduce_range,
        mode=QuantizationMode.IntegerOps,
        static=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=None,
        nodes_to_quantize=[],
        nodes_to_exclude=sorted(source.keep),
        op_types_to_quantize=list(IntegerOpsRegistry),
        extra_options={"WeightSymmetric": True, "ActivationSymmetric": False},
    )
    quantizer.quantize_model()
    quantizer.model.save_model_to_file(str(target))
    return {}
