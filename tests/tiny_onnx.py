"""Makes the tiny bundle that the runtime's tests open: a random BERT classifier, in fp32 and in int8."""

from __future__ import annotations

import hashlib
import logging
import shutil
import warnings
from pathlib import Path

from edgetext.runtime.bundle import write_manifest
from edgetext.runtime.manifest import Manifest, Variant

LABELS = ("food", "not_food", "unclear")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
MAX_LENGTH = 32
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


def _export(base: Path, folder: Path) -> None:
    import torch
    from optimum.exporters.onnx import onnx_export_from_model
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, about what it calls in torch
        onnx_export_from_model(model, folder / "onnx", task="text-classification", do_validation=False)
    (folder / "onnx/config.json").rename(folder / "config.json")


def _quantize(folder: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    logging.disable(logging.WARNING)  # it advises a pre-processing that changes nothing here
    try:
        quantize_dynamic(folder / "onnx/model.onnx", folder / "onnx/model_quantized.onnx")
    finally:
        logging.disable(logging.NOTSET)


def _variant(folder: Path, name: str, file: str) -> Variant:
    content = (folder / "onnx" / file).read_bytes()
    scheme = "fp32" if name == "fp32" else "dynamic-int8"
    digest = hashlib.sha256(content).hexdigest()
    return Variant(name, f"onnx/{file}", digest, name, scheme, len(content))
