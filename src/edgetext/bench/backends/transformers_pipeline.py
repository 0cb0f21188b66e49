"""The checkpoint in ``transformers.pipeline`` on the processor, fp32: what most people run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers import pipeline

from edgetext.bench.backends._pipeline import PipelineCalls
from edgetext.bench.backends._torch import load_model, load_tokenizer, weight_bytes
from edgetext.measure.processor import cpu_model


class PipelineRunner(PipelineCalls):
    """A text-classification pipeline.

    Args:
        spec: ``model`` (folder), ``variant``, ``max_length``, ``threads``.
        device: ``cpu`` or ``cuda``.
        device_name: For readers.
    """

    def __init__(self, spec: Mapping[str, Any], device: str, device_name: str) -> None:
        torch.set_num_threads(spec["threads"])
        model, tokenizer = load_model(spec["model"], spec["variant"]), load_tokenizer(spec["model"])
        self._device_name = device_name
        super().__init__(
            pipeline("text-classification", model=model, tokenizer=tokenizer, device=device), spec["max_length"]
        )

    def about(self) -> dict[str, Any]:
        """Gives device, threads and the size of the weights."""
        return {
            "device_name": self._device_name,
            "threads": torch.get_num_threads(),
            "model_bytes": weight_bytes(self._pipeline.model),
            "batches": "by the pipeline's batch_size, in the order given",
        }


def load(spec: Mapping[str, Any]) -> PipelineRunner:
    """Loads the checkpoint on the processor (see ``PipelineRunner`` for the spec)."""
    return PipelineRunner(spec, "cpu", cpu_model())
