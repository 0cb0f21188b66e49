"""An ONNX model of the bundle in a plain loop: tokenizers, then ``InferenceSession.run``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnxruntime

from edgetext.bench.backends._onnxruntime import session_options
from edgetext.bench.backends._tokens import Tokens
from edgetext.measure.environment import cpu_model


class BareRunner:
    """The fewest lines that turn a text into a label with onnxruntime.

    Args:
        spec: ``model`` (ONNX file), ``tokenizer`` (file), ``labels``, ``max_length``, ``threads``, and ``session``:
            how the manifest says that the graph is to be loaded, so that the loop runs the very graph that edgetext
            runs and its row shows what the predictor adds.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._labels: list[str] = spec["labels"]
        self._threads = spec["threads"]
        self._session = onnxruntime.InferenceSession(
            spec["model"],
            session_options(spec["threads"], spec["session"]),
            providers=["CPUExecutionProvider"],
            disabled_optimizers=spec["session"].get("disabled_optimizers"),
        )
        inputs = [entry.name for entry in self._session.get_inputs()]
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
        """Gives device, threads and how batches are made."""
        return {
            "device_name": cpu_model(),
            "threads": self._threads,
            "batches": "in the order given, padded to the longest text of the batch",
        }

    def close(self) -> None:
        """Does nothing: the process ends."""

    def _forward(self, texts: list[str]) -> list[str]:
        logits = self._session.run(None, self._tokens(texts))[0]
        return [self._labels[index] for index in logits.argmax(axis=-1)]


def load(spec: Mapping[str, Any]) -> BareRunner:
    """Loads the ONNX model (see ``BareRunner`` for the spec)."""
    return BareRunner(spec)
