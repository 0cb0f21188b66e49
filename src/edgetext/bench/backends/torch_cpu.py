"""The checkpoint in torch on the processor, in fp32 or bf16, eager or compiled."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any

from edgetext.bench.backends._torch import TorchRunner
from edgetext.measure.processor import cpu_model, has_bf16
from edgetext.measure.runner import CannotMeasureError


def load(spec: Mapping[str, Any]) -> TorchRunner:
    """Loads the checkpoint (see ``TorchRunner`` for the spec).

    Raises:
        CannotMeasureError: bf16 was asked for, which this processor would only emulate, or compiling without a C++
            compiler.
    """
    if spec["variant"] == "bf16" and not has_bf16():
        raise CannotMeasureError("this processor has no bf16 instructions (AVX512_BF16, AMX or Arm's bf16)")
    if spec.get("mode") == "compile" and not shutil.which(os.environ.get("CXX", "g++")):
        raise CannotMeasureError("torch.compile needs a C++ compiler, and there is no g++ (or $CXX) here")
    return TorchRunner(spec, "cpu", lambda: None, cpu_model())
