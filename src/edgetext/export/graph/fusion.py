"""What onnxruntime rewrites itself: attention, GELU, normalization as one node each, and what it does on loading.

Two fusions stay off unless asked for: SkipLayerNormalization and BiasGelu, whose CPU kernels mostly cost more than
what they replace (27 µs against 1 + 3 for 14 tokens of width 384 on one core). The attention keeps its projections
apart (MultiHeadAttention), so that they stay plain int8 products.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgetext.errors import needs_extra
from edgetext.export.graph.multi_head import gather_up
from edgetext.export.graph.walk import GraphIndex, add_constant

with needs_extra("export"):
    import numpy as np
    import onnx
    import onnxruntime as ort
    from onnx import ModelProto, helper
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

FUSES_AS_BERT = ("bert", "distilbert", "roberta", "xlm-roberta", "electra")
"""Architectures whose attention onnxruntime's fusion for BERT recognizes in a graph of Optimum's."""

SLOW_ON_CPU = ("SkipLayerNormFusion", "BiasGeluFusion")
"""Optimizers of onnxruntime that would fuse the two again when the graph is loaded."""

LOAD_AS_IT_IS = {"graph_optimization_level": "disable"}
"""The session options for a graph that was optimized ahead: optimized again, it would get the slow fusions too."""

_CONTRIB = "com.microsoft"


def fuse(source: Path, model_type: str, *, slow_fusions: bool = False) -> ModelProto | None:
    """Fuses a graph; ``None`` where no attention could be fused.

    torch's exporter says where each attention is; in the graphs of Optimum onnxruntime has to recognize it.

    Args:
        source: The graph as exported.
        model_type: The architecture as transformers names it.
        slow_fusions: Whether SkipLayerNormalization and BiasGelu are fused as well.
    """
    model = onnx.load(source)
    if not gather_up(model) and model_type not in FUSES_AS_BERT:
        return None
    if slow_fusions:
        _give_biases(model)
    options = FusionOptions("bert")
    options.use_multi_head_attention = True
    options.enable_skip_layer_norm = slow_fusions
    options.enable_bias_skip_layer_norm = False
    options.enable_bias_gelu = slow_fusions
    options.enable_embed_layer_norm = False
    optimized = optimize_model(
        model, model_type="bert", num_heads=0, hidden_size=0, optimization_options=options, opt_level=0
    )
    if not optimized.get_fused_operator_statistics()["MultiHeadAttention"]:
        return None
    optimized.topological_sort()
    fused: ModelProto = optimized.model
    if all(opset.domain != _CONTRIB for opset in fused.opset_import):
        fused.opset_import.append(helper.make_opsetid(_CONTRIB, 1))
    return fused


def _give_biases(model: ModelProto) -> None:
    """Adds a bias of zeros to normalizations without one: the fusion of SkipLayerNormalization reads it."""
    index = GraphIndex(model.graph)
    for node in model.graph.node:
        if node.op_type == "LayerNormalization" and len(node.input) == 2:
            scale = index.constant(node.input[1])
            if scale is not None:
                node.input.append(add_constant(model.graph, f"{node.output[0]}_no_bias", np.zeros_like(scale)))


def approximate_gelu(model: ModelProto) -> int:
    """Makes each fused Gelu a FastGelu: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), in a quarter less time.

    It differs from the exact one by 0.0005 at most, an eighth of the step between two values of an int8 activation
    that reaches from 0 to 1. Source: D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units", 2016,
    arXiv:1606.08415.

    Args:
        model: From ``fuse``; changed in place.

    Returns:
        How many there were.
    """
    found = [node for node in model.graph.node if node.op_type == "Gelu"]
    for node in found:
        node.op_type, node.domain = "FastGelu", _CONTRIB
        del node.attribute[:]
    return len(found)


def optimize_ahead(source: Path, target: Path, disabled: Sequence[str]) -> None:
    """Writes the graph as onnxruntime would rewrite it for the CPU when it loads it.

    The level is ``extended``: fusions that every CPU runs. ``all`` would add layouts of the machine at hand.

    Args:
        source: The graph.
        target: The file to write.
        disabled: Names of optimizers to leave out.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    ort.InferenceSession(
        str(source), options, providers=["CPUExecutionProvider"], disabled_optimizers=list(disabled)
    )
