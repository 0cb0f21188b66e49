"""Less work in a fused attention: its projections as one product, and the last layer for the first token alone."""

from __future__ import annotations

from dataclasses import dataclass

from edgetext.errors import needs_extra
from edgetext.export.graph.walk import Array, GraphIndex, add_constant, drop_unused, insert_before

with needs_extra("export"):
    import numpy as np
    from onnx import ModelProto, NodeProto, helper

_BIAS = 3  # place of the joint bias among the inputs of MultiHeadAttention
_ADDED = 5  # and of what is added to the scores, a number for each pair of tokens
# What works on each token by itself, whatever the others hold.
_TOKEN_WISE = {
    "Add", "BiasGelu", "Cast", "Div", "Erf", "FastGelu", "Gelu", "LayerNormalization", "Mul", "Pow", "Relu",
    "SimplifiedLayerNormalization", "SkipLayerNormalization", "Sqrt", "Sub", "Tanh",
}  # fmt: skip


def keep_first_token(model: ModelProto) -> bool:
    """Rewires the last layer so that only the first token passes through it.

    A classifier of the BERT family reads the first token's vector alone. In the last layer the other tokens are
    needed as keys and values of the attention, and for nothing else: their queries, the output projection, both
    feed-forward products and the normalizations are work for nothing. With the first token cut out before the
    queries and before the residual, everything after it has one row a text instead of one a token.

    Args:
        model: A graph whose attention was fused to MultiHeadAttention; changed in place.

    Returns:
        Whether it was done; ``False`` where the graph reads more than the first token.
    """
    index = GraphIndex(model.graph)
    attentions = [node for node in model.graph.node if node.op_type == "MultiHeadAttention"]
    query = index.weighted(attentions[-1].input[0]) if attentions else None
    if query is None or any(attentions[-1].input[_ADDED:]):
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
    """The token-wise nodes between a tensor and the taking of its first token; ``None`` if others read it."""
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


def join_projections(model: ModelProto) -> dict[str, tuple[str, ...]]:
    """Joins queries, keys and values of every attention to one product, as far as they read the same tokens.

    With their weights side by side the tokens are quantized once, and one call of the kernel keeps the cores busy
    where three small ones each pay for being started.

    Args:
        model: A graph whose attention was fused to MultiHeadAttention; changed in place.

    Returns:
        The name of each joint product, with the names of those that it replaces.
    """
    attentions = [node for node in model.graph.node if node.op_type == "MultiHeadAttention"]
    joined = {name: parts for node in attentions for name, parts in _join(model, node).items()}
    drop_unused(model.graph)
    return joined


def _join(model: ModelProto, attention: NodeProto) -> dict[str, tuple[str, ...]]:
    found = _projections(GraphIndex(model.graph), attention)
    if found is None:
        return {}
    # In the last layer only keys and values read the same tokens where its queries are those of the first one.
    together = [item for item in found if item.node.input[0] == found[-1].node.input[0]]
    if len(together) < 2:
        return {}
    joint = _joint_nodes(model, attention, together)
    insert_before(model.graph, attention, joint)
    for item in together:
        model.graph.node.remove(item.node)
    for item in (item for item in found if item not in together):
        insert_before(model.graph, attention, [_biased_node(model, attention, item)])
    attention.input[_BIAS] = ""
    return {joint[0].name: tuple(item.node.name for item in together)}


@dataclass(frozen=True)
class _Projection:
    """One of an attention's products: its place among the inputs, its node, weights and bias."""

    place: int
    node: NodeProto
    weight: Array
    bias: Array


def _projections(index: GraphIndex, attention: NodeProto) -> list[_Projection] | None:
    """The three products that feed an attention, or ``None`` where they are not three with one joint bias."""
    bias = index.constant(attention.input[_BIAS]) if len(attention.input) > _BIAS else None
    nodes = [index.weighted(name) for name in attention.input[:_BIAS]]
    if bias is None or any(node is None or len(index.consumers(node.output[0])) > 1 for node in nodes):
        return None
    products = [node for node in nodes if node is not None]
    weights = [weight for node in products if (weight := index.constant(node.input[1])) is not None]
    widths = [weight.shape[1] for weight in weights]
    if bias.size != sum(widths):
        return None
    biases = np.split(bias, np.cumsum(widths)[:-1])
    return [_Projection(*item) for item in zip(range(3), products, weights, biases, strict=True)]


def _joint_nodes(model: ModelProto, attention: NodeProto, together: list[_Projection]) -> list[NodeProto]:
    graph, name = model.graph, f"{attention.name or attention.output[0]}_joint"
    weight = add_constant(graph, f"{name}_weight", np.concatenate([item.weight for item in together], axis=1))
    bias = add_constant(graph, f"{name}_bias", np.concatenate([item.bias for item in together]))
    widths = add_constant(graph, f"{name}_widths", np.array([item.bias.size for item in together], np.int64))
    parts = [f"{name}_{item.place}" for item in together]
    for item, part in zip(together, parts, strict=True):
        attention.input[item.place] = part
    return [
        helper.make_node("MatMul", [together[0].node.input[0], weight], [f"{name}_product"], name=name),
        helper.make_node("Add", [f"{name}_product", bias], [f"{name}_biased"], name=f"{name}_add"),
        helper.make_node("Split", [f"{name}_biased", widths], parts, name=f"{name}_split", axis=-1),
    ]


def _biased_node(model: ModelProto, attention: NodeProto, item: _Projection) -> NodeProto:
    """Adds to a product that stays by itself the bias that the attention no longer adds."""
    name = f"{attention.name or attention.output[0]}_{item.place}"
    bias = add_constant(model.graph, f"{name}_bias", item.bias)
    attention.input[item.place] = f"{name}_biased"
    return helper.make_node("Add", [item.node.output[0], bias], [f"{name}_biased"], name=f"{name}_add")
