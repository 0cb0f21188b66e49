"""Makes the tiny bundles that tests open: a random BERT classifier, in fp32 and in int8; and its checkpoint."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from edgetext.runtime.bundle import open_bundle, write_manifest
from edgetext.runtime.manifest import FirstStage, Manifest, Variant
from edgetext.runtime.static import FIRST_STAGE_FILE, STATIC_FILE, StaticTable, write_static
from edgetext.task import MultiLabel

LABELS = ("food", "not_food", "unclear")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
THRESHOLDS = (0.43, 0.55, 0.565)  # between the probabilities of its texts
SURE_FROM = 0.42
MAX_LENGTH = 32
TEMPERATURE = 1.7
MARGIN = 0.5  # between the margins of its texts
_BUCKETS, _DIMENSIONS = 97, 16
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def make_tiny_bundle(base: Path, folder: Path) -> Path:
    """Exports a classifier on the tiny base, its weights scaled up so that texts differ."""
    (folder / "onnx").mkdir(parents=True)
    _export(base, folder)
    _quantize(folder)
    for name in TOKENIZER_FILES:
        shutil.copy(base / name, folder / name)
    variants = (_variant(folder, "fp32", "model.onnx"), _variant(folder, "int8", "model_quantized.onnx"))
    write_manifest(
        folder, Manifest("single_label", LABELS, MAX_LENGTH, _INPUTS, variants, "int8", created_with="test")
    )
    return folder


def make_several(bundle: Path, folder: Path) -> Path:
    """Makes a copy of the tiny bundle that gives each text any number of its labels."""
    shutil.copytree(bundle, folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["problem_type"] = MultiLabel.problem_type
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    manifest = open_bundle(folder).manifest
    write_manifest(folder, replace(manifest, task=MultiLabel.name, thresholds=THRESHOLDS, files={}))
    return folder


def make_of_pairs(bundle: Path, folder: Path) -> Path:
    """Makes a copy of a tiny bundle that was trained on pairs, by what it says, and has a least confidence."""
    shutil.copytree(bundle, folder)
    manifest = open_bundle(folder).manifest
    columns = {"text_column": "premise", "text_pair_column": "hypothesis"}
    write_manifest(folder, replace(manifest, **columns, min_confidence=SURE_FROM))
    return folder


def make_first(bundle: Path, folder: Path, **fields: Any) -> Path:
    """Makes a copy of a tiny bundle, at a temperature of its own, with a first stage before ``int8``.

    Args:
        bundle: The bundle.
        folder: Where the copy goes.
        fields: Of the manifest's ``first_stage``, where they are to be others.
    """
    shutil.copytree(bundle, folder)
    write_static(folder / FIRST_STAGE_FILE, make_table(folder))
    digest, size = _digest(folder / FIRST_STAGE_FILE)
    evaluation = {"verdict": "passed", "sentence": "passed: both together lost 0.1 points at most."}
    first = FirstStage(FIRST_STAGE_FILE, digest, size, MARGIN, "int8", coverage=0.6, evaluation=evaluation)
    manifest = replace(open_bundle(folder).manifest, temperature=TEMPERATURE, first_stage=replace(first, **fields))
    write_manifest(folder, manifest)
    return folder


def make_static(bundle: Path, folder: Path) -> Path:
    """Makes a bundle of a tiny one's tokenizer and labels whose only model is a table of word vectors."""
    folder.mkdir(parents=True)
    for name in (*TOKENIZER_FILES, "config.json"):
        shutil.copy(bundle / name, folder / name)
    write_static(folder / STATIC_FILE, make_table(folder))
    digest, size = _digest(folder / STATIC_FILE)
    variant = Variant("static", STATIC_FILE, digest, "int8", "static", size)
    write_manifest(
        folder, Manifest("single_label", LABELS, MAX_LENGTH, _INPUTS[:1], (variant,), "static", created_with="test")
    )
    return folder


def make_table(folder: Path, labels: int = len(LABELS), tokens: int | None = None) -> StaticTable:
    """Makes a random table of word vectors whose answers are sure of some texts and not of others.

    Args:
        folder: Whose tokenizer it is for.
        labels: How many scores it gives.
        tokens: How many tokens it knows; as many as the tokenizer if not given.
    """
    random = np.random.default_rng(3)
    rows = (tokens or Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()) + _BUCKETS
    return StaticTable(
        random.integers(-127, 128, (rows, _DIMENSIONS)).astype(np.int8),
        random.uniform(0.01, 0.02, rows).astype(np.float32),
        random.normal(size=(_DIMENSIONS, labels)).astype(np.float32),
        random.normal(size=labels).astype(np.float32) / 10,
        _BUCKETS,
    )


def make_tiny_model_folder(base: Path, folder: Path) -> Path:
    """Writes the classifier of the tiny bundle as transformers does, with its tokenizer."""
    _classifier(base).save_pretrained(folder)
    for name in TOKENIZER_FILES:
        shutil.copy(base / name, folder / name)
    return folder


def _classifier(base: Path) -> Any:
    import torch
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(1)
    names = dict(enumerate(LABELS))
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=len(LABELS), id2label=names, label2id={name: index for index, name in names.items()}
    ).eval()
    model.config.architectures = [type(model).__name__]
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(8)  # at its first random weights BERT gives every text nearly the same answer
    return model


def _export(base: Path, folder: Path) -> None:
    from edgetext.export.onnx_export import write_graph
    from edgetext.export.quiet import quiet

    model = _classifier(base)
    with quiet():
        write_graph(model, folder / "onnx")
    (folder / "onnx/config.json").rename(folder / "config.json")


def _quantize(folder: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    logging.disable(logging.WARNING)  # it advises a pre-processing that changes nothing here
    try:
        quantize_dynamic(folder / "onnx/model.onnx", folder / "onnx/model_quantized.onnx")
    finally:
        logging.disable(logging.NOTSET)


def _variant(folder: Path, name: str, file: str) -> Variant:
    scheme = "fp32" if name == "fp32" else "dynamic-int8"
    digest, size = _digest(folder / "onnx" / file)
    return Variant(name, f"onnx/{file}", digest, name, scheme, size)


def _digest(file: Path) -> tuple[str, int]:
    content = file.read_bytes()
    return hashlib.sha256(content).hexdigest(), len(content)
