"""The checkpoint in ``transformers.pipeline`` on the processor, fp32: what most people run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import pipeline

from edgetext.bench.backends._torch import load_model, load_tokenizer, weight_bytes
from edgetext.measure.environment import cpu_model


class PipelineRunner:
    """A text-classification pipeline.

    Args:
        spec: ``model`` (folder), ``variant``, ``max_length``, ``threads``.
        device: ``cpu`` or ``cuda``.
        device_name: For readers.
    """

    def __init__(self, spec: Mapping[str, Any], device: str, device_name: str) -> None:
        torch.set_num_threads(spec["threads"])
        self._cut = {"truncation": True, "max_length": spec["max_length"]}
        model, tokenizer = load_model(spec["model"], spec["variant"]), load_tokenizer(spec["model"])
        self._device_name = device_name
        self._pipeline = pipeline("text-classification", model=model, tokenizer=tokenizer, device=device)

    def one(self, text: str) -> str:
        """Gives the label of one text."""
        answer = self._pipeline(text, **self._cut)
        return str((answer[0] if isinstance(answer, list) else answer)["label"])

    def many(self, texts: Sequence[str], batch: int) -> list[str]:
        """Gives the labels of many texts; the pipeline makes the batches."""
        return [str(answer["label"]) for answer in self._pipeline(list(texts), batch_size=batch, **self._cut)]

    def tokenize(self, text: str) -> Any:
        """Tokenizes one text, as the pipeline does."""
        return self._pipeline.tokenizer(text, return_tensors="pt", **self._cut)

    def about(self) -> dict[str, Any]:
        """Gives device, threads and the size of the weights."""
        return {
            "device_name": self._device_name,
            "threads": torch.get_num_threads(),
            "model_bytes": weight_bytes(self._pipeline.model),
            "batches": "by the pipeline's batch_size, in the order given",
        }

    def close(self) -> None:
        """Does nothing: the process ends."""


def load(spec: Mapping[str, Any]) -> PipelineRunner:
    """Loads the checkpoint on the processor (see ``PipelineRunner`` for the spec)."""
    return PipelineRunner(spec, "cpu", cpu_model())
