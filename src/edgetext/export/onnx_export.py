"""Checkpoint -> fp32 ONNX, by Optimum or by torch itself, and the check that its logits are torch's.

Which of the two is there depends on transformers: Optimum's exporter stops at version 4, torch's is used from 5 on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from edgetext.checkpoint import Checkpoint
from edgetext.errors import EdgetextError, ModelError, needs_extra
from edgetext.export.quiet import quiet
from edgetext.foreign.clean_room import clean_room
from edgetext.foreign.load import (
    Source,
    check_embeddings,
    check_numbers,
    load_classifier,
    load_tokenizer,
    save_tokenizer,
    tokenize,
)
from edgetext.foreign.versions import extras_to_export
from edgetext.runtime.graph import KNOWN_INPUTS
from edgetext.task import Text
from edgetext.trouble import is_failed_write

with needs_extra("export"):
    import onnxruntime as ort
    import torch

LOGIT_TOLERANCE = 1e-4
"""Largest absolute difference between a logit of the graph and torch's. Exports of eleven architectures were within
1e-6; a wrong export is off by far more than rounding."""
TRACED_TOKENS = 16
"""Of the texts that a graph is traced with, where the model takes so many; the graph takes any length."""
_SEGMENTS = "token_type_ids"
_MORE = 2  # tokens of padding behind the longest text, so that there is some even where all are equally long


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
        ModelError: The checkpoint cannot be loaded whole, this architecture cannot be exported, it takes other
            inputs, or it is over ONNX's 2 GB for one file.
        MissingExtraError: It needs Optimum, which is not installed.
    """
    exporter()  # said before the model is loaded where it is not there
    with clean_room(checkpoint.path) as room, quiet():
        network = _network(checkpoint, room)
        try:
            write_graph(network, folder, min(TRACED_TOKENS, checkpoint.max_length))
        except EdgetextError as error:
            raise ModelError(f"{checkpoint.path}: {error}") from error
        except Exception as error:  # what a model's code meets while it is traced has no common root below this one
            if is_failed_write(error):
                raise
            said = str(error) or type(error).__name__
            raise ModelError(exporter().cannot_export(checkpoint.model_type, said)) from error
        save_tokenizer(load_tokenizer(_source(checkpoint, room), extra="export"), folder)
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


def write_graph(network: Any, folder: Path, tokens: int = TRACED_TOKENS) -> None:
    """Writes ``model.onnx`` and ``config.json`` of a torch model, by the exporter that there is.

    Args:
        network: A classifier of transformers, ready to predict.
        folder: An existing folder.
        tokens: How long the texts are that it is traced with.
    """
    exporter().write_graph(network, folder, tokens)


def exporter() -> ModuleType:
    """Chooses the exporter by the transformers that is installed (see ``exporters``).

    Raises:
        MissingExtraError: It is not installed.
    """
    name = "by_optimum" if "optimum" in extras_to_export() else "by_torch"
    return import_module(f"edgetext.export.exporters.{name}")


def check_logits(checkpoint: Checkpoint, model: Path, texts: Sequence[Text]) -> Agreement:
    """Compares the graph's logits with torch's on real texts: in padded batches of two lengths, and one by itself.

    Args:
        checkpoint: The fine-tuned model.
        model: The exported graph.
        texts: At least one text.

    Raises:
        ModelError: A logit differs by more than ``LOGIT_TOLERANCE``, or the checkpoint cannot be loaded whole.
    """
    session = _session(model)
    names = [item.name for item in session.get_inputs()]
    largest = 0.0
    with clean_room(checkpoint.path) as room, quiet():
        tokenizer, network = load_tokenizer(_source(checkpoint, room), extra="export"), _network(checkpoint, room)
        for batch in _batches(tokenizer, texts, checkpoint.max_length, segments=_SEGMENTS in names):
            given = {name: batch[name] for name in names}
            with torch.inference_mode():
                expected = network(**given).logits.numpy()
            found = session.run(["logits"], {name: values.numpy() for name, values in given.items()})[0]
            largest = max(largest, _compare(found, expected, len(texts)))
    return Agreement(len(texts), largest)


def _batches(tokenizer: Any, texts: Sequence[Text], max_length: int, *, segments: bool) -> Iterator[Any]:
    """Encodes all texts together, the shorter half together, and one by itself, which is not padded."""

    def encode(some: Sequence[Text], padded_to: int | None) -> Any:
        return tokenize(
            tokenizer,
            some,
            padded_to or max_length,
            padding=False if padded_to is None else "max_length",
            return_token_type_ids=segments,  # a tokenizer of another architecture gives others
            return_tensors="pt",
        )

    lengths = [len(ids) for ids in tokenize(tokenizer, texts, max_length)["input_ids"]]
    order = sorted(range(len(texts)), key=lengths.__getitem__)
    for places in (order, order[: (len(order) + 1) // 2]):
        yield encode([texts[place] for place in places], min(max_length, lengths[places[-1]] + _MORE))
    yield encode([texts[order[-1]]], None)


def _compare(found: Any, expected: Any, texts: int) -> float:
    """Finds the largest difference.

    Raises:
        ModelError: It is above ``LOGIT_TOLERANCE``.
    """
    apart = np.abs(found - expected)
    place = np.unravel_index(np.argmax(np.where(np.isnan(apart), np.inf, apart)), apart.shape)
    if not apart[place] <= LOGIT_TOLERANCE:  # also true of NaN
        raise ModelError(
            f"the exported graph's logits are {apart[place]:.2g} away from torch's on {texts} texts, allowed are "
            f"{LOGIT_TOLERANCE:g} ({found[place]:.6g} where torch has {expected[place]:.6g}): this model cannot be "
            "exported faithfully"
        )
    return float(apart[place])


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


def _session(model: Path) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
