"""The tokenizer's graph, a classifier's graph, and what turns logits into a label, as one graph."""

from __future__ import annotations

import json
from dataclasses import dataclass

from edgetext.errors import ModelError, needs_extra
from edgetext.export.text.tokenizing import CUSTOM_DOMAIN, PREFIX
from edgetext.runtime.manifest import Manifest

with needs_extra("export"):
    import numpy as np
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

TEXT_INPUT, LABEL_OUTPUT, PROBABILITIES_OUTPUT = "text", "label", "probabilities"
_LEAST_OPSET = 13  # from here on Unsqueeze takes its axes as an input


@dataclass
class _Builder:
    """Adds nodes to a list, each under a name of its own."""

    graph: GraphProto
    nodes: list[NodeProto]

    def constant(self, name: str, value: object) -> str:
        array = np.array(value, object if isinstance(value, list) and isinstance(value[0], str) else np.int64)
        self.graph.initializer.append(numpy_helper.from_array(array, PREFIX + name))
        return PREFIX + name

    def add(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], f"{PREFIX}{kind}_{output}", **attributes))
        return output


def assemble(tokenizing: ModelProto, model: ModelProto, manifest: Manifest, ending: int) -> ModelProto:
    """Puts the tokenizer before a classifier and the labels after it.

    Args:
        tokenizing: From ``tokenizing_graph``.
        model: The classifier; taken over and changed.
        manifest: With the labels, the task and ``max_length``.
        ending: How many special tokens end each input, which stay when a long text is cut.

    Returns:
        A graph from ``text``, one string, shape (1,), to ``label``, a string, shape (1,), and ``probabilities``,
        float32, shape (1, labels). ``metadata_props`` has the labels, the task, ``max_length`` and, for multi
        label, the thresholds.

    Raises:
        ModelError: The classifier's opset is too old.
    """
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset < _LEAST_OPSET:
        raise ModelError(f"a text model needs ONNX opset {_LEAST_OPSET}, this model has {opset}: export it again")
    graph = model.graph
    before, after = _Builder(graph, list(tokenizing.graph.node)), _Builder(graph, [])
    _encode(before, graph, manifest.max_length, ending)
    _answer(after, _logits(graph), manifest)
    graph.initializer.extend(tokenizing.graph.initializer)
    nodes = [*before.nodes, *graph.node, *after.nodes]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    # onnx.compose puts the prefix on the tokenizer's input as well.
    source = tokenizing.graph.input[0].name
    graph.node.insert(0, helper.make_node("Identity", [TEXT_INPUT], [source], f"{PREFIX}Identity"))
    _declare(model, manifest)
    return model


def _encode(build: _Builder, graph: GraphProto, max_length: int, ending: int) -> None:
    """Cuts the ids to ``max_length``, the closing special tokens kept, and lays the model's inputs out."""
    ids, size = f"{PREFIX}input_ids", f"{PREFIX}size"
    zero, first = build.constant("zero", [0]), build.constant("axis", [0])
    build.add("Shape", [ids], size)
    build.add("Min", [size, build.constant("max_length", [max_length])], f"{PREFIX}kept")
    build.add("Sub", [f"{PREFIX}kept", build.constant("ending", [ending])], f"{PREFIX}cut")
    build.add("Sub", [size, f"{PREFIX}ending"], f"{PREFIX}tail_start")
    build.add("Slice", [ids, zero, f"{PREFIX}cut", first], f"{PREFIX}head")
    build.add("Slice", [ids, f"{PREFIX}tail_start", size, first], f"{PREFIX}tail")
    build.add("Concat", [f"{PREFIX}head", f"{PREFIX}tail"], f"{PREFIX}cut_ids", axis=0)
    row = build.add("Unsqueeze", [f"{PREFIX}cut_ids", first], f"{PREFIX}row")
    shape = build.add("Shape", [row], f"{PREFIX}row_shape")
    for item in graph.input:
        element = item.type.tensor_type.elem_type
        if item.name == "input_ids":
            build.add("Cast", [row], item.name, to=element)
        else:
            value = helper.make_tensor("value", element, [1], [int(item.name == "attention_mask")])
            build.add("ConstantOfShape", [shape], item.name, value=value)


def _answer(build: _Builder, logits: str, manifest: Manifest) -> None:
    if manifest.task == "multi_label":
        build.add("Sigmoid", [logits], PROBABILITIES_OUTPUT)
    else:
        build.add("Softmax", [logits], PROBABILITIES_OUTPUT, axis=-1)
    best = build.add("ArgMax", [PROBABILITIES_OUTPUT], f"{PREFIX}best", axis=-1, keepdims=0)
    build.add("Gather", [build.constant("labels", list(manifest.labels)), best], LABEL_OUTPUT, axis=0)


def _logits(graph: GraphProto) -> str:
    names = [value.name for value in graph.output]
    return "logits" if "logits" in names else names[0]


def _declare(model: ModelProto, manifest: Manifest) -> None:
    """Writes down what goes in and out, the operators' domain, and the metadata."""
    size = len(manifest.labels)
    info = helper.make_tensor_value_info
    model.graph.input.append(info(TEXT_INPUT, TensorProto.STRING, [1]))
    model.graph.output.append(info(LABEL_OUTPUT, TensorProto.STRING, [1]))
    model.graph.output.append(info(PROBABILITIES_OUTPUT, TensorProto.FLOAT, [1, size]))
    model.opset_import.append(helper.make_opsetid(CUSTOM_DOMAIN, 1))
    told: dict[str, object] = {
        "labels": list(manifest.labels),
        "task": manifest.task,
        "max_length": manifest.max_length,
    }
    if manifest.thresholds is not None:
        told["thresholds"] = list(manifest.thresholds)
    helper.set_model_props(
        model, {key: value if isinstance(value, str) else json.dumps(value) for key, value in told.items()}
    )
