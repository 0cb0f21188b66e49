"""Finding one's way in an ONNX graph: who makes a tensor, who reads it, and what is constant."""

from __future__ import annotations

from typing import Any

from edgetext.errors import needs_extra

with needs_extra("export"):
    import numpy as np
    import numpy.typing as npt
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

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


def attribute(node: NodeProto, name: str, default: Any) -> Any:
    """The value of a node's attribute, or the default where it has none of that name."""
    found = next((item for item in node.attribute if item.name == name), None)
    return default if found is None else helper.get_attribute_value(found)


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


def drop_unread(graph: GraphProto) -> None:
    """Removes nodes whose results nobody reads, and initializers with them."""
    read = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if read.intersection(node.output):
            kept.append(node)
            read.update(node.input)
    kept.reverse()
    del graph.node[:]
    graph.node.extend(kept)
    drop_unused(graph)


def fixed_reshapes(model: ModelProto) -> int:
    """Replaces the shape of reshapes that is put together by a constant that copies the sizes they keep.

    Args:
        model: A graph with the shapes of its tensors (``value_info``); changed in place.

    Returns:
        How many were changed.
    """
    graph = model.graph
    known = {value.name: _sizes(value) for value in (*graph.value_info, *graph.input, *graph.output)}
    done = 0
    for node in (node for node in graph.node if node.op_type == "Reshape"):
        shape = _copying(known.get(node.input[0], []), known.get(node.output[0], []))
        if shape.count(-1) <= 1 and shape:
            node.input[1] = add_constant(graph, f"{node.output[0]}_shape", np.array(shape, np.int64))
            del node.attribute[:]
            done += 1
    drop_unread(graph)
    return done


def _sizes(value: ValueInfoProto) -> list[int | str]:
    """A number, a name, or an empty word for a size of which nothing is known."""
    return [size.dim_value or size.dim_param for size in value.type.tensor_type.shape.dim]


def _copying(given: list[int | str], wanted: list[int | str]) -> list[int]:
    """The shape to ask for: 0 for a size that is copied, -1 for one that follows from the others."""
    copied = [size != "" and given[place : place + 1] == [size] for place, size in enumerate(wanted)]
    return [0 if same else size if isinstance(size, int) else -1 for same, size in zip(copied, wanted, strict=True)]
