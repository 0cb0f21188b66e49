"""From text to label in one graph: a tokenizer as ONNX nodes, a classifier's graph, and its logits as a label.

The tokenizer is onnxruntime-extensions' operators, told what ``tokenizer.json`` says. Their converter reads
``tokenizer_config.json``, which leaves defaults out: where it is silent about accents, BERT's tokenizer strips them
once it lowers the case, and the converter does not. So the normalizer of ``tokenizer.json`` decides here, and
control characters are removed by two replacements before the operator, which does not know them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgetext.errors import ModelError, first_line, needs_extra
from edgetext.export.quiet import quiet
from edgetext.reading import MAX_TOKENIZER_BYTES, read_object
from edgetext.runtime.manifest import Manifest

with needs_extra("export"):
    import numpy as np
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, compose, helper, numpy_helper
    from onnxruntime_extensions import gen_processing_models
    from transformers import AutoTokenizer

TEXT_INPUT, LABEL_OUTPUT, PROBABILITIES_OUTPUT = "text", "label", "probabilities"
_LEAST_OPSET = 13  # from here on Unsqueeze takes its axes as an input
_CUSTOM_DOMAIN = "ai.onnx.contrib"
_PREFIX = "text/"
# What BertNormalizer's clean_text does: white space becomes a space; control, format, private-use and unassigned
# characters and the replacement character go.
_CLEANING = ((r"[\t\n\r\p{Z}]", " "), (r"\p{C}|\x{FFFD}", ""))


def tokenizing_graph(folder: Path) -> ModelProto:
    """Makes a graph from one string, ``text``, to its ``text/input_ids``, special tokens included.

    Args:
        folder: With ``tokenizer.json`` and ``tokenizer_config.json``.

    Raises:
        ModelError: onnxruntime-extensions has no operator for this tokenizer, or transformers cannot load it.
    """
    normalizer = read_object(folder / "tokenizer.json", limit=MAX_TOKENIZER_BYTES).get("normalizer") or {}
    is_bert = normalizer.get("type") == "BertNormalizer"
    with quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
        except Exception as error:  # transformers raises what comes
            raise ModelError(
                f"a text model cannot be made: transformers cannot load the tokenizer ({first_line(error)}); "
                "leave --text-model out"
            ) from error
        try:
            model, _ = gen_processing_models(tokenizer, pre_kwargs=_bert_options(normalizer) if is_bert else {})
        except (ValueError, TypeError, AttributeError, KeyError, OSError) as error:
            raise ModelError(
                f"a text model cannot be made: onnxruntime-extensions has no operator for the tokenizer "
                f"{type(tokenizer).__name__} ({str(error)[:120]}); leave --text-model out"
            ) from error
    model = compose.add_prefix(model, _PREFIX)
    if is_bert and normalizer.get("clean_text", True):
        _clean_before(model)
    return model


def _bert_options(normalizer: dict[str, Any]) -> dict[str, int]:
    lowers, strips = bool(normalizer.get("lowercase", True)), normalizer.get("strip_accents")
    return {
        "do_lower_case": int(lowers),
        "strip_accents": int(lowers if strips is None else strips),
        "tokenize_chinese_chars": int(bool(normalizer.get("handle_chinese_chars", True))),
    }


def _clean_before(model: ModelProto) -> None:
    graph = model.graph
    text = graph.input[0].name
    nodes: list[NodeProto] = []
    current = text
    for number, replacement in enumerate(_CLEANING):
        names = []
        for part, value in zip(("pattern", "by"), replacement, strict=True):
            names.append(f"{_PREFIX}clean_{number}_{part}")
            graph.initializer.append(numpy_helper.from_array(np.array([value], object), names[-1]))
        cleaned = f"{_PREFIX}clean_{number}"
        inputs = [current, *names]
        nodes.append(helper.make_node("StringRegexReplace", inputs, [cleaned], cleaned, domain=_CUSTOM_DOMAIN))
        current = cleaned
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == text:
                node.input[place] = current
    for place, node in enumerate(nodes):
        graph.node.insert(place, node)


@dataclass
class _Builder:
    """Adds nodes to a list, each under a name of its own."""

    graph: GraphProto
    nodes: list[NodeProto]

    def constant(self, name: str, value: list[Any]) -> str:
        kind = {str: object, float: np.float32}.get(type(value[0]), np.int64)
        array = np.array(value, kind)
        self.graph.initializer.append(numpy_helper.from_array(array, _PREFIX + name))
        return _PREFIX + name

    def add(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], f"{_PREFIX}{kind}_{output}", **attributes))
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
    graph.node.insert(0, helper.make_node("Identity", [TEXT_INPUT], [source], f"{_PREFIX}Identity"))
    _declare(model, manifest)
    return model


def _encode(build: _Builder, graph: GraphProto, max_length: int, ending: int) -> None:
    """Cuts the ids to ``max_length``, the closing special tokens kept, and lays the model's inputs out."""
    ids, size = f"{_PREFIX}input_ids", f"{_PREFIX}size"
    zero, first = build.constant("zero", [0]), build.constant("axis", [0])
    build.add("Shape", [ids], size)
    build.add("Min", [size, build.constant("max_length", [max_length])], f"{_PREFIX}kept")
    build.add("Sub", [f"{_PREFIX}kept", build.constant("ending", [ending])], f"{_PREFIX}cut")
    build.add("Sub", [size, f"{_PREFIX}ending"], f"{_PREFIX}tail_start")
    build.add("Slice", [ids, zero, f"{_PREFIX}cut", first], f"{_PREFIX}head")
    build.add("Slice", [ids, f"{_PREFIX}tail_start", size, first], f"{_PREFIX}tail")
    build.add("Concat", [f"{_PREFIX}head", f"{_PREFIX}tail"], f"{_PREFIX}cut_ids", axis=0)
    row = build.add("Unsqueeze", [f"{_PREFIX}cut_ids", first], f"{_PREFIX}row")
    shape = build.add("Shape", [row], f"{_PREFIX}row_shape")
    for item in graph.input:
        element = item.type.tensor_type.elem_type
        if item.name == "input_ids":
            build.add("Cast", [row], item.name, to=element)
        else:
            value = helper.make_tensor("value", element, [1], [int(item.name == "attention_mask")])
            build.add("ConstantOfShape", [shape], item.name, value=value)


def _answer(build: _Builder, logits: str, manifest: Manifest) -> None:
    task = manifest.decides
    if task.temperature != 1.0:
        scale = build.constant("temperature", [task.temperature])
        logits = build.add("Div", [logits, scale], f"{_PREFIX}cooled")
    if task.one_label:
        build.add("Softmax", [logits], PROBABILITIES_OUTPUT, axis=-1)
    else:
        build.add("Sigmoid", [logits], PROBABILITIES_OUTPUT)
    best = build.add("ArgMax", [PROBABILITIES_OUTPUT], f"{_PREFIX}best", axis=-1, keepdims=0)
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
    model.opset_import.append(helper.make_opsetid(_CUSTOM_DOMAIN, 1))
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
