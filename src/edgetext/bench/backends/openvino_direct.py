"""An ONNX model of the bundle in OpenVINO, which reads the file as it is; where OpenVINO is installed.

It computes in fp32: where a processor has bf16, OpenVINO would otherwise take that, and the row would be of another
precision than its name says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import openvino

from edgetext.bench.backends._tokens import Tokens
from edgetext.measure.environment import cpu_model


class OpenVinoRunner:
    """A compiled OpenVINO model behind the tokenizer.

    Args:
        spec: ``model`` (ONNX file), ``tokenizer`` (file), ``labels``, ``max_length``, ``threads``.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._labels: list[str] = spec["labels"]
        self._threads = spec["threads"]
        self._model = openvino.Core().compile_model(
            spec["model"],
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": spec["threads"],
                "INFERENCE_PRECISION_HINT": "f32",
            },
        )
        inputs = [port.get_any_name() for port in self._model.inputs]
        self._tokens = Tokens(spec["tokenizer"], spec["max_length"], inputs)

    def one(self, text: str) -> str:
        """Gives the label of one text."""
        return self._forward([text])[0]

    def many(self, texts: Sequence[str], batch: int) -> list[str]:
        """Gives the labels of many texts, in batches in the order given."""
        return [
            label for at in range(0, len(texts), batch) for label in self._forward(list(texts[at : at + batch]))
        ]

    def tokenize(self, text: str) -> Any:
        """Tokenizes one text, up to the graph's inputs."""
        return self._tokens([text])

    def about(self) -> dict[str, Any]:
        """Gives device, threads, version and how batches are made."""
        return {
            "device_name": cpu_model(),
            "threads": self._threads,
            "openvino": openvino.get_version(),
            "batches": "in the order given, padded to the longest text of the batch",
        }

    def close(self) -> None:
        """Does nothing: the process ends."""

    def _forward(self, texts: list[str]) -> list[str]:
        logits = self._model(self._tokens(texts))[0]
        return [self._labels[index] for index in logits.argmax(axis=-1)]


def load(spec: Mapping[str, Any]) -> OpenVinoRunner:
    """Loads the ONNX model (see ``OpenVinoRunner`` for the spec)."""
    return OpenVinoRunner(spec)
