"""The checkpoint in eager torch on the processor, in fp32 or bf16."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgetext.bench.backends._torch import TorchRunner
from edgetext.measure.environment import cpu_model, has_bf16
from edgetext.measure.runner import CannotMeasureError


def load(spec: Mapping[str, Any]) -> TorchRunner:
    """Loads the checkpoint (see ``TorchRunner`` for the spec).

    Raises:
        CannotMeasureError: bf16 was asked for, which this processor would only emulate.
    """
    if spec["variant"] == "bf16" and not has_bf16():
        raise CannotMeasureError("this processor has no bf16 instructions (AVX512_BF16, AMX or Arm's bf16)")
    return TorchRunner(spec, "cpu", lambda: None, cpu_model())
