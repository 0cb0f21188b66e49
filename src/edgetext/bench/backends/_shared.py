"""What several backends share and needs no library: batches cut in the order given, and calls of a pipeline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

BATCHES = "in the order given, padded to the longest text of the batch"
PIPELINE_BATCHES = "by the pipeline's batch_size, in the order given"


class BatchedRunner(ABC):
    """A runner (see ``measure.runner.Runner``) made of one method that labels one batch."""

    def one(self, text: str) -> str:
        """Labels one text."""
        return self.forward([text])[0]

    def many(self, texts: Sequence[str], batch: int) -> list[str]:
        """Labels many texts, in batches in the order given."""
        return [label for at in range(0, len(texts), batch) for label in self.forward(list(texts[at : at + batch]))]

    def close(self) -> None:  # noqa: B027 - the end of the process lets go of all there is
        """Does nothing: the process ends."""

    @abstractmethod
    def forward(self, texts: list[str]) -> list[str]:
        """Labels one batch, in order."""


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
        """Labels one text."""
        answer = self._pipeline(text, **self._cut)
        return str((answer[0] if isinstance(answer, list) else answer)["label"])

    def many(self, texts: Sequence[str], batch: int) -> list[str]:
        """Labels many texts; the pipeline makes the batches."""
        return [str(answer["label"]) for answer in self._pipeline(list(texts), batch_size=batch, **self._cut)]

    def tokenize(self, text: str) -> Any:
        """Tokenizes one text, as the pipeline does."""
        return self._pipeline.tokenizer(text, return_tensors="pt", **self._cut)

    def close(self) -> None:
        """Does nothing: the process ends."""
