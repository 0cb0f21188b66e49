"""The checkpoint in eager torch on an NVIDIA GPU, in fp32 or fp16; copies to and from it are in the figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from edgetext.bench.backends._torch import TorchRunner
from edgetext.measure.runner import CannotMeasureError


def load(spec: Mapping[str, Any]) -> TorchRunner:
    """Loads the checkpoint (see ``TorchRunner`` for the spec).

    Raises:
        CannotMeasureError: There is no CUDA device, or this torch cannot use it.
    """
    if not torch.cuda.is_available():
        raise CannotMeasureError("no CUDA device on this machine")
    return TorchRunner(spec, "cuda", torch.cuda.synchronize, torch.cuda.get_device_name())
