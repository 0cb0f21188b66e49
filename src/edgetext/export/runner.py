"""What a worker process runs to time a candidate: the predictor of an app, tokenization included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgetext.runtime.predictor import Predictor

RUNNER = "edgetext.export.runner:load"


class CandidateRunner:
    """The predictor; see ``edgetext.measure.runner.Runner``.

    Args:
        spec: ``bundle`` (folder), ``variant``, ``profile`` and ``threads``.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._threads = spec["threads"]
        self._predictor = Predictor(
            spec["bundle"], variant=spec["variant"], profile=spec["profile"], threads=self._threads
        )

    def one(self, text: str) -> str:
        """Gives the label of one text."""
        return self._predictor(text).label

    def many(self, texts: Sequence[str], batch: int) -> list[str]:  # noqa: ARG002 - it makes its own
        """Gives the labels of many texts, in batches as the predictor makes them."""
        return [prediction.label for prediction in self._predictor.predict(texts)]

    def about(self) -> dict[str, Any]:
        """Gives the number of threads."""
        return {"threads": self._threads}

    def close(self) -> None:
        """Closes the predictor."""
        self._predictor.close()


def load(spec: Mapping[str, Any]) -> CandidateRunner:
    """Loads a candidate (see ``CandidateRunner`` for the spec)."""
    return CandidateRunner(spec)
