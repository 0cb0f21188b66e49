"""A variant of the bundle in Optimum's ``ORTModelForSequenceClassification`` and a transformers pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optimum.onnxruntime import ORTModelForSequenceClassification
from transformers import AutoTokenizer, pipeline

from edgetext.bench.backends._onnxruntime import session_options
from edgetext.measure.environment import cpu_model


class OptimumRunner:
    """A text-classification pipeline over an ONNX file.

    Args:
        spec: ``bundle`` (folder), ``model`` (ONNX file inside it), ``session`` (how it is loaded), ``max_length``,
            ``threads``.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        file = Path(spec["model"])
        model = ORTModelForSequenceClassification.from_pretrained(
            spec["bundle"],
            subfolder=file.parent.relative_to(spec["bundle"]).as_posix(),
            file_name=file.name,
            session_options=session_options(spec["threads"], spec["session"]),
        )
        self._threads = spec["threads"]
        self._cut = {"truncation": True, "max_length": spec["max_length"]}
        tokenizer = AutoTokenizer.from_pretrained(spec["bundle"], local_files_only=True)
        self._pipeline = pipeline("text-classification", model=model, tokenizer=tokenizer)

    def one(self, text: str) -> str:
        """Gives the label of one text."""
        answer = self._pipeline(text, **self._cut)
        return str((answer[0] if isinstance(answer, list) else answer)["label"])

    def many(self, texts: Sequence[str], batch: int) -> list[str]:
        """Gives the labels of many texts; the pipeline makes the batches."""
        return [str(answer["label"]) for answer in self._pipeline(list(texts), batch_size=batch, **self._cut)]

    def tokenize(self, text: str) -> Any:
        """Tokenizes one text, as the pipeline does."""
        return self._pipeline.tokenizer(text, return_tensors="pt", **self._cut)

    def about(self) -> dict[str, Any]:
        """Gives device, threads and how batches are made."""
        return {
            "device_name": cpu_model(),
            "threads": self._threads,
            "batches": "by the pipeline's batch_size, in the order given",
        }

    def close(self) -> None:
        """Does nothing: the process ends."""


def load(spec: Mapping[str, Any]) -> OptimumRunner:
    """Loads the ONNX file (see ``OptimumRunner`` for the spec)."""
    return OptimumRunner(spec)
