"""An ONNX model of the bundle in a plain loop: tokenizers, then ``InferenceSession.run``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

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
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = spec["threads"]
        if spec["session"].get("graph_optimization_level") == "disable":
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._session = onnxruntime.InferenceSession(
            spec["model"],
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=spec["session"].get("disabled_optimizers"),
        )
        self._inputs = [entry.name for entry in self._session.get_inputs()]
        self._tokenizer = Tokenizer.from_file(spec["tokenizer"])
        self._tokenizer.enable_truncation(spec["max_length"])
        _pad_to_longest(self._tokenizer)

    def one(self, text: str) -> str:
        """Gives the label of one text."""
        return self._forward([text])[0]

    def many(self, texts: Sequence[str], batch: int) -> list[str]:
        """Gives the labels of many texts, in batches in the order given."""
        return [
            label for at in range(0, len(texts), batch) for label in self._forward(list(texts[at : at + batch]))
        ]

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
        encodings = self._tokenizer.encode_batch(texts)
        columns = {
            "input_ids": [encoding.ids for encoding in encodings],
            "attention_mask": [encoding.attention_mask for encoding in encodings],
            "token_type_ids": [encoding.type_ids for encoding in encodings],
        }
        feed = {name: np.array(columns[name], dtype=np.int64) for name in self._inputs}
        logits = self._session.run(None, feed)[0]
        return [self._labels[index] for index in logits.argmax(axis=-1)]


def load(spec: Mapping[str, Any]) -> BareRunner:
    """Loads the ONNX model (see ``BareRunner`` for the spec)."""
    return BareRunner(spec)


def _pad_to_longest(tokenizer: Tokenizer) -> None:
    """Pads each batch to its longest text; with another pad token than id 0 where the tokenizer file names one."""
    padding = tokenizer.padding or {}
    keep = {name: padding[name] for name in ("pad_id", "pad_token", "pad_type_id", "direction") if name in padding}
    tokenizer.enable_padding(**keep)
