"""What the backends over a transformers pipeline share: one text, many texts, and the tokenizing apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class PipelineCalls:
    """Calls a text-classification pipeline; what holds it is made by whoever derives from this.

    Args:
        pipeline: Of transformers; its model may be torch's or Optimum's.
        max_length: Longer texts are cut to so many tokens.
    """

    def __init__(self, pipeline: Any, max_length: int) -> None:
        self._pipeline = pipeline
        self._cut = {"truncation": True, "max_length": max_length}

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

    def close(self) -> None:
        """Does nothing: the process ends."""
