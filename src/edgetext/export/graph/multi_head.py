"""Attention as one operator, or as the standard ones that it is made of: from either to the other.

torch's exporter leaves one node of ours for each attention (``exporters.by_torch``). ``write_out`` replaces it by
standard operators, which any runtime opens, and notes at the softmax how many heads there are. ``gather_up`` finds
these again and makes each attention onnxruntime's ``MultiHeadAttention``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgetext.errors import needs_extra
from edgetext.export.graph.walk import GraphIndex, add_constant, attribute, drop_unread, insert_before

with needs_extra("export"):
    import numpy as np
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

DOMAIN = "edgetext"
ATTENTION = "Attention"
"""The operator: query, key and value of shape (batch, heads, tokens, size) in, and a mask where there is one; out
comes (batch, tokens, heads, size). Attributes: ``scale``; ``heads``; ``padding``, whether the mask is boolean and
of shape (batch, tokens) instead of what is added to the scores."""

_CONTRIB = "com.microsoft"
_HEADS = f"{DOMAIN}.heads"
_LOWEST = float(np.finfo(np.float32).min)  # what transformers adds to the score of a token that is not there
_APART = [0, 2, 1, 3]  # (batch, tokens, heads, size) to (batch, heads, tokens, size), and back
_KEYS = [0, 2, 3, 1]  # the same, and transposed for the product with the queries


def write_out(model: ModelProto) -> int:
    """Replaces each attention by standard operators.

    Args:
        model: As torch exports it; changed in place.

    Returns:
        How many there were.
    """
    graph = model.graph
    found = [node for node in graph.node if node.domain == DOMAIN and node.op_type == ATTENTION]
    biases: dict[str, str] = {}
    for node in found:
        mask = node.input[3] if len(node.input) > 3 else ""
        if mask and attribute(node, "padding", 0):
            if mask not in biases:
                biases[mask] = _padding_bias(graph, node, mask)
            mask = biases[mask]
        insert_before(graph, node, _standard(graph, node, mask))
        graph.node.remove(node)
    kept = [opset for opset in model.opset_import if opset.domain != DOMAIN]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return len(found)


def _padding_bias(graph: GraphProto, place: NodeProto, mask: str) -> str:
    """Puts before a node what makes of a mask of the padding a sum for the scores, 0 or as low as there is."""
    axes = add_constant(graph, f"{mask}_axes", np.array([1, 2], np.int64))
    kept = add_constant(graph, f"{mask}_kept", np.array(0, np.float32))
    left_out = add_constant(graph, f"{mask}_left_out", np.array(_LOWEST, np.float32))
    nodes = [
        helper.make_node("Unsqueeze", [mask, axes], [f"{mask}_for_scores"]),
        helper.make_node("Where", [f"{mask}_for_scores", kept, left_out], [f"{mask}_bias"]),
    ]
    insert_before(graph, place, nodes)
    return f"{mask}_bias"


def _standard(graph: GraphProto, node: NodeProto, bias: str) -> list[NodeProto]:
    name = node.output[0]
    query, key, value = node.input[:3]
    scale = add_constant(graph, f"{name}_scale", np.array(attribute(node, "scale", 1.0), np.float32))
    turned, scores, scaled = f"{name}_key", f"{name}_scores", f"{name}_scaled"
    masked, shares, context = f"{name}_masked", f"{name}_shares", f"{name}_context"
    nodes = [
        _turned_key(graph, key, turned),
        helper.make_node("MatMul", [query, turned], [scores]),
        helper.make_node("Mul", [scores, scale], [scaled]),
        *([helper.make_node("Add", [scaled, bias], [masked])] if bias else []),
        helper.make_node("Softmax", [masked if bias else scaled], [shares], axis=-1),
        helper.make_node("MatMul", [shares, value], [context]),
        helper.make_node("Transpose", [context], [name], perm=_APART),
    ]
    softmax = next(made for made in nodes if made.op_type == "Softmax")
    for made in nodes:
        made.metadata_props.extend(node.metadata_props)  # they say which module it is
    helper.set_metadata_props(
        softmax,
        {**{item.key: item.value for item in node.metadata_props}, _HEADS: str(attribute(node, "heads", 0))},
    )
    return nodes


def _turned_key(graph: GraphProto, key: str, turned: str) -> NodeProto:
    """Transposes a key for the product with the queries, at once where it is transposed anyway."""
    maker = GraphIndex(graph).producers.get(key)
    if maker is not None and maker.op_type == "Transpose" and attribute(maker, "perm", []) == _APART:
        return helper.make_node("Transpose", [maker.input[0]], [turned], perm=_KEYS)
    return helper.make_node("Transpose", [key], [turned], perm=[0, 1, 3, 2])


def gather_up(model: ModelProto) -> int:
    """Makes each attention that ``write_out`` wrote one ``MultiHeadAttention``.

    Args:
        model: A graph; changed in place.

    Returns:
        How many there were.
    """
    done = 0
    for softmax in [node for node in model.graph.node if node.op_type == "Softmax"]:
        index = GraphIndex(model.graph)
        found = _find(index, softmax)
        if found is not None:
            _replace(model.graph, index, found)
            done += 1
    if done:
        drop_unread(model.graph)
        model.opset_import.append(helper.make_opsetid(_CONTRIB, 1))
    return done


@dataclass(frozen=True)
class _Attention:
    """The parts of one: tensors by name, ``bias`` what is added to its scores, ``last`` its last node."""

    query: str
    key: str
    value: str
    bias: str
    scale: float
    heads: int
    last: NodeProto


def _find(index: GraphIndex, softmax: NodeProto) -> _Attention | None:
    heads = next((int(item.value) for item in softmax.metadata_props if item.key == _HEADS), 0)
    if not heads:
        return None
    masked = index.producers[softmax.input[0]]
    scaled, bias = (index.producers[masked.input[0]], masked.input[1]) if masked.op_type == "Add" else (masked, "")
    scores, scale = index.producers[scaled.input[0]], index.constant(scaled.input[1])
    context = index.consumers(softmax.output[0])[0]
    last = index.consumers(context.output[0])[0]
    if scale is None or (scores.op_type, context.op_type, last.op_type) != ("MatMul", "MatMul", "Transpose"):
        return None
    query, key = scores.input
    return _Attention(query, key, context.input[1], bias, scale.item(), heads, last)


def _replace(graph: GraphProto, index: GraphIndex, found: _Attention) -> None:
    """Puts the operator in the place of an attention's last node, or of the reshape that joins its heads again."""
    name = found.last.name or found.last.output[0]
    readers = index.consumers(found.last.output[0])
    joins = readers[0] if len(readers) == 1 and _joins_heads(index, readers[0]) else None
    parts, before = [], []
    for part, perm in ((found.query, _APART), (found.key, _KEYS), (found.value, _APART)):
        flat = _before_heads(index, part, perm)
        if flat is None:
            flat, nodes = _joined(graph, part, perm)
            before += nodes
        parts.append(flat)
    parts, bias = _without_biases(index, graph, name, parts)
    mask, nodes = _mask(index, found.bias)
    before += nodes
    result = f"{name}_heads" if joins is None else joins.output[0]
    operator = helper.make_node(
        "MultiHeadAttention",
        [*parts, bias, *mask],
        [result],
        name=name,
        domain=_CONTRIB,
        num_heads=found.heads,
        scale=found.scale,
        mask_filter_value=_LOWEST,
    )
    after = []
    if joins is None:
        shape = add_constant(graph, f"{name}_shape", np.array([0, 0, found.heads, -1], np.int64))
        after = [helper.make_node("Reshape", [result, shape], [found.last.output[0]], name=f"{name}_apart")]
    insert_before(graph, found.last, [*before, operator, *after])
    graph.node.remove(found.last)
    if joins is not None:
        graph.node.remove(joins)


def _before_heads(index: GraphIndex, name: str, perm: Sequence[int]) -> str | None:
    """The tensor of shape (batch, tokens, heads * size) that was cut into heads, where it was cut by a reshape."""
    turned = index.producers.get(name)
    if turned is None or turned.op_type != "Transpose" or attribute(turned, "perm", []) != perm:
        return None
    cut: NodeProto | None = index.producers.get(turned.input[0])
    if cut is None or cut.op_type != "Reshape":
        return None
    shape = index.constant(cut.input[1])
    whole = shape is not None and shape.size == 4 and not shape[0] and not shape[1]
    return cut.input[0] if whole else None


def _joins_heads(index: GraphIndex, node: NodeProto) -> bool:
    shape = index.constant(node.input[1]) if node.op_type == "Reshape" else None
    return shape is not None and shape.size == 3 and not shape[0] and not shape[1]


def _joined(graph: GraphProto, name: str, perm: Sequence[int]) -> tuple[str, list[NodeProto]]:
    """Joins heads that the operator cuts again, as where positions are rotated into them."""
    shape = add_constant(graph, f"{name}_joined_shape", np.array([0, 0, -1], np.int64))
    back = [int(place) for place in np.argsort(perm)]
    nodes = [
        helper.make_node("Transpose", [name], [f"{name}_turned"], perm=back),
        helper.make_node("Reshape", [f"{name}_turned", shape], [f"{name}_joined"]),
    ]
    return f"{name}_joined", nodes


def _without_biases(index: GraphIndex, graph: GraphProto, name: str, parts: list[str]) -> tuple[list[str], str]:
    """Moves what is added to queries, keys and values into the operator, where all three have such a constant."""
    products, biases = [], []
    for part in parts:
        added = index.producers.get(part)
        if added is None or added.op_type != "Add" or len(index.consumers(part)) > 1:
            return parts, ""
        known = [
            (at, value) for at, given in enumerate(added.input) if (value := index.constant(given)) is not None
        ]
        if len(known) != 1 or known[0][1].ndim != 1:
            return parts, ""
        products.append(added.input[1 - known[0][0]])
        biases.append(known[0][1])
    return products, add_constant(graph, f"{name}_biases", np.concatenate(biases))


def _mask(index: GraphIndex, bias: str) -> tuple[list[str], list[NodeProto]]:
    """The operator's last inputs: a mask of the padding where that is all, else what is added to the scores."""
    if not bias:
        return [], []
    chosen = index.producers.get(bias)
    there = index.producers.get(chosen.input[0]) if chosen is not None and chosen.op_type == "Where" else None
    if there is None or there.op_type != "Unsqueeze" or bias != f"{there.input[0]}_bias":
        return ["", bias], []
    mask = f"{there.input[0]}_whole"
    known = mask in index.producers
    return [mask], [] if known else [helper.make_node("Cast", [there.input[0]], [mask], to=TensorProto.INT32)]
