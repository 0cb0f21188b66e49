"""What a worker process measures of a bundle: a variant in ``edgetext.Predictor``, as an app would run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgetext.measure.processor import cpu_model
from edgetext.measure.runner import Labels
from edgetext.runtime.predictor import Predictor
from edgetext.task import Text


class PredictorRunner:
    """The predictor, in its default profile unless the mode is another (see ``runner.Runner``).

    Args:
        spec: ``bundle`` (folder), ``variant``, ``threads``, and if need be ``mode``: a profile, and ``first_stage``
            (see ``Predictor``).
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._threads = spec["threads"]
        self._profile = spec.get("mode") or "latency"
        self._predictor = Predictor(
            spec["bundle"],
            variant=spec["variant"],
            profile=self._profile,
            threads=spec["threads"],
            first_stage=spec.get("first_stage", "auto"),
        )

    def one(self, text: Text) -> Labels:
        """Predicts one text."""
        return self._predictor(text).labels

    def many(self, texts: Sequence[Text], batch: int) -> list[Labels]:
        """Predicts many texts; for ``batch`` 1 one by one, else as the predictor groups them."""
        if batch == 1:
            return [self.one(text) for text in texts]
        return [prediction.labels for prediction in self._predictor.predict(list(texts))]

    def tokenize(self, text: Text) -> int:
        """Tokenizes one text."""
        return self._predictor.count_tokens(text)

    def about(self) -> dict[str, Any]:
        """Tells device, threads and how batches are made."""
        return {
            "device_name": cpu_model(),
            "threads": self._threads,
            "profile": self._profile,
            "batches": "by the predictor itself",
        }

    def close(self) -> None:
        """Closes the predictor."""
        self._predictor.close()


def load(spec: Mapping[str, Any]) -> PredictorRunner:
    """Loads a variant of the bundle (see ``PredictorRunner`` for the spec)."""
    return PredictorRunner(spec)
