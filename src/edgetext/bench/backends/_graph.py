"""What the backends that run a graph by themselves share: tokenizers before, the labels after."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edgetext.bench.backends._shared import BATCHES, BatchedRunner, labels_of, task_of
from edgetext.measure.processor import cpu_model
from edgetext.measure.runner import Labels
from edgetext.task import Text


class Tokens:
    """Turns texts into what a graph takes, by tokenizers alone.

    Args:
        file: ``tokenizer.json``.
        max_length: The longest input in tokens, special tokens included.
        inputs: Names of the graph's inputs.
    """

    def __init__(self, file: str, max_length: int, inputs: Sequence[str]) -> None:
        self._inputs = tuple(inputs)
        self._tokenizer = Tokenizer.from_file(file)
        self._tokenizer.enable_truncation(max_length)
        _pad_to_longest(self._tokenizer)

    def __call__(self, texts: list[Text]) -> dict[str, NDArray[np.int64]]:
        """Makes the inputs by name, int64 arrays of the shape (texts, longest of them in tokens)."""
        encodings = self._tokenizer.encode_batch(texts)
        columns = {
            "input_ids": [encoding.ids for encoding in encodings],
            "attention_mask": [encoding.attention_mask for encoding in encodings],
            "token_type_ids": [encoding.type_ids for encoding in encodings],
        }
        return {name: np.array(columns[name], dtype=np.int64) for name in self._inputs}


class GraphRunner(BatchedRunner):
    """A graph behind its tokenizer.

    Args:
        spec: ``tokenizer`` (file), ``task``, ``max_length``, ``threads``.
        inputs: Names of the graph's inputs.
    """

    def __init__(self, spec: Mapping[str, Any], inputs: Sequence[str]) -> None:
        self._task = task_of(spec)
        self._threads = spec["threads"]
        self._tokens = Tokens(spec["tokenizer"], spec["max_length"], inputs)

    def tokenize(self, text: Text) -> Any:
        """Tokenizes one text, up to the graph's inputs."""
        return self._tokens([text])

    def about(self) -> dict[str, Any]:
        """Tells device, threads and how batches are made."""
        return {"device_name": cpu_model(), "threads": self._threads, "batches": BATCHES}

    def forward(self, texts: list[Text]) -> list[Labels]:
        """Labels one batch, in order."""
        return labels_of(self._task, self.logits(self._tokens(texts)))

    @abstractmethod
    def logits(self, inputs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Runs the graph: arrays of shape (texts, tokens) by input in, logits of shape (texts, labels) out."""


def _pad_to_longest(tokenizer: Tokenizer) -> None:
    """Pads each batch to its longest text; with another pad token than id 0 where the tokenizer file names one."""
    padding = tokenizer.padding or {}
    keep = {name: padding[name] for name in ("pad_id", "pad_token", "pad_type_id", "direction") if name in padding}
    tokenizer.enable_padding(**keep)
