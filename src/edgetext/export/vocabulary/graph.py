"""The embedding table of the kept tokens."""

from __future__ import annotations

from collections.abc import Sequence

from edgetext.errors import ModelError, needs_extra
from edgetext.export.graph.walk import GraphIndex

with needs_extra("export"):
    import numpy as np
    from onnx import ModelProto, NodeProto, numpy_helper

_HARMLESS = frozenset({"Cast", "Gather", "Shape"})


def trim_graph(model: ModelProto, kept: Sequence[int]) -> int:
    """Takes the rows of the dropped tokens out of the embedding table.

    Args:
        model: The fp32 graph as exported; changed in place.
        kept: Old ids, ascending; the new id of each is its place here.

    Returns:
        How many bytes the table lost.

    Raises:
        ModelError: The token table is not found, is used for something else as well, or the graph looks at the
            token ids themselves (for the padding token) and their numbers would change.
    """
    index = GraphIndex(model.graph)
    lookups, others = _readers_of_ids(index)
    tables = {node.input[0] for node in lookups}
    if len(tables) != 1 or (table := tables.pop()) not in index.initializers:
        raise ModelError("the vocabulary cannot be trimmed: this graph has no single table of token embeddings")
    if len(index.consumers(table)) != len(lookups):
        raise ModelError("the vocabulary cannot be trimmed: this graph uses its token embeddings elsewhere too")
    if others and any(number != old for number, old in enumerate(kept[:4])):
        raise ModelError(
            "the vocabulary cannot be trimmed: this graph compares token ids, and the first of them would change"
        )
    tensor = index.initializers[table]
    before = numpy_helper.to_array(tensor)
    if kept[-1] >= len(before):
        raise ModelError(
            f"the tokenizer has a token {kept[-1]}, and the model's table {len(before)} rows: they do not match"
        )
    after = np.ascontiguousarray(before[list(kept)])
    tensor.CopyFrom(numpy_helper.from_array(after, table))
    return int(before.nbytes - after.nbytes)


def _readers_of_ids(index: GraphIndex) -> tuple[list[NodeProto], list[NodeProto]]:
    """The lookups by token id, and the nodes that make something else of the ids."""
    lookups: list[NodeProto] = []
    others: list[NodeProto] = []
    names = ["input_ids"]
    while names:
        name = names.pop()
        for node in index.consumers(name):
            if node.op_type == "Cast":
                names.extend(node.output)
            elif node.op_type == "Gather" and node.input[1] == name:
                lookups.append(node)
            elif node.op_type not in _HARMLESS:
                others.append(node)
    return lookups, others
