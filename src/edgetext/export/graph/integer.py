"""How much of a written model is integer: what a file's name promises is counted in the file itself."""

from __future__ import annotations

from pathlib import Path

from edgetext.errors import needs_extra
from edgetext.export.graph.walk import GraphIndex, attribute

with needs_extra("export"):
    import onnx

_FLOAT = {"MatMul": 1, "Gemm": 1, "FusedMatMul": 1, "FusedGemm": 1, "Conv": 1}
_INTEGER = {
    "DynamicQuantizeMatMul": 1, "MatMulInteger": 1, "MatMulIntegerToFloat": 1, "MatMulNBits": 1, "QGemm": 3,
    "QLinearMatMul": 3, "ConvInteger": 1, "QLinearConv": 3,
}  # fmt: skip
"""Products, and the place of the weights among their inputs."""


def integer_share(model: Path) -> float:
    """Counts which share of the products with constant weights is integer, each by its number of weights.

    Args:
        model: The written file.

    Returns:
        0 to 1; 0 where there is no such product.
    """
    index = GraphIndex(onnx.load(model).graph)
    sizes = {True: 0, False: 0}
    for node in index.graph.node:
        integer = node.op_type in _INTEGER
        place = (_INTEGER if integer else _FLOAT).get(node.op_type)
        weights = index.constant(node.input[place]) if place is not None else None
        if weights is not None:
            packed = 2 if attribute(node, "bits", 8) == 4 else 1
            sizes[integer] += packed * weights.size
    return sizes[True] / max(1, sum(sizes.values()))
