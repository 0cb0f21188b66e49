"""SmoothQuant: channels of an activation that are far larger than the rest are scaled down, and their weights up.

int8 gives a whole activation one scale, so that one large channel costs all others their precision; weights have
a scale a column and bear it better. What a normalization gives is divided by ``s``, one number a channel, and the
rows of the weights that it is multiplied with are multiplied by ``s``: in real numbers nothing changes. With ``s
= max|X|^a / max|W|^(1 - a)`` the difficulty is shared between the two.

Source: G. Xiao et al., "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language
Models", ICML 2023, equation 4; as there, only the inputs that come from a normalization. Their models normalize
before each block; BERT does so after it, and the residual sum reads the same tensor: then the division is a node
of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edgetext.errors import needs_extra
from edgetext.export.graph.walk import (
    Array,
    GraphIndex,
    add_constant,
    constant_products,
    drop_unused,
    insert_before,
)

with needs_extra("export"):
    import numpy as np
    import onnxruntime as ort
    from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

ALPHA = 0.5
"""How much of the difficulty moves to the weights; the paper's value for most models."""

_TINY = 1e-5  # below it a channel counts as silent, and is not blown up


def largest_inputs(model: ModelProto, feeds: Iterable[Mapping[str, Any]]) -> dict[str, Array]:
    """Finds the largest absolute value of each channel of every tensor that can be smoothed.

    Args:
        model: The fp32 graph.
        feeds: Inputs to run it on, without padding.

    Returns:
        By name of the tensor, float32 of shape (channels,).
    """
    names = list(_smoothable(model))
    if not names:  # as in MobileBERT, which does without layer normalization
        return {}
    traced = ModelProto()
    traced.CopyFrom(model)
    traced.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(traced.SerializeToString(), options, providers=["CPUExecutionProvider"])
    largest: dict[str, Array] = {}
    for feed in feeds:
        for name, values in zip(names, session.run(names, dict(feed)), strict=True):
            found = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
            largest[name] = np.maximum(largest[name], found) if name in largest else found
    return largest


def smooth(model: ModelProto, largest: Mapping[str, Array], alpha: float = ALPHA) -> int:
    """Scales the inputs of products down where their channels are large, and the weights up.

    Args:
        model: The fp32 graph; changed in place.
        largest: From ``largest_inputs``.
        alpha: Between 0 and 1: how much of the difficulty moves to the weights.

    Returns:
        How many tensors were smoothed.
    """
    done = 0
    for name, products in _smoothable(model).items():
        if name not in largest:
            continue
        index = GraphIndex(model.graph)
        weights = {node.input[1]: _float(index, node.input[1]) for node in products}
        heaviest = np.max([np.abs(weight).max(axis=1) for weight in weights.values()], axis=0)
        scale = np.maximum(largest[name], _TINY) ** alpha / np.maximum(heaviest, _TINY) ** (1 - alpha)
        scale = scale.astype(np.float32)
        _divide(model, index, name, products, scale)
        for node in products:
            bigger = add_constant(
                model.graph, f"{node.output[0]}_smooth_weight", weights[node.input[1]] * scale[:, None]
            )
            node.input[1] = bigger
        done += 1
    drop_unused(model.graph)
    return done


def _smoothable(model: ModelProto) -> dict[str, list[NodeProto]]:
    """The results of normalizations that are multiplied with constant weights, and the products that do so."""
    index = GraphIndex(model.graph)
    found: dict[str, list[NodeProto]] = {}
    for node in constant_products(model.graph):
        maker = index.producers.get(node.input[0])
        if node.op_type == "MatMul" and maker is not None and maker.op_type == "LayerNormalization":
            found.setdefault(node.input[0], []).append(node)
    return found


def _divide(model: ModelProto, index: GraphIndex, name: str, products: list[NodeProto], scale: Any) -> None:
    """Divides what the products read: inside the normalization where nobody else reads it, else by a node."""
    norm = index.producers[name]
    parameters = [given for given in norm.input[1:] if given]
    alone = len(products) == len(index.consumers(name)) and name not in index.outputs
    if alone and index.initializers.keys() >= set(parameters):  # a parameter may be another one's Identity
        for place, given in enumerate(parameters, start=1):
            norm.input[place] = add_constant(model.graph, f"{name}_smooth_{place}", _float(index, given) / scale)
        return
    factor = add_constant(model.graph, f"{name}_smooth_factor", 1 / scale)
    insert_before(model.graph, products[0], [helper.make_node("Mul", [name, factor], [f"{name}_smooth"])])
    for node in products:
        node.input[0] = f"{name}_smooth"


def _float(index: GraphIndex, name: str) -> Any:
    return numpy_helper.to_array(index.initializers[name])
