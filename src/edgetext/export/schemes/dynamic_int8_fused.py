"""Dynamic int8 on a fused graph: attention, GELU and layer normalization as one node each.

Optimum cannot do this one: its quantizer fails on a graph that its optimizer fused ("Unable to find data type"),
so both halves are onnxruntime's own tools. Two fusions stay off, in the graph and when it is loaded:
SkipLayerNormalization and BiasGelu, whose CPU kernels cost more than what they replace once there are a few hundred
tokens. The attention keeps its projections apart (MultiHeadAttention), so that they stay plain int8 products.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgetext.errors import needs_extra
from edgetext.export.quiet import quiet
from edgetext.export.schemes.registry import SchemeNotApplicableError

with needs_extra("export"):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

HELP = "dynamic int8, weights per channel, on a fused graph (onnxruntime's optimizer and quantizer)"

# Architectures whose attention onnxruntime's fusion for BERT recognizes.
_FUSES_AS_BERT = ("bert", "distilbert", "roberta", "xlm-roberta", "electra")
_SLOW_ON_CPU = ["SkipLayerNormFusion", "BiasGeluFusion"]


def build(fp32: Path, target: Path, model_type: str) -> Mapping[str, Any]:
    """Fuses the graph, then quantizes it; see ``registry.Scheme``."""
    if model_type not in _FUSES_AS_BERT:
        raise SchemeNotApplicableError(f"onnxruntime has no CPU fusion for {model_type!r} models")
    with quiet(), tempfile.TemporaryDirectory(dir=target.parent) as folder:
        fused = Path(folder) / "fused.onnx"
        _fuse(fp32 / "model.onnx", fused)
        quantize_dynamic(
            fused,
            target,
            per_channel=True,
            weight_type=QuantType.QInt8,
            # Fused nodes have no type in the graph that the quantizer could look up.
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT, "MatMulConstBOnly": True},
        )
    return {"disabled_optimizers": _SLOW_ON_CPU}


def _fuse(source: Path, target: Path) -> None:
    options = FusionOptions("bert")
    options.use_multi_head_attention = True
    options.enable_skip_layer_norm = False
    options.enable_bias_skip_layer_norm = False
    options.enable_bias_gelu = False
    options.enable_embed_layer_norm = False
    model = optimize_model(
        str(source), model_type="bert", num_heads=0, hidden_size=0, optimization_options=options, opt_level=0
    )
    if not model.get_fused_operator_statistics()["MultiHeadAttention"]:
        raise SchemeNotApplicableError("no attention of this graph could be fused")
    model.save_model_to_file(str(target))
