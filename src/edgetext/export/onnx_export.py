"""Checkpoint -> fp32 ONNX through Optimum, and the proof that its logits are torch's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgetext.checkpoint import Checkpoint
from edgetext.errors import ModelError, needs_extra
from edgetext.export.quiet import quiet

with needs_extra("export"):
    import onnxruntime as ort
    import torch
    from optimum.exporters.onnx import main_export
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

LOGIT_TOLERANCE = 1e-4
"""Largest absolute difference between a logit of the graph and torch's. Exports of eleven architectures were within
1e-6; a wrong export is off by far more than rounding."""


@dataclass(frozen=True)
class Agreement:
    """How far the exported graph is from torch.

    Attributes:
        texts: How many texts were compared.
        largest_difference: Largest absolute difference of a logit.
        tolerance: What was allowed.
    """

    texts: int
    largest_difference: float
    tolerance: float = LOGIT_TOLERANCE


def export_fp32(checkpoint: Checkpoint, folder: Path) -> tuple[str, ...]:
    """Writes ``model.onnx``, ``config.json`` and the tokenizer's files into a folder.

    Args:
        checkpoint: The fine-tuned model.
        folder: An existing, empty folder.

    Returns:
        The names of the graph's inputs.

    Raises:
        ModelError: Optimum cannot export this architecture, or the model is over ONNX's 2 GB for one file.
    """
    try:
        with quiet():
            main_export(
                str(checkpoint.path),
                output=folder,
                task="text-classification",
                do_validation=False,  # check_logits compares real texts instead of random numbers
                library_name="transformers",
            )
    except (ValueError, KeyError, NotImplementedError, RuntimeError) as error:
        first = str(error).strip().partition("\n")[0]
        raise ModelError(f"Optimum cannot export a {checkpoint.model_type!r} model: {first}") from error
    if list(folder.glob("*.onnx_data")):
        raise ModelError(f"{checkpoint.path} is over 2 GB as ONNX, more than a bundle's one file can hold")
    if not (folder / "tokenizer.json").is_file():
        raise ModelError(
            f"{checkpoint.path} has no tokenizer.json: a fast tokenizer is needed to run without torch"
        )
    return tuple(item.name for item in _session(folder / "model.onnx").get_inputs())


def check_logits(checkpoint: Checkpoint, model: Path, texts: Sequence[str]) -> Agreement:
    """Compares the graph's logits with torch's on real texts.

    Args:
        checkpoint: The fine-tuned model.
        model: The exported graph.
        texts: At least one text.

    Raises:
        ModelError: A logit differs by more than ``LOGIT_TOLERANCE``.
    """
    tokenizer = AutoTokenizer.from_pretrained(checkpoint.path)
    batch = tokenizer(
        list(texts), padding=True, truncation=True, max_length=checkpoint.max_length, return_tensors="pt"
    )
    network: Any = AutoModelForSequenceClassification.from_pretrained(
        checkpoint.path, use_safetensors=True, dtype=torch.float32
    ).eval()
    with torch.inference_mode():
        expected = network(**batch).logits.numpy()
    session = _session(model)
    feed = {item.name: batch[item.name].numpy() for item in session.get_inputs()}
    largest = float(np.abs(session.run(["logits"], feed)[0] - expected).max())
    if not largest <= LOGIT_TOLERANCE:  # also true of NaN
        raise ModelError(
            f"the exported graph's logits are {largest:.2g} away from torch's on {len(texts)} texts, "
            f"allowed are {LOGIT_TOLERANCE:g}: this model cannot be exported faithfully"
        )
    return Agreement(len(texts), largest)


def _session(model: Path) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
