"""Queries, keys and values of an attention as one matrix product instead of three.

The three read the same tokens. As one product with their weights side by side, the tokens are quantized once, and
one call of the kernel keeps the cores busy where three small ones each pay for being started.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgetext.errors import needs_extra
from edgetext.export.graph.walk import Array, GraphIndex, add_constant, drop_unused, insert_before

with needs_extra("export"):
    import numpy as np
    from onnx import ModelProto, NodeProto, helper

_BIAS = 3  # place of the joint bias among the inputs of MultiHeadAttention


def join_projections(model: ModelProto) -> dict[str, tuple[str, ...]]:
    """Joins the projections of every attention, as far as they read the same tokens.

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
    """Gives the three products that feed an attention, or ``None`` where they are not three with one joint bias."""
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
    """Gives a product that stays by itself the bias that the attention no longer adds."""
    name = f"{attention.name or attention.output[0]}_{item.place}"
    bias = add_constant(model.graph, f"{name}_bias", item.bias)
    attention.input[item.place] = f"{name}_biased"
    return helper.make_node("Add", [item.node.output[0], bias], [f"{name}_biased"], name=f"{name}_add")
