"""A tiny classifier that one scale a tensor ruins: a few outlier channels in it, and the same answers in fp32."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

_OUTLIERS = (3, 11, 20, 29)


def add_outliers(model: Path, layers: Iterable[int], scale: float = 1000.0) -> None:
    """Scales a few channels of these layers' attention values up, and back down where they are read.

    Attention mixes tokens and not channels, so that the answers stay what they were. Where a tensor has one int8
    scale, the outliers set it: the other channels of the values round to zero, and so do the weights that read the
    outliers.
    """
    loaded = onnx.load(model)
    tensors = {tensor.name: tensor for tensor in loaded.graph.initializer}
    nodes = {node.name: node for node in loaded.graph.node}
    for layer in layers:
        attention = f"/bert/encoder/layer.{layer}/attention"
        value = nodes[f"{attention}/self/value/MatMul"].input[1]
        bias = f"bert.encoder.layer.{layer}.attention.self.value.bias"
        output = nodes[f"{attention}/output/dense/MatMul"].input[1]
        _scale(tensors[value], (slice(None), list(_OUTLIERS)), scale)
        _scale(tensors[bias], (list(_OUTLIERS),), scale)
        _scale(tensors[output], (list(_OUTLIERS), slice(None)), 1 / scale)
    onnx.save(loaded, model)


def _scale(tensor: onnx.TensorProto, where: tuple, factor: float) -> None:
    array = np.array(numpy_helper.to_array(tensor))
    array[where] *= factor
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
