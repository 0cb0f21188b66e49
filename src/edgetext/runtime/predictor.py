"""``Predictor``: the classifier of a bundle, for an app to call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

import numpy as np

from edgetext.errors import InputError
from edgetext.runtime.batching import WINDOW_TEXTS
from edgetext.runtime.bundle import open_bundle
from edgetext.runtime.engine import Engine
from edgetext.runtime.manifest import Manifest
from edgetext.runtime.prediction import FloatArray, Prediction, Scoring, check_top_k
from edgetext.runtime.session import make_profile


class Predictor:
    """Classifies texts with the model of a bundle; one serves any number of threads.

    Args:
        path: A bundle, or a Hugging Face ONNX folder.
        variant: Which of its models to load, by name; the bundle's default one if not given.
        profile: ``latency`` (one text at a time, soonest), ``throughput`` (many texts) or ``background``
            (one thread that never spins).
        threads: How many threads to use; by default what the CPU affinity and the cgroup quota allow.
        verify: Whether to compare the files with the checksums of the manifest.

    Raises:
        BundleError: The folder is no bundle, or damaged.
        IntegrityError: A file is not the one that was exported.
        InputError: There is no such profile, or ``threads`` is no positive whole number.

    Example:
        >>> classify = Predictor("bundle/")  # doctest: +SKIP
        >>> classify("A bowl of ramen with a soft egg").label  # doctest: +SKIP
        'food'
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        variant: str | None = None,
        profile: str = "latency",
        threads: int | None = None,
        verify: bool = True,
    ) -> None:
        """Loads the model; see the class for the arguments."""
        self.profile = make_profile(profile, threads)
        bundle = open_bundle(path)
        self.path = bundle.path
        self.manifest: Manifest = bundle.manifest
        self.variant = self.manifest.variant(variant)
        self._engine = Engine(bundle, self.variant, self.profile, verify=verify)
        self._scoring = Scoring(self.labels, self.manifest.thresholds)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, by class index: the columns of ``predict_proba`` and ``logits``."""
        return self.manifest.labels

    @property
    def task(self) -> str:
        """``single_label`` or ``multi_label``."""
        return self.manifest.task

    @property
    def max_length(self) -> int:
        """The longest input in tokens, special tokens included; the rest of a longer text does not count."""
        return self.manifest.max_length

    def __call__(self, text: str, top_k: int | None = None) -> Prediction:
        """Classifies one text.

        Args:
            text: The text.
            top_k: How many scores to keep, the highest; all by default.

        Raises:
            InputError: The text is no string or no valid Unicode, or ``top_k`` is no positive whole number.
        """
        if top_k is not None:
            check_top_k(top_k)
        logits, truncated = self._engine.one(text)
        return self._scoring.prediction(self._scoring.probabilities(logits), truncated, top_k)

    def predict(self, texts: Iterable[str], top_k: int | None = None) -> list[Prediction]:
        """Classifies many texts, in batches of similar length.

        Args:
            texts: The texts.
            top_k: How many scores to keep of each, the highest; all by default.

        Returns:
            A prediction a text, in order.

        Raises:
            InputError: As for one text; the message names its index.
        """
        return list(self.stream(texts, top_k))

    def stream(
        self, texts: Iterable[str], top_k: int | None = None, *, window: int = WINDOW_TEXTS
    ) -> Iterator[Prediction]:
        """Classifies texts as they come, in bounded memory, in order.

        Args:
            texts: Any iterable; it is read a window ahead of the results at most.
            top_k: How many scores to keep of each, the highest; all by default.
            window: How many texts are taken before their results are given; 1 answers each at once.

        Raises:
            InputError: As for ``predict``; raised when the text is reached.
        """
        check_top_k(top_k)
        return self._stream(_texts(texts), top_k, window)

    def predict_proba(self, texts: Iterable[str]) -> FloatArray:
        """Gives the probabilities, float32 of shape (texts, labels), as scikit-learn's classifiers do.

        Raises:
            InputError: As for ``predict``.
        """
        return self._scoring.probabilities(self.logits(texts))

    def logits(self, texts: Iterable[str]) -> FloatArray:
        """Gives the raw scores, float32 of shape (texts, labels).

        Raises:
            InputError: As for ``predict``.
        """
        parts = [logits for logits, _ in self._engine.many(_texts(texts), WINDOW_TEXTS)]
        return np.concatenate(parts) if parts else np.empty((0, len(self.labels)), np.float32)

    def close(self) -> None:
        """Lets go of the model and its threads; calls that run are finished, later ones raise an error."""
        self._engine.close()

    def __enter__(self) -> Self:
        """Gives itself, to be closed at the end of a ``with`` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes it."""
        self.close()

    def __repr__(self) -> str:
        """Names the folder, the model and the profile."""
        return f"Predictor({str(self.path)!r}, variant={self.variant.name!r}, profile={self.profile.name!r})"

    def _stream(self, texts: Iterable[str], top_k: int | None, window: int) -> Iterator[Prediction]:
        for logits, cut in self._engine.many(texts, window):
            probabilities = self._scoring.probabilities(logits)
            for row, truncated in zip(probabilities, cut, strict=True):
                yield self._scoring.prediction(row.copy(), truncated, top_k)  # a view would keep the window


def _texts(texts: Iterable[str]) -> Iterable[str]:
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        raise InputError(f"expected several texts, found {texts!r:.40}: call the predictor itself for a single one")
    return texts
