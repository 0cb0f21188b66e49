"""Checkpoint -> fp32 ONNX through Optimum, and the check that its logits are torch's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgetext.checkpoint import Checkpoint
from edgetext.errors import ModelError, needs_extra
from edgetext.export.quiet import quiet
from edgetext.foreign.clean_room import clean_room
from edgetext.foreign.load import Source, check_embeddings, check_numbers, load_classifier, load_tokenizer, tokenize
from edgetext.runtime.graph import KNOWN_INPUTS
from edgetext.task import Text
from edgetext.trouble import is_failed_write

with needs_extra("export"):
    import onnxruntime as ort
    import torch
    from optimum.exporters.onnx import onnx_export_from_model
    from optimum.exporters.tasks import TasksManager

LOGIT_TOLERANCE = 1e-4
"""Largest absolute difference between a logit of the graph and torch's. Exports of eleven architectures were within
1e-6; a wrong export is off by far more than rounding."""
_TASK = "text-classification"
_TRACED_TOKENS = 16  # Optimum's own choice for its made-up inputs; the graph takes any length
_SEGMENTS = "token_type_ids"


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
        ModelError: The checkpoint cannot be loaded whole, Optimum cannot export this architecture, it takes other
            inputs, or it is over ONNX's 2 GB for one file.
    """
    with clean_room(checkpoint.path) as room, quiet():
        network = _network(checkpoint, room)
        try:
            onnx_export_from_model(
                network,
                output=folder,
                task=_TASK,
                custom_onnx_configs=_one_segment(network),
                do_validation=False,  # check_logits compares real texts instead of random numbers
                sequence_length=min(_TRACED_TOKENS, checkpoint.max_length),
            )
        except Exception as error:  # what a model's code meets while it is traced has no common root below this one
            if is_failed_write(error):
                raise
            raise ModelError(_cannot_export(checkpoint.model_type, str(error) or type(error).__name__)) from error
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


def check_logits(checkpoint: Checkpoint, model: Path, texts: Sequence[Text]) -> Agreement:
    """Compares the graph's logits with torch's on real texts.

    Args:
        checkpoint: The fine-tuned model.
        model: The exported graph.
        texts: At least one text.

    Raises:
        ModelError: A logit differs by more than ``LOGIT_TOLERANCE``, or the checkpoint cannot be loaded whole.
    """
    session = _session(model)
    names = [item.name for item in session.get_inputs()]
    with clean_room(checkpoint.path) as room, quiet():
        tokenizer, network = load_tokenizer(_source(checkpoint, room), extra="export"), _network(checkpoint, room)
    batch = tokenize(
        tokenizer,
        texts,
        checkpoint.max_length,
        padding=True,
        return_token_type_ids=_SEGMENTS in names,  # a tokenizer of another architecture gives others
        return_tensors="pt",
    )
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


def _network(checkpoint: Checkpoint, room: Path) -> Any:
    """Loads the classifier as torch runs it, once its tokenizer fits it and all of its weights are numbers."""
    source = _source(checkpoint, room)
    network = load_classifier(source, extra="export", dtype=torch.float32).eval()
    tokenizer = load_tokenizer(source, extra="export")
    check_numbers(source.name, network.named_parameters())
    check_embeddings(source.name, tokenizer, network)
    if network.config.pad_token_id is None:  # a decoder finds the end of a text by it
        network.config.pad_token_id = tokenizer.pad_token_id
    return network


def _source(checkpoint: Checkpoint, room: Path) -> Source:
    return Source(str(checkpoint.path), str(room))


def _one_segment(network: Any) -> dict[str, Any]:
    """Leaves the segments out of the graph of a model that knows one: Optimum would trace it with two.

    Where none are given, each token is of the first segment, in torch as in the graph.
    """
    if getattr(network.config, "type_vocab_size", None) != 1:
        return {}
    make = TasksManager.get_exporter_config_constructor("onnx", network, task=_TASK, library_name="transformers")
    known = make(network.config).__class__

    class OneSegment(known):  # type: ignore[misc, valid-type]
        @property
        def inputs(self) -> dict[str, dict[int, str]]:
            return {name: axes for name, axes in super().inputs.items() if name != _SEGMENTS}

    return {"model": OneSegment(network.config, task=_TASK)}


def _session(model: Path) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
