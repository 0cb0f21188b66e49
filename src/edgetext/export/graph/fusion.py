"""Attention, GELU and layer normalization as one node each, by onnxruntime's optimizer for transformers.

Two fusions stay off unless asked for: SkipLayerNormalization and BiasGelu, whose CPU kernels mostly cost more than
what they replace (27 µs against 1 + 3 for 14 tokens of width 384 on one core). The attention keeps its projections
apart (MultiHeadAttention), so that they stay plain int8 products.
"""

from __future__ import annotations

from pathlib import Path

from edgetext.errors import needs_extra

with needs_extra("export"):
    from onnx import ModelProto, helper
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

FUSES_AS_BERT = ("bert", "distilbert", "roberta", "xlm-roberta", "electra")
"""Architectures whose attention onnxruntime's fusion for BERT recognizes."""

SLOW_ON_CPU = ("SkipLayerNormFusion", "BiasGeluFusion")
"""Optimizers of onnxruntime that would fuse the two again when the graph is loaded."""


def fuse(source: Path, *, slow_fusions: bool = False) -> ModelProto | None:
    """Gives the fused graph, or ``None`` where no attention could be fused.

    Args:
        source: The graph as exported.
        slow_fusions: Whether SkipLayerNormalization and BiasGelu are fused as well.
    """
    options = FusionOptions("bert")
    options.use_multi_head_attention = True
    options.enable_skip_layer_norm = slow_fusions
    options.enable_bias_skip_layer_norm = False
    options.enable_bias_gelu = slow_fusions
    options.enable_embed_layer_norm = False
    optimized = optimize_model(
        str(source), model_type="bert", num_heads=0, hidden_size=0, optimization_options=options, opt_level=0
    )
    if not optimized.get_fused_operator_statistics()["MultiHeadAttention"]:
        return None
    optimized.topological_sort()
    fused: ModelProto = optimized.model
    fused.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return fused
