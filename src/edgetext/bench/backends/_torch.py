"""What the torch backends share: the model and its tokenizer through transformers, one forward pass a batch.

The mode ``compile`` sends the model through ``torch.compile`` with dynamic shapes, so that a batch of another
length is not compiled anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from edgetext.bench.backends._batched import BATCHES, BatchedRunner
from edgetext.foreign.clean_room import clean_room
from edgetext.foreign.load import Source, load_classifier

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def load_model(folder: str, variant: str) -> Any:
    """Loads a sequence classifier in the precision of a variant, whatever precision its file has.

    Args:
        folder: The checkpoint; nothing is fetched from anywhere else.
        variant: ``fp32``, ``fp16`` or ``bf16``.
    """
    with clean_room(Path(folder)) as room:
        source = Source(folder, str(room))
        return load_classifier(source, extra="bench", dtype=DTYPES[variant]).eval()


def load_tokenizer(folder: str) -> Any:
    """Loads the checkpoint's tokenizer."""
    with clean_room(Path(folder)) as room:
        return AutoTokenizer.from_pretrained(room, local_files_only=True, trust_remote_code=False)


def weight_bytes(model: Any) -> int:
    """Gives the size of a model's parameters in the precision they have now."""
    return sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())


class TorchRunner(BatchedRunner):
    """A torch model, run eagerly or compiled: tokenize, pad to the longest of the batch, forward, argmax.

    Args:
        spec: ``model`` (folder), ``variant``, ``max_length``, ``threads``, and if need be ``mode``: ``compile``.
        device: ``cpu`` or ``cuda``.
        synchronize: Called after each batch, so that a clock sees the device's work done.
        device_name: For readers.
    """

    def __init__(
        self, spec: Mapping[str, Any], device: str, synchronize: Callable[[], None], device_name: str
    ) -> None:
        torch.set_num_threads(spec["threads"])
        self._device = device
        self._synchronize = synchronize
        self._device_name = device_name
        self._max_length = spec["max_length"]
        self._tokenizer = load_tokenizer(spec["model"])
        self._model = load_model(spec["model"], spec["variant"]).to(device)
        self._labels = self._model.config.id2label
        self._compiled = spec.get("mode") == "compile"
        self._run: Callable[..., Any] = torch.compile(self._model, dynamic=True) if self._compiled else self._model

    def tokenize(self, text: str) -> Any:
        """Tokenizes one text, as ``one`` does, up to the tensors on the device."""
        return self._inputs([text])

    def about(self) -> dict[str, Any]:
        """Gives device, threads and the size of the weights."""
        said = {
            "device_name": self._device_name,
            "threads": torch.get_num_threads(),
            "model_bytes": weight_bytes(self._model),
            "batches": BATCHES,
        }
        if self._compiled:
            said["compile"] = "torch.compile with dynamic shapes; a later cold start finds torch's cache on disk"
        return said

    def forward(self, texts: list[str]) -> list[str]:
        """Gives the labels of one batch, once the device is done."""
        with torch.inference_mode():
            winners = self._run(**self._inputs(texts)).logits.argmax(dim=-1).cpu()
        self._synchronize()
        return [self._labels[index] for index in winners.tolist()]

    def _inputs(self, texts: list[str]) -> Any:
        return self._tokenizer(
            texts, padding=True, truncation=True, max_length=self._max_length, return_tensors="pt"
        ).to(self._device)
