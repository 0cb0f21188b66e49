"""Which layers of a model int8 hurts: the scheme itself, on one part of the layers at a time.

The harm of a part is how far the probabilities move when that part alone is int8 and the rest stays fp32. The other
way round, one layer back to fp32 and the rest int8, shows nothing as soon as two layers ruin the model: giving back
either one leaves it ruined. onnxruntime's ``qdq_loss_debug`` compares tensors of a static model and cannot see the
dynamic schemes. A build for each of a model's some forty layers would take minutes, so parts are halved, the worst
first, and a part that does no harm is not looked into.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgetext.errors import needs_extra
from edgetext.export.graph.walk import GraphIndex

with needs_extra("export"):
    import onnx
    from onnx import NodeProto, TensorProto

MOST_BUILDS = 24
"""Builds that a ranking may take; on MiniLM each takes two to four seconds."""

_WORTH_SPLITTING = 0.05  # share of the whole model's harm below which a part is left in one piece
_PRODUCTS = ("MatMul", "Gemm")


@dataclass(frozen=True)
class WeightedNode:
    """A node of the exported graph that holds weights.

    Attributes:
        name: As ``SchemeInput.keep`` names it.
        weights: How many numbers its matrix has.
        product: Whether it multiplies with them; otherwise it looks rows up, as an embedding does.
    """

    name: str
    weights: int
    product: bool


@dataclass(frozen=True)
class Harm:
    """What int8 does in one part of a model.

    Attributes:
        nodes: The names of its nodes, in the graph's order.
        change: How much they add to the mean absolute change of a probability, as the only weights in int8.
    """

    nodes: tuple[str, ...]
    change: float


def weighted_nodes(model: Path) -> tuple[WeightedNode, ...]:
    """Lists the nodes that a scheme may quantize, in the graph's order.

    Args:
        model: The fp32 graph as exported.
    """
    graph = onnx.load(model).graph
    index = GraphIndex(graph)
    found = ((node, _matrix(index, node)) for node in graph.node)
    return tuple(
        WeightedNode(node.name, matrix.dims[0] * matrix.dims[1], node.op_type in _PRODUCTS)
        for node, matrix in found
        if matrix is not None
    )


def rank_harm(
    nodes: Sequence[str], measure: Callable[[Sequence[str]], float], most_builds: int = MOST_BUILDS
) -> tuple[Harm, ...]:
    """Finds the nodes that int8 hurts, the most harmful first.

    Args:
        nodes: The names of all weighted nodes, in the graph's order.
        measure: Gives the change of the probabilities with only these nodes in int8.
        most_builds: How often it may be called; when they are used up, the rest stays in larger parts.

    Returns:
        Parts that together hold every node once.
    """
    floor = measure(())  # a scheme may also quantize what has no weights, and that cannot be given back

    def harm_of(part: tuple[str, ...]) -> Harm:
        return Harm(part, max(0.0, measure(part) - floor))

    waiting = [harm_of(tuple(nodes))]
    whole, left, done = waiting[0].change, most_builds - 2, []
    while waiting:
        worst = max(waiting, key=lambda harm: harm.change)
        waiting.remove(worst)
        if len(worst.nodes) == 1 or left < 2 or worst.change < _WORTH_SPLITTING * whole:
            done.append(worst)
            continue
        middle = len(worst.nodes) // 2
        waiting += [harm_of(worst.nodes[:middle]), harm_of(worst.nodes[middle:])]
        left -= 2
    return tuple(sorted(done, key=lambda harm: -harm.change))


def _matrix(index: GraphIndex, node: NodeProto) -> TensorProto | None:
    """The float matrix of a product or a lookup, ``None`` where the node has none."""
    place = {"MatMul": 1, "Gemm": 1, "Gather": 0}.get(node.op_type)
    tensor = None if place is None else index.initializers.get(node.input[place])
    if tensor is None or tensor.data_type != TensorProto.FLOAT or len(tensor.dims) != 2:
        return None
    return tensor
