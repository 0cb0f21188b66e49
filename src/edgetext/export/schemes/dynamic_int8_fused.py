"""Dynamic int8 on a fused and trimmed graph: the fastest recipe for the BERT family.

Optimum cannot do this one: its quantizer fails on a graph that its optimizer fused ("Unable to find data type"), so
onnxruntime's own tools do both halves, with rewrites of ours between and after (``export/graph``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgetext.errors import needs_extra
from edgetext.export.graph.ahead import LOAD_AS_IT_IS, optimize_ahead
from edgetext.export.graph.embeddings import quantize_embeddings
from edgetext.export.graph.first_token import keep_first_token
from edgetext.export.graph.fusion import FUSES_AS_BERT, SLOW_ON_CPU, fuse
from edgetext.export.graph.projections import join_projections
from edgetext.export.quiet import quiet
from edgetext.export.schemes.registry import SchemeNotApplicableError

with needs_extra("export"):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

HELP = "dynamic int8, weights per channel, on a fused graph (onnxruntime's optimizer and quantizer)"


def build(fp32: Path, target: Path, model_type: str) -> Mapping[str, Any]:
    """Fuses, trims and quantizes the graph; see ``registry.Scheme``."""
    if model_type not in FUSES_AS_BERT:
        raise SchemeNotApplicableError(f"onnxruntime has no CPU fusion for {model_type!r} models")
    with quiet(), tempfile.TemporaryDirectory(dir=target.parent) as folder:
        model = fuse(fp32 / "model.onnx")
        if model is None:
            raise SchemeNotApplicableError("no attention of this graph could be fused")
        keep_first_token(model)
        join_projections(model)
        fused, quantized = Path(folder) / "fused.onnx", Path(folder) / "quantized.onnx"
        onnx.save(model, fused)
        quantize_dynamic(
            fused,
            quantized,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            # Fused nodes have no type in the graph that the quantizer could look up.
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT, "MatMulConstBOnly": True},
        )
        whole = onnx.load(quantized)
        quantize_embeddings(whole)
        onnx.save(whole, quantized)
        optimize_ahead(quantized, target, SLOW_ON_CPU)
    return LOAD_AS_IT_IS
