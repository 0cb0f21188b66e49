"""An ONNX model of the bundle in OpenVINO, which reads the file as it is; where OpenVINO is installed.

It computes in fp32: where a processor has bf16, OpenVINO would otherwise take that, and the row would be of another
precision than its name says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from edgetext.bench.backends._graph import GraphRunner


class OpenVinoRunner(GraphRunner):
    """A compiled OpenVINO model behind the tokenizer.

    Args:
        spec: ``model`` (ONNX file), and what ``GraphRunner`` takes.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._model = openvino.Core().compile_model(
            spec["model"],
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": spec["threads"],
                "INFERENCE_PRECISION_HINT": "f32",
            },
        )
        super().__init__(spec, [port.get_any_name() for port in self._model.inputs])

    def about(self) -> dict[str, Any]:
        """Tells device, threads, version and how batches are made."""
        return {**super().about(), "openvino": openvino.get_version()}

    def logits(self, inputs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Runs the model."""
        found: NDArray[np.float32] = self._model(inputs)[0]
        return found


def load(spec: Mapping[str, Any]) -> OpenVinoRunner:
    """Loads the ONNX model (see ``OpenVinoRunner`` for the spec)."""
    return OpenVinoRunner(spec)
