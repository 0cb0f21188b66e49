"""A tokenizer as ONNX nodes: onnxruntime-extensions' operators, told what ``tokenizer.json`` says.

The converter of onnxruntime-extensions reads ``tokenizer_config.json``, which leaves defaults out: where it is
silent about accents, BERT's tokenizer strips them once it lowers the case, and the converter does not. So the
normalizer of ``tokenizer.json`` decides here, and control characters are removed by two replacements before the
operator, which does not know them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgetext.errors import ModelError, needs_extra
from edgetext.export.quiet import quiet
from edgetext.reading import MAX_TOKENIZER_BYTES, read_object

with needs_extra("export"):
    import numpy as np
    from onnx import ModelProto, NodeProto, compose, helper, numpy_helper
    from onnxruntime_extensions import gen_processing_models
    from transformers import AutoTokenizer

CUSTOM_DOMAIN = "ai.onnx.contrib"
PREFIX = "text/"
# What BertNormalizer's clean_text does: white space becomes a space; control, format, private-use and unassigned
# characters and the replacement character go.
_CLEANING = ((r"[\t\n\r\p{Z}]", " "), (r"\p{C}|\x{FFFD}", ""))


def tokenizing_graph(folder: Path) -> ModelProto:
    """Makes a graph from one string, ``text``, to its ``text/input_ids``, special tokens included.

    Args:
        folder: With ``tokenizer.json`` and ``tokenizer_config.json``.

    Raises:
        ModelError: onnxruntime-extensions has no operator for this tokenizer.
    """
    normalizer = read_object(folder / "tokenizer.json", limit=MAX_TOKENIZER_BYTES).get("normalizer") or {}
    is_bert = normalizer.get("type") == "BertNormalizer"
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(folder)
        try:
            model, _ = gen_processing_models(tokenizer, pre_kwargs=_bert_options(normalizer) if is_bert else {})
        except (ValueError, TypeError, AttributeError, KeyError, OSError) as error:
            raise ModelError(
                f"a text model cannot be made: onnxruntime-extensions has no operator for the tokenizer "
                f"{type(tokenizer).__name__} ({str(error)[:120]}); leave --text-model out"
            ) from error
    model = compose.add_prefix(model, PREFIX)
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
            names.append(f"{PREFIX}clean_{number}_{part}")
            graph.initializer.append(numpy_helper.from_array(np.array([value], object), names[-1]))
        cleaned = f"{PREFIX}clean_{number}"
        inputs = [current, *names]
        nodes.append(helper.make_node("StringRegexReplace", inputs, [cleaned], cleaned, domain=CUSTOM_DOMAIN))
        current = cleaned
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == text:
                node.input[place] = current
    for place, node in enumerate(nodes):
        graph.node.insert(place, node)
