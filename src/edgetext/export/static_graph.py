"""A table of word vectors (``runtime/static.py``) as an ONNX graph, for programs that run nothing else.

Pairs of neighbours are hashed by integer operators, in the way of ``StaticModel``; padding counts for nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgetext.files import write_atomically
from edgetext.runtime.static import HASH_FACTOR, StaticTable

_OPSET, _IR_VERSION = 17, 8
_NODES = (
    ("Slice", ["input_ids", "zero", "minus_one", "one"], "left"),
    ("Slice", ["input_ids", "one", "end", "one"], "right"),
    ("Mul", ["left", "factor"], "mixed"),
    ("Add", ["mixed", "right"], "sum"),
    ("Mod", ["sum", "buckets"], "bucket"),
    ("Add", ["bucket", "vocabulary"], "pairs"),
    ("Concat", ["input_ids", "pairs"], "places"),
    ("Slice", ["attention_mask", "one", "end", "one"], "pair_mask"),
    ("Concat", ["attention_mask", "pair_mask"], "mask"),
)
"""Which rows of the table a text has, operator by operator: inputs and output."""


def make_static_graph(table: StaticTable, file: Path) -> None:
    """Writes the graph: ``input_ids`` and ``attention_mask``, int64 of shape (texts, tokens), to ``logits``.

    Args:
        table: The parameters; they are stored as they are, the vectors in int8.
        file: Where to.
    """
    hashed = _NODES if table.buckets else ()
    places, mask = ("places", "mask") if hashed else ("input_ids", "attention_mask")
    nodes = [_node(*entry) for entry in hashed]
    nodes += [
        _node("Gather", ["table", places], "rows"),
        helper.make_node("Cast", ["rows"], ["vectors"], to=TensorProto.FLOAT),
        _node("Gather", ["scale", places], "scales"),
        helper.make_node("Cast", [mask], ["counted"], to=TensorProto.FLOAT),
        _node("Mul", ["scales", "counted"], "weights"),
        _node("Unsqueeze", ["weights", "one"], "row_weights"),
        _node("MatMul", ["row_weights", "vectors"], "sums"),
        _node("Squeeze", ["sums", "one"], "total"),
        helper.make_node("ReduceSum", ["counted", "one"], ["count"], keepdims=1),
        _node("Div", ["total", "count"], "mean"),
        helper.make_node("Gemm", ["mean", "weight", "bias"], ["logits"]),
    ]
    constants = {"zero": [0], "one": [1], "minus_one": [-1], "end": [np.iinfo(np.int64).max]}
    constants |= {"factor": [HASH_FACTOR], "buckets": [max(1, table.buckets)], "vocabulary": [table.vocabulary]}
    parts = {name: np.array(value, np.int64) for name, value in constants.items()}
    parts |= {name: np.asarray(getattr(table, name)) for name in ("table", "scale", "weight", "bias")}
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "static",
        [_tokens("input_ids"), _tokens("attention_mask")],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch_size", len(table.bias)])],
        [numpy_helper.from_array(value, name) for name, value in parts.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    onnx.checker.check_model(model)
    write_atomically(file, model.SerializeToString())


def _node(operator: str, inputs: list[str], output: str) -> onnx.NodeProto:
    if operator == "Slice":  # its axis comes before its step
        inputs = [*inputs[:3], "one", inputs[3]]
    attributes = {"axis": 1} if operator == "Concat" else {}
    return helper.make_node(operator, inputs, [output], **attributes)


def _tokens(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.INT64, ["batch_size", "sequence_length"])
