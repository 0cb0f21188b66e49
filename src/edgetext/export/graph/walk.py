"""Finding one's way in an ONNX graph: who makes a tensor, who reads it, and what is constant."""

from __future__ import annotations

from edgetext.errors import needs_extra

with needs_extra("export"):
    import numpy as np
    import numpy.typing as npt
    from onnx import GraphProto, NodeProto, TensorProto, numpy_helper

Array = npt.NDArray[np.generic]


class GraphIndex:
    """A graph's tensors by name, as they were when it was made.

    Args:
        graph: The graph.
    """

    def __init__(self, graph: GraphProto) -> None:
        self.graph = graph
        self.initializers: dict[str, TensorProto] = {tensor.name: tensor for tensor in graph.initializer}
        self.producers: dict[str, NodeProto] = {name: node for node in graph.node for name in node.output}
        self.outputs = {value.name for value in graph.output}
        self._consumers: dict[str, list[NodeProto]] = {}
        for node in graph.node:
            for name in dict.fromkeys(node.input):
                self._consumers.setdefault(name, []).append(node)

    def consumers(self, name: str) -> list[NodeProto]:
        """The nodes that read a tensor."""
        return self._consumers.get(name, [])

    def constant(self, name: str) -> Array | None:
        """The value of a tensor that is an initializer or comes from a Constant node, else ``None``."""
        if name in self.initializers:
            return np.asarray(numpy_helper.to_array(self.initializers[name]))
        node = self.producers.get(name)
        if node is None or node.op_type != "Constant":
            return None
        value = next((attribute.t for attribute in node.attribute if attribute.name == "value"), None)
        return None if value is None else np.asarray(numpy_helper.to_array(value))

    def weighted(self, name: str) -> NodeProto | None:
        """The MatMul that makes a tensor by multiplying another one with constant weights, else ``None``."""
        node = self.producers.get(name)
        if node is None or node.op_type != "MatMul" or node.input[1] not in self.initializers:
            return None
        return node


def constant_products(graph: GraphProto) -> list[NodeProto]:
    """Lists the MatMul and Gemm nodes that multiply with an initializer, in the graph's order."""
    constant = {tensor.name for tensor in graph.initializer}
    return [node for node in graph.node if node.op_type in ("MatMul", "Gemm") and node.input[1] in constant]


def add_constant(graph: GraphProto, name: str, value: Array) -> str:
    """Adds an initializer and gives its name."""
    graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    return name


def insert_before(graph: GraphProto, place: NodeProto, nodes: list[NodeProto]) -> None:
    """Puts nodes right before another one, so that the graph stays in the order in which it is computed."""
    at = next(index for index, node in enumerate(graph.node) if node is place or node == place)
    for offset, node in enumerate(nodes):
        graph.node.insert(at + offset, node)


def drop_unused(graph: GraphProto) -> None:
    """Removes initializers that no node reads."""
    used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
