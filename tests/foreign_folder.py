"""A folder that looks like a small BERT classifier to whoever reads headers and JSON alone; how to change it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

TOKENS, POSITIONS, LABELS = 40, 16, ("food", "not_food")
CONFIG = {
    "architectures": ["BertForSequenceClassification"],
    "model_type": "bert",
    "id2label": dict(enumerate(LABELS)),
    "vocab_size": TOKENS,
    "max_position_embeddings": POSITIONS,
    "type_vocab_size": 2,
    "pad_token_id": 0,
}
SHAPES = {
    "bert.embeddings.word_embeddings.weight": (TOKENS, 4),
    "bert.embeddings.position_embeddings.weight": (POSITIONS, 4),
    "bert.embeddings.token_type_embeddings.weight": (2, 4),
    "classifier.bias": (2,),
    "classifier.weight": (2, 4),
}
TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
    ],
    "pair": [],
    "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}},
}


def make_folder(folder: Path) -> Path:
    """Writes the folder; its parts agree."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", CONFIG)
    write_weights(folder / "model.safetensors", SHAPES)
    write_json(folder / "tokenizer.json", tokenizer(TOKENS))
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "pad_token": "[PAD]"})
    return folder


def write_weights(file: Path, shapes: Mapping[str, tuple[int, ...]], kind: str = "F32") -> None:
    """Writes zeros as safetensors, by the format's description rather than by its library."""
    header, place = {}, 0
    for name, shape in shapes.items():
        size = prod(shape) * 4
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(place))


def write_shards(folder: Path, *names: str) -> None:
    """Puts the folder's tensors into files in turn, with an index."""
    (folder / "model.safetensors").unlink()
    where = {tensor: names[number % len(names)] for number, tensor in enumerate(SHAPES)}
    for name in names:
        write_weights(folder / name, {tensor: SHAPES[tensor] for tensor in SHAPES if where[tensor] == name})
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": where})


def tokenizer(tokens: int) -> dict[str, Any]:
    """Gives the content of a ``tokenizer.json`` with so many tokens."""
    vocabulary = {"[PAD]": 0, "[CLS]": 1, **{f"w{number}": number for number in range(2, tokens)}}
    return {
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "w2"},
        "added_tokens": [{"id": 0, "content": "[PAD]", "special": True}],
        "post_processor": TEMPLATE,
    }


def change(file: Path, **fields: Any) -> None:
    """Sets fields of a JSON file."""
    write_json(file, {**json.loads(file.read_text("utf-8")), **fields})


def write_json(file: Path, value: object) -> None:
    """Writes a JSON file."""
    file.write_text(json.dumps(value), "utf-8")
