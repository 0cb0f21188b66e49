"""The checkpoint in torch on an NVIDIA GPU, in fp32, fp16 or bf16, eager or compiled.

Copies to and from the GPU are in the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from edgetext.bench.backends._torch import TorchRunner
from edgetext.measure.runner import CannotMeasureError, NoDeviceError


def load(spec: Mapping[str, Any]) -> TorchRunner:
    """Loads the checkpoint (see ``TorchRunner`` for the spec).

    Raises:
        NoDeviceError: There is no CUDA device, or this torch cannot use it.
        CannotMeasureError: It would only emulate bf16.
    """
    if not torch.cuda.is_available():
        raise NoDeviceError("no CUDA device on this machine")
    if spec["variant"] == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise CannotMeasureError("this GPU has no bf16 instructions (compute capability 8.0 or newer)")
    return TorchRunner(spec, "cuda", torch.cuda.synchronize, torch.cuda.get_device_name())
