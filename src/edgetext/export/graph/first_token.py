"""Leaves out what the last layer computes for every token but the first.

A classifier of the BERT family reads the first token's vector alone. In the last layer the other tokens are needed
as keys and values of the attention, and for nothing else: their queries, the output projection, both feed-forward
products and the normalizations are work for nothing. With the first token cut out before the queries and before the
residual, everything after it has one row a text instead of one a token. The answers are the same.
"""

from __future__ import annotations

from edgetext.errors import needs_extra
from edgetext.export.graph.walk import GraphIndex, add_constant, insert_before

with needs_extra("export"):
    import numpy as np
    from onnx import ModelProto, NodeProto, helper

# What works on each token by itself, whatever the others hold.
_TOKEN_WISE = {
    "Add", "BiasGelu", "Cast", "Div", "Erf", "FastGelu", "Gelu", "LayerNormalization", "Mul", "Pow", "Relu",
    "SimplifiedLayerNormalization", "SkipLayerNormalization", "Sqrt", "Sub", "Tanh",
}  # fmt: skip


def keep_first_token(model: ModelProto) -> bool:
    """Rewires the last layer so that only the first token passes through it.

    Args:
        model: A graph whose attention was fused to MultiHeadAttention; changed in place.

    Returns:
        Whether it was done; ``False`` where the graph reads more than the first token.
    """
    index = GraphIndex(model.graph)
    attentions = [node for node in model.graph.node if node.op_type == "MultiHeadAttention"]
    query = index.weighted(attentions[-1].input[0]) if attentions else None
    if query is None:
        return False
    tokens = query.input[0]
    residuals = _until_first_token(index, attentions[-1].output[0], tokens)
    if residuals is None:
        return False
    graph, name = model.graph, "first_token"
    bounds = [
        add_constant(graph, f"{name}_{key}", np.array([at], np.int64)) for key, at in (("from", 0), ("to", 1))
    ]
    axis = add_constant(graph, f"{name}_axis", np.array([1], np.int64))
    insert_before(graph, query, [helper.make_node("Slice", [tokens, *bounds, axis], [name], name=name)])
    query.input[0] = name
    for node in residuals:
        for place, given in enumerate(node.input):
            if given == tokens:
                node.input[place] = name
    return True


def _until_first_token(index: GraphIndex, start: str, tokens: str) -> list[NodeProto] | None:
    """Follows the attention's output to where the first token is taken from it.

    Returns:
        The nodes on the way that also read ``tokens``; ``None`` where a node mixes tokens or reads others.
    """
    passed = _passed(index, start)
    if not passed:
        return None
    known = {start, tokens, ""} | {name for node in passed for name in node.output}
    if any(name not in known and index.constant(name) is None for node in passed for name in node.input):
        return None
    return [node for node in passed if tokens in node.input] or None


def _passed(index: GraphIndex, start: str) -> list[NodeProto] | None:
    """Gives the token-wise nodes between a tensor and the taking of its first token; ``None`` if others read it."""
    passed: list[NodeProto] = []
    waiting = [start]
    while waiting:
        name = waiting.pop()
        readers = [node for node in index.consumers(name) if not _takes_first_token(index, node, name)]
        if name in index.outputs or not index.consumers(name):
            return None
        for node in readers:
            if not _is_token_wise(index, node):
                return None
            if node not in passed:
                passed.append(node)
                waiting += [output for output in node.output if output]
    return passed


def _is_token_wise(index: GraphIndex, node: NodeProto) -> bool:
    if node.op_type == "MatMul":
        return node.input[1] in index.initializers
    return node.op_type in _TOKEN_WISE


def _takes_first_token(index: GraphIndex, node: NodeProto, name: str) -> bool:
    if node.op_type != "Gather" or node.input[0] != name:
        return False
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
    which = index.constant(node.input[1])
    return axis == 1 and which is not None and which.ndim == 0 and int(which) == 0
