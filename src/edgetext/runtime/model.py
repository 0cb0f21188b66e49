"""What a loaded model is to those who ask it: rows of token ids to logits, whatever computes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from edgetext.runtime.encode import Encoded, Encoder
from edgetext.runtime.held import HeldModel
from edgetext.task import FloatArray


class Model(ABC):
    """Runs rows of token ids; safe to use from many threads.

    Args:
        encoder: Makes rows of texts.
        files: What it was loaded from.
        labels: How many scores it gives a row.
        callers: How many threads should run batches on it side by side.
    """

    def __init__(self, encoder: Encoder, files: HeldModel, labels: int, callers: int = 1) -> None:
        self.encoder = encoder
        self.files = files
        self.labels = labels
        self.callers = callers

    @abstractmethod
    def run(self, rows: Sequence[Encoded]) -> FloatArray:
        """Runs rows as one batch.

        Returns:
            The logits, float32 of shape (rows, labels), all finite.

        Raises:
            BundleError: The model fails, or gives something else.
            InputError: It was closed.
        """

    @abstractmethod
    def batches(self, rows: Sequence[Encoded], texts: int) -> list[list[int]]:
        """Cuts rows into batches that suit it, as places in ``rows``.

        Args:
            rows: Those of a window.
            texts: The most rows in a batch.
        """

    @abstractmethod
    def close(self) -> None:
        """Lets go of what it holds; batches that run are finished, later ones raise an error."""
