"""The checkpoint in ``transformers.pipeline``: what most people run, on the processor or on an NVIDIA GPU.

The pipeline itself copies each answer back, and so waits for the GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers import pipeline

from edgetext.bench.backends._shared import PIPELINE_BATCHES, PipelineCalls
from edgetext.bench.backends.torch_direct import gpu_name, load_model, load_tokenizer, weight_bytes
from edgetext.measure.processor import cpu_model


class PipelineRunner(PipelineCalls):
    """A text-classification pipeline.

    Args:
        spec: ``model`` (folder), ``variant``, ``task``, ``max_length``, ``threads``.
        device: ``cpu`` or ``cuda``.
        device_name: For readers.
    """

    def __init__(self, spec: Mapping[str, Any], device: str, device_name: str) -> None:
        torch.set_num_threads(spec["threads"])
        model, tokenizer = load_model(spec["model"], spec["variant"]), load_tokenizer(spec["model"])
        self._device_name = device_name
        super().__init__(pipeline("text-classification", model=model, tokenizer=tokenizer, device=device), spec)

    def about(self) -> dict[str, Any]:
        """Tells device, threads and the size of the weights."""
        return {
            "device_name": self._device_name,
            "threads": torch.get_num_threads(),
            "model_bytes": weight_bytes(self._pipeline.model),
            "batches": PIPELINE_BATCHES,
        }


def load_on_cpu(spec: Mapping[str, Any]) -> PipelineRunner:
    """Loads the checkpoint on the processor (see ``PipelineRunner`` for the spec)."""
    return PipelineRunner(spec, "cpu", cpu_model())


def load_on_gpu(spec: Mapping[str, Any]) -> PipelineRunner:
    """Loads the checkpoint on the GPU (see ``PipelineRunner`` for the spec).

    Raises:
        NoDeviceError: There is no CUDA device, or this torch cannot use it.
    """
    return PipelineRunner(spec, "cuda", gpu_name())
