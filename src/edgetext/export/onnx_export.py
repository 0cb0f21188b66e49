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
from edgetext.runtime.graph import KNOWN_INPUTS

with needs_extra("export"):
    import onnxruntime as ort
    import torch
    from optimum.exporters.onnx import main_export
    from optimum.exporters.tasks import TasksManager
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
        ModelError: Optimum cannot export this architecture, it takes other inputs, or it is over ONNX's 2 GB for
            one file.
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
        raise ModelError(_cannot_export(checkpoint.model_type, str(error))) from error
    if list(folder.glob("*.onnx_data")):
        raise ModelError(f"{checkpoint.path} is over 2 GB as ONNX, more than a bundle's one file can hold")
    if not (folder / "tokenizer.json").is_file():
        raise ModelError(
            f"{checkpoint.path} has no tokenizer.json: a fast tokenizer is needed to run without torch"
        )
    names = tuple(item.name for item in _session(folder / "model.onnx").get_inputs())
    if others := sorted(set(names) - set(KNOWN_INPUTS)):
        raise ModelError(
            f"a {checkpoint.model_type!r} model takes {', '.join(others)} beside the text, "
            f"and a bundle can give it {', '.join(KNOWN_INPUTS)} alone"
        )
    return names


def check_logits(checkpoint: Checkpoint, model: Path, texts: Sequence[str]) -> Agreement:
    """Compares the graph's logits with torch's on real texts.

    Args:
        checkpoint: The fine-tuned model.
        model: The exported graph.
        texts: At least one text.

    Raises:
        ModelError: A logit differs by more than ``LOGIT_TOLERANCE``, or weights of the checkpoint are missing.
    """
    session = _session(model)
    names = [item.name for item in session.get_inputs()]
    batch = AutoTokenizer.from_pretrained(checkpoint.path)(
        list(texts),
        padding=True,
        truncation=True,
        max_length=checkpoint.max_length,
        return_token_type_ids="token_type_ids" in names,  # a tokenizer of another architecture gives others
        return_tensors="pt",
    )
    network = _network(checkpoint)
    with torch.inference_mode():
        expected = network(**{name: batch[name] for name in names}).logits.numpy()
    feed = {name: batch[name].numpy() for name in names}
    largest = float(np.abs(session.run(["logits"], feed)[0] - expected).max())
    if not largest <= LOGIT_TOLERANCE:  # also true of NaN
        raise ModelError(
            f"the exported graph's logits are {largest:.2g} away from torch's on {len(texts)} texts, "
            f"allowed are {LOGIT_TOLERANCE:g}: this model cannot be exported faithfully"
        )
    return Agreement(len(texts), largest)


def _cannot_export(model_type: str, said: str) -> str:
    """Says what Optimum said, and which architectures it knows where this one is none of them."""
    message = f"Optimum cannot export a {model_type!r} model: {said.strip().partition(chr(10))[0]}"
    known = TasksManager.get_supported_model_type_for_task("text-classification", exporter="onnx")
    return message if model_type in known else f"{message} It can export {', '.join(sorted(known))}"


def _network(checkpoint: Checkpoint) -> Any:
    """Gives the classifier as torch runs it; weights that the file lacks would be random ones, and are refused."""
    with quiet():
        network, loaded = AutoModelForSequenceClassification.from_pretrained(
            checkpoint.path, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
    if missing := sorted(loaded["missing_keys"]):
        raise ModelError(
            f"{checkpoint.path} lacks the weights {', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}: "
            "fine-tune it with 'edgetext train'"
        )
    return network.eval()


def _session(model: Path) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
