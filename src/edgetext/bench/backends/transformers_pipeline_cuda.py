"""The checkpoint in ``transformers.pipeline`` on an NVIDIA GPU, in fp32 or fp16.

The pipeline itself copies each answer back, and so waits for the GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from edgetext.bench.backends.transformers_pipeline import PipelineRunner
from edgetext.measure.runner import NoDeviceError


def load(spec: Mapping[str, Any]) -> PipelineRunner:
    """Loads the checkpoint on the GPU (see ``PipelineRunner`` for the spec).

    Raises:
        NoDeviceError: There is no CUDA device, or this torch cannot use it.
    """
    if not torch.cuda.is_available():
        raise NoDeviceError("no CUDA device on this machine")
    return PipelineRunner(spec, "cuda", torch.cuda.get_device_name())
