"""The bias of a static int8 product is added by the product itself.

onnxruntime fuses a product between QDQ pairs to MatMulIntegerToFloat, and leaves the sum with the bias as a node
of its own, which reads and writes the whole result once more. The kernel has an input for the bias.
"""

from __future__ import annotations

from edgetext.errors import needs_extra
from edgetext.export.graph.walk import GraphIndex

with needs_extra("export"):
    from onnx import ModelProto, NodeProto

_BIAS = 6  # place among the inputs of MatMulIntegerToFloat


def fold_biases(model: ModelProto) -> int:
    """Moves constant biases into the int8 products whose results they are added to.

    Args:
        model: A graph as onnxruntime optimized it; changed in place.

    Returns:
        How many were moved.
    """
    index = GraphIndex(model.graph)
    done = 0
    for node in [node for node in model.graph.node if node.op_type == "MatMulIntegerToFloat"]:
        found = _bias(index, node)
        if found is None or len(node.input) > _BIAS:
            continue
        addition, bias = found
        node.input.extend([""] * (_BIAS - len(node.input)) + [bias])
        node.output[0] = addition.output[0]
        model.graph.node.remove(addition)
        done += 1
    return done


def _bias(index: GraphIndex, product: NodeProto) -> tuple[NodeProto, str] | None:
    """The only reader of a product, when it adds one constant a column, and that constant's name."""
    result = product.output[0]
    readers = index.consumers(result)
    if result in index.outputs or len(readers) != 1 or readers[0].op_type != "Add":
        return None
    other = next((name for name in readers[0].input if name != result), None)
    values = index.constant(other) if other in index.initializers else None
    weights = index.constant(product.input[1])
    if other is None or values is None or weights is None or values.shape != weights.shape[-1:]:
        return None
    return readers[0], other
