"""What a service counts, for Prometheus; with several processes each counts in files that any of them adds up.

Importing this imports ``prometheus_client``, which decides then by ``PROMETHEUS_MULTIPROC_DIR`` where it counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from edgetext.runtime.prediction import FIRST, MODEL, Prediction
from edgetext.serve.batching import Batch

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that names the folder in which several processes count."""
MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counts requests, batches and answers."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        into: dict[str, Any] = {"registry": self._registry, "namespace": "edgetext"}
        self._seconds = Histogram(
            "request_seconds",
            "From a request's head to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            **into,
        )
        self._requests = Counter("requests", "Requests that were answered.", ["route", "status"], **into)
        self._refused = Counter("refused", "Requests that were refused because the queue was full.", **into)
        self._batch_texts = Histogram("batch_texts", "Texts in a batch.", ["model"], buckets=_TEXTS, **into)
        self._batch_seconds = Histogram(
            "batch_seconds", "What the predictor took for a batch.", ["model"], buckets=_SECONDS, **into
        )
        self._answers = Counter(
            "answered_texts",
            "Texts that were answered, by the first stage or the model.",
            ["model", "stage"],
            **into,
        )
        self._queue = Gauge(
            "queue_texts", "Texts that were taken and are not yet answered.", multiprocess_mode="livesum", **into
        )

    def queue(self, texts: int) -> None:
        """Notes how many texts wait."""
        self._queue.set(texts)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Counts a request that was answered."""
        self._seconds.labels(route).observe(seconds)
        self._requests.labels(route, status).inc()

    def refused(self) -> None:
        """Counts a request that came while the queue was full."""
        self._refused.inc()

    def batches(self, model: str) -> Callable[[Batch], None]:
        """Returns what counts the batches of a model."""
        texts, seconds = self._batch_texts.labels(model), self._batch_seconds.labels(model)

        def count(batch: Batch) -> None:
            texts.observe(len(batch.predictions))
            seconds.observe(batch.seconds)

        return count

    def answers(self, model: str) -> Callable[[Sequence[Prediction]], None]:
        """Returns what counts the answers of a model."""
        by_first, by_model = self._answers.labels(model, FIRST), self._answers.labels(model, MODEL)

        def count(predictions: Sequence[Prediction]) -> None:
            first = sum(prediction.stage == FIRST for prediction in predictions)
            by_first.inc(first)
            by_model.inc(len(predictions) - first)

        return count

    def text(self) -> bytes:
        """Writes what was counted, by all processes of the service, as Prometheus reads it."""
        if FOLDER not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


def forget(process: int | None) -> None:
    """Drops what a process that has ended counted as its state; what it counted as done stays."""
    if process is not None:
        mark_process_dead(process)  # type: ignore[no-untyped-call]
