"""What the backends that run a graph by themselves share: tokenizers before, the most probable label after."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetext.bench.backends._batched import BATCHES, BatchedRunner
from edgetext.bench.backends._tokens import Tokens
from edgetext.measure.processor import cpu_model


class GraphRunner(BatchedRunner):
    """A graph behind its tokenizer.

    Args:
        spec: ``tokenizer`` (file), ``labels``, ``max_length``, ``threads``.
        inputs: Names of the graph's inputs.
    """

    def __init__(self, spec: Mapping[str, Any], inputs: Sequence[str]) -> None:
        self._labels: list[str] = spec["labels"]
        self._threads = spec["threads"]
        self._tokens = Tokens(spec["tokenizer"], spec["max_length"], inputs)

    def tokenize(self, text: str) -> Any:
        """Tokenizes one text, up to the graph's inputs."""
        return self._tokens([text])

    def about(self) -> dict[str, Any]:
        """Gives device, threads and how batches are made."""
        return {"device_name": cpu_model(), "threads": self._threads, "batches": BATCHES}

    def forward(self, texts: list[str]) -> list[str]:
        """Gives the labels of one batch, in order."""
        return [self._labels[index] for index in self.logits(self._tokens(texts)).argmax(axis=-1)]

    @abstractmethod
    def logits(self, inputs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Runs the graph: arrays of shape (texts, tokens) by input in, logits of shape (texts, labels) out."""
