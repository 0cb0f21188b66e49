"""The int8 matrix-product floor of a model: its products with constant weights alone, by onnxruntime, as a runner.

No text classifier on onnxruntime can be faster than these: everything else that a model does comes on top. Each
product is there with its true shape, so that the weights are read from memory as the model reads them. For
``export.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import edgetext  # noqa: F401  # isort: skip - before onnxruntime, whose telemetry it turns off
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgetext.bench.backends._graph import Tokens


def products(model: str) -> list[tuple[int, int]]:
    """Lists the shapes (inputs, outputs) of a graph's products with a constant matrix that see every token.

    The few that see a text only once, in the head, are ``Gemm`` and left out.
    """
    graph = onnx.load(model).graph
    shapes = {item.name: (item.dims[0], item.dims[1]) for item in graph.initializer if len(item.dims) == 2}
    return [shapes[node.input[1]] for node in graph.node if node.op_type == "MatMul" and node.input[1] in shapes]


def floor_graph(shapes: Sequence[tuple[int, int]]) -> bytes:
    """Makes a graph that does nothing but these products, ``uint8`` by ``int8``."""
    random = np.random.default_rng(0)
    widths = sorted({width for width, _ in shapes})
    weights = [
        numpy_helper.from_array(random.integers(-127, 128, shape, np.int8), f"w{place}")
        for place, shape in enumerate(shapes)
    ]
    nodes = [
        helper.make_node("MatMulInteger", [f"x{width}", f"w{place}"], [f"y{place}"])
        for place, (width, _) in enumerate(shapes)
    ]
    graph = helper.make_graph(
        nodes,
        "floor",
        [helper.make_tensor_value_info(f"x{width}", TensorProto.UINT8, ["rows", width]) for width in widths],
        [
            helper.make_tensor_value_info(f"y{place}", TensorProto.INT32, ["rows", count])
            for place, (_, count) in enumerate(shapes)
        ],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


class Floor:
    """The products of a model for as many rows as a text has tokens.

    Args:
        spec: ``model`` (the fp32 ONNX file), ``tokenizer`` (file), ``task``, ``max_length``, ``threads``.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._labels = (str(spec["task"]["labels"][0]),)
        self._tokens = Tokens(spec["tokenizer"], spec["max_length"], ["input_ids"])
        self._shapes = products(spec["model"])
        self._threads: int = spec["threads"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        self._session = onnxruntime.InferenceSession(
            floor_graph(self._shapes), options, providers=["CPUExecutionProvider"]
        )
        self._inputs: dict[int, dict[str, NDArray[np.uint8]]] = {}
        self._length = lru_cache(maxsize=None)(lambda text: int(self._tokens([text])["input_ids"].size))

    def one(self, text: str) -> tuple[str, ...]:
        """Does the products of one text; the label means nothing."""
        self._run(self._length(text))
        return self._labels

    def many(self, texts: Sequence[str], batch: int) -> list[tuple[str, ...]]:
        """Does the products of many texts in batches, as if there were no padding."""
        for begin in range(0, len(texts), batch):
            self._run(sum(self._length(text) for text in texts[begin : begin + batch]))
        return [self._labels] * len(texts)

    def about(self) -> dict[str, Any]:
        """Counts the multiplications of a token."""
        return {"threads": self._threads, "macs_per_token": sum(width * count for width, count in self._shapes)}

    def close(self) -> None:
        """Does nothing: the process ends."""

    def _run(self, rows: int) -> None:
        inputs = self._inputs.get(rows)
        if inputs is None:
            random = np.random.default_rng(rows)
            widths = {width for width, _ in self._shapes}
            inputs = {f"x{width}": random.integers(0, 256, (rows, width), np.uint8) for width in widths}
            self._inputs[rows] = inputs
        self._session.run(None, inputs)


def load(spec: Mapping[str, Any]) -> Floor:
    """Makes the runner (see ``Floor`` for the spec)."""
    return Floor(spec)
