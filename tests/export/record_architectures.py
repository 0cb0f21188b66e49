"""Records which schemes apply to which architecture; ``docs/architectures.md`` shows the record, a test checks it.

Run it as ``python tests/export/record_architectures.py``, then ``make docs``.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnx
from architectures import ARCHITECTURES, Architecture
from tiny_tokenizers import BERT_LIKE, byte_pairs, word_piece
from trying import Tried, try_architecture

from edgetext.errors import ModelError
from edgetext.export.graph.integer import integer_share
from edgetext.foreign.versions import transformers_version

_NAME = "architectures-5.json" if transformers_version() >= (5, 0) else "architectures.json"
RECORD = Path(__file__).parents[2] / "benchmarks/results" / _NAME
LIBRARIES = ("torch", "transformers", "optimum-onnx", "onnxruntime")
FUSED = ("MultiHeadAttention", "Gelu", "LayerNormalization")
KINDS = {word_piece: "WordPiece", byte_pairs: "byte-level BPE"}

OTHERS = (
    Architecture(
        "BigBird", "big_bird", "PreTrainedTokenizerFast", word_piece, BERT_LIKE, {"attention_type": "original_full"}
    ),
    Architecture("CamemBERT", "camembert", "PreTrainedTokenizerFast", word_piece, BERT_LIKE, offset=1),
    Architecture("CANINE", "canine", "PreTrainedTokenizerFast", word_piece, BERT_LIKE),
    Architecture("Data2VecText", "data2vec-text", "PreTrainedTokenizerFast", word_piece, BERT_LIKE, offset=1),
    Architecture("DeBERTa (v1)", "deberta", "PreTrainedTokenizerFast", word_piece, BERT_LIKE),
    Architecture("ERNIE", "ernie", "PreTrainedTokenizerFast", word_piece, BERT_LIKE),
    Architecture("FNet", "fnet", "PreTrainedTokenizerFast", word_piece, BERT_LIKE),
    Architecture("I-BERT", "ibert", "PreTrainedTokenizerFast", word_piece, BERT_LIKE, offset=1),
    Architecture(
        "Longformer",
        "longformer",
        "PreTrainedTokenizerFast",
        word_piece,
        BERT_LIKE,
        {"attention_window": 8},
        offset=1,
    ),
    Architecture("Megatron-BERT", "megatron-bert", "PreTrainedTokenizerFast", word_piece, BERT_LIKE),
    Architecture("Nyströmformer", "nystromformer", "PreTrainedTokenizerFast", word_piece, BERT_LIKE),
    Architecture(
        "RemBERT", "rembert", "PreTrainedTokenizerFast", word_piece, BERT_LIKE, {"input_embedding_size": 32}
    ),
    Architecture("RoFormer", "roformer", "PreTrainedTokenizerFast", word_piece, BERT_LIKE, {"embedding_size": 32}),
    Architecture(
        "SqueezeBERT", "squeezebert", "PreTrainedTokenizerFast", word_piece, BERT_LIKE, {"embedding_size": 32}
    ),
    Architecture("YOSO", "yoso", "PreTrainedTokenizerFast", word_piece, BERT_LIKE),
)
"""Encoders that edgetext does not promise; the record says what happened when they were tried."""


def describe(tried: Tried) -> dict[str, Any]:
    """Gives what the record says of an architecture."""
    return {
        "name": tried.architecture.name,
        "model_type": tried.architecture.model_type,
        "tokenizer": KINDS.get(tried.architecture.train, "SentencePiece (Unigram)"),
        "inputs": list(tried.inputs),
        "schemes": list(tried.schemes),
        "skipped": dict(tried.skipped),
        "fused": _fused(tried),
        "integer_share": {
            name: round(integer_share(tried.bundle / f"onnx/{name}.onnx"), 3)
            for name in ("dynamic-int8-fused", "dynamic-int8")
            if name in tried.schemes
        },
        "sees_padding": tried.architecture.sees_padding,
        "largest_difference": tried.agreement.largest_difference,
    }


def _fused(tried: Tried) -> dict[str, int]:
    """Counts the nodes that stand for many each, in the fused graph; none where there is no such graph."""
    if "fp32-fused" not in tried.schemes:
        return {}
    graph = onnx.load(tried.bundle / "onnx/fp32-fused.onnx").graph
    found = Counter(node.op_type for node in graph.node)
    return {kind: found[kind] for kind in FUSED}


def try_other(architecture: Architecture, folder: Path) -> dict[str, str]:
    """Tries one that is not promised, and gives what was said of it; an empty sentence is success."""
    try:
        try_architecture(architecture, folder)
    except ModelError as error:
        said = str(error).partition(". ")[0]
    except Exception as error:  # that is what the record is for
        said = f"{type(error).__name__}: {error}".partition("\n")[0]
    else:
        said = ""
    return {
        "name": architecture.name,
        "model_type": architecture.model_type,
        "said": said.replace(str(folder), "the checkpoint"),
    }


def main() -> None:
    """Writes the record."""
    with tempfile.TemporaryDirectory() as place:
        places = (Path(place, str(number)) for number in range(100))
        architectures = [describe(try_architecture(item, next(places))) for item in ARCHITECTURES]
        others = [try_other(item, next(places)) for item in OTHERS]
    libraries = {name: version(name) for name in LIBRARIES if find_spec(name.partition("-")[0])}
    record = {"libraries": libraries, "architectures": architectures, "others": others}
    RECORD.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
