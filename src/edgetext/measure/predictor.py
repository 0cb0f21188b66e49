"""What a worker process measures of a bundle: a variant in ``edgetext.Predictor``, as an app would run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgetext.measure.processor import cpu_model
from edgetext.measure.runner import MODEL_ALONE, Labels
from edgetext.runtime.prediction import FIRST, Prediction
from edgetext.runtime.predictor import Predictor
from edgetext.task import Text


class PredictorRunner:
    """The predictor, in its default profile unless the mode is another (see ``runner.Runner``).

    Args:
        spec: ``bundle`` (folder), ``variant``, ``threads``, and if need be ``mode``: a profile, or ``model-alone``
            for the default one without the bundle's first stage; and ``first_stage`` (see ``Predictor``).
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._threads = spec["threads"]
        mode = spec.get("mode") or "latency"
        self._profile = "latency" if mode == MODEL_ALONE else mode
        self._predictor = Predictor(
            spec["bundle"],
            variant=spec["variant"],
            profile=self._profile,
            threads=spec["threads"],
            first_stage=spec.get("first_stage", "off" if mode == MODEL_ALONE else "auto"),
        )
        self._last: Prediction | None = None

    def one(self, text: Text) -> Labels:
        """Predicts one text."""
        self._last = self._predictor(text)
        return self._last.labels

    @property
    def first(self) -> bool | None:
        """Whether the first stage answered the last text of ``one``; ``None`` where none is asked."""
        if self._predictor.first_stage is None or self._last is None:
            return None
        return self._last.stage == FIRST

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
