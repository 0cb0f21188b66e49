"""A runner that is slower by a known share: it predicts each text so many times. For ``compare_power.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgetext import Predictor


class Repeated:
    """Predicts each text ``spec["times"]`` times with a bundle."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._times = int(spec["times"])
        self._predictor = Predictor(spec["bundle"], threads=spec["threads"])

    def one(self, text: str) -> tuple[str, ...]:
        """Labels one text."""
        for _ in range(self._times - 1):
            self._predictor(text)
        return self._predictor(text).labels

    def many(self, texts: Sequence[str], batch: int) -> list[tuple[str, ...]]:  # noqa: ARG002 - as every runner has it
        """Labels many texts, one by one."""
        return [self.one(text) for text in texts]

    def about(self) -> Mapping[str, Any]:
        """Says how often each text is predicted."""
        return {"times": self._times}

    def close(self) -> None:
        """Lets go of the model."""
        self._predictor.close()


def load(spec: Mapping[str, Any]) -> Repeated:
    """Makes the runner."""
    return Repeated(spec)
