"""Optimum's ``ORTModelForSequenceClassification`` in a pipeline: the peer that the runtime is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnxruntime
from optimum.onnxruntime import ORTModelForSequenceClassification
from transformers import AutoTokenizer, pipeline


class OptimumRunner:
    """A text-classification pipeline over an ONNX file.

    Args:
        spec: ``bundle`` (folder), ``file`` (in its ``onnx`` folder), ``max_length``, ``threads``.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = spec["threads"]
        model = ORTModelForSequenceClassification.from_pretrained(
            spec["bundle"], subfolder="onnx", file_name=spec["file"], session_options=options
        )
        tokenizer = AutoTokenizer.from_pretrained(spec["bundle"])
        self._cut = {"truncation": True, "max_length": spec["max_length"]}
        self._pipeline = pipeline("text-classification", model=model, tokenizer=tokenizer)

    def one(self, text: str) -> str:
        """Gives the label of one text."""
        return str(self._pipeline(text, **self._cut)[0]["label"])

    def many(self, texts: Sequence[str], batch: int) -> list[str]:
        """Gives the labels of many texts; the pipeline makes the batches."""
        return [str(answer["label"]) for answer in self._pipeline(list(texts), batch_size=batch, **self._cut)]

    def about(self) -> dict[str, Any]:
        """Says nothing more."""
        return {}

    def close(self) -> None:
        """Does nothing: the process ends."""


def load(spec: Mapping[str, Any]) -> OptimumRunner:
    """Loads the ONNX file (see ``OptimumRunner`` for the spec)."""
    return OptimumRunner(spec)
