"""What the backends that cut their own batches share: texts in the order given, one forward pass a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

BATCHES = "in the order given, padded to the longest text of the batch"


class BatchedRunner(ABC):
    """A runner (see ``measure.runner.Runner``) made of one method that gives the labels of one batch."""

    def one(self, text: str) -> str:
        """Gives the label of one text."""
        return self.forward([text])[0]

    def many(self, texts: Sequence[str], batch: int) -> list[str]:
        """Gives the labels of many texts, in batches in the order given."""
        return [label for at in range(0, len(texts), batch) for label in self.forward(list(texts[at : at + batch]))]

    def close(self) -> None:  # noqa: B027 - the end of the process lets go of all there is
        """Does nothing: the process ends."""

    @abstractmethod
    def forward(self, texts: list[str]) -> list[str]:
        """Gives the labels of one batch, in order."""
