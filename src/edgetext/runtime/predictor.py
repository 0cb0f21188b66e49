"""``Predictor``: the classifier of a bundle, for an app to call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Self

import numpy as np

from edgetext.errors import InputError
from edgetext.runtime.batching import WINDOW_TEXTS
from edgetext.runtime.bundle import open_bundle
from edgetext.runtime.first_stage import AnswerCounts, check_first_stage
from edgetext.runtime.life import Calls, watch
from edgetext.runtime.loader import Loader
from edgetext.runtime.long_texts import check_truncation
from edgetext.runtime.manifest import FirstStage, Manifest
from edgetext.runtime.prediction import Prediction, Scoring, check_confidence, check_top_k
from edgetext.runtime.profiles import make_profile
from edgetext.runtime.scheduler import Scheduler
from edgetext.task import FloatArray, Task, Text

_NO_TEXTS = (bytes, bytearray, memoryview, Mapping, Set)  # a set has no order, and answers come in order


class Predictor:
    """Classifies texts, or pairs of texts, with the model of a bundle; one serves any number of threads.

    A pair is a tuple of two strings, such as ``("premise", "hypothesis")``, wherever a text may stand. A list of
    two strings is two texts.

    It may be pickled, and sent to processes that were spawned: what travels is the path and the arguments, and the
    copy opens the bundle again. After ``os.fork`` the child opens a session of its own at its first call. Where
    onnxruntime 1.32 was imported before edgetext it should leave by ``os._exit``, as ``multiprocessing`` does: the
    telemetry of onnxruntime, which edgetext turns off, hangs in the exit handlers of a forked process, used or not.

    Args:
        path: A bundle, or a Hugging Face ONNX folder.
        variant: Which of its models to load, by name; the bundle's default one if not given.
        profile: ``latency`` (one text at a time, soonest), ``throughput`` (many texts) or ``background``
            (one thread that never spins).
        threads: How many threads to use; by default what the CPU affinity and the cgroup quota allow.
        verify: Whether to compare the files with the checksums of the manifest.
        truncation: What is read of a text longer than ``max_length`` tokens. ``head``: its beginning, as in
            training. ``head_tail``: its first and its last part, half of the tokens each. ``windows``: all of it,
            as windows of ``max_length`` tokens that share a quarter with the one before, at most 32 of them; the
            probabilities are the mean over the windows, so that each has the same say however large its logits.
            Each window costs as much as a text. Pairs are cut by ``head`` alone.
        deterministic: Whether a text gets the same scores in any company, which are those of a call with it alone.
            A dynamic int8 model chooses one scale for a whole batch, so that its scores depend a little on the
            other texts. The cost: texts are run one at a time, so that ``predict`` and ``stream`` lose what batches
            gain; calls with one text are no slower. Several threads keep working in the ``throughput`` profile.
        min_confidence: The confidence, 0 to 1, below which ``Prediction.sure`` is false (the label stays); by
            default the one that the bundle was given. An answer's confidence is the probability of its label; for
            multi label that of the least sure decision, to give a label or not to.
        first_stage: ``auto``: where the bundle has a first stage for this variant it is asked first, and answers
            the texts that it is sure of; ``Prediction.stage`` says which. ``off``: the model answers all.

    Attributes:
        first_stage: What the manifest says of the first stage that is asked; ``None`` where none is.

    Raises:
        BundleError: The folder is no bundle, or damaged.
        IntegrityError: A file is not the one that was exported.
        InputError: There is no such profile, truncation or choice of the first stage, ``threads`` is no positive
            whole number, or ``min_confidence`` is not between 0 and 1.

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
        truncation: str = "head",
        deterministic: bool = False,
        min_confidence: float | None = None,
        first_stage: str = "auto",
    ) -> None:
        self.profile = make_profile(profile, threads)
        check_truncation(truncation)
        check_first_stage(first_stage)
        self.truncation = truncation
        self.deterministic = deterministic
        bundle = open_bundle(path)
        self.path = bundle.path
        self.manifest: Manifest = bundle.manifest
        self.variant = self.manifest.variant(variant)
        self.first_stage: FirstStage | None = None
        if (
            first_stage == "auto"
            and self.manifest.first_stage
            and self.manifest.first_stage.variant == self.variant.name
        ):
            self.first_stage = self.manifest.first_stage
        self.min_confidence = self.manifest.min_confidence if min_confidence is None else min_confidence
        check_confidence(self.min_confidence)
        self._scoring = Scoring(self.task, self.min_confidence)
        place = bundle.path.absolute()  # the program, or a copy in another one, may stand in another folder later
        bundle = replace(bundle, path=place)
        loader = Loader(bundle, self.variant, self.first_stage, verify=verify, truncation=truncation)
        self._scheduler = Scheduler(loader, self.profile, self._scoring, deterministic=deterministic)
        self._scheduler.open()
        how: dict[str, Any] = {"verify": verify, "truncation": truncation, "deterministic": deterministic}
        how |= {"min_confidence": min_confidence, "first_stage": first_stage}
        self._copy = partial(type(self), place, variant=variant, profile=profile, threads=threads, **how)
        self._calls = Calls()
        watch(self)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, by class index: the columns of ``predict_proba`` and ``logits``."""
        return self.manifest.labels

    @property
    def task(self) -> Task:
        """What is decided, with labels, thresholds and temperature."""
        return self.manifest.decides

    @property
    def max_length(self) -> int:
        """The longest input in tokens, special tokens included; see ``truncation`` for longer texts."""
        return self.manifest.max_length

    @property
    def answered(self) -> AnswerCounts:
        """How many texts the first stage and the model answered since this was opened, and the first one's share.

        A share that falls while it is in use says that the texts are others than those that it was tried on. The
        count is exact whatever threads ask at once; a copy by pickle, and a forked process, begins at zero.
        """
        return self._scheduler.tally.answered()

    def __call__(self, text: Text, top_k: int | None = None) -> Prediction:
        """Classifies one text, or one pair of texts.

        Args:
            text: The text, or a tuple of two.
            top_k: How many scores to keep, the highest; all by default.

        Raises:
            InputError: The text is no string and no pair, or no valid Unicode; ``top_k`` is no positive whole
                number; or the predictor was closed.
        """
        if top_k is not None:
            check_top_k(top_k)
        with self._calls:
            probabilities, truncated, by_first = self._scheduler.one(text)
        return self._scoring.prediction(probabilities, truncated, top_k, by_first=by_first)

    def by_first_stage(self, text: Text) -> Prediction | None:
        """Classifies one text or pair where that takes microseconds, which an event loop need not hand to a thread.

        Args:
            text: The text, or a tuple of two.

        Returns:
            What a call gives where the first stage answers; ``None`` where the model would be asked, or the bundle
            has no first stage.

        Raises:
            InputError: As for a call.
        """
        if self.first_stage is None:
            return None
        with self._calls:
            found = self._scheduler.first(text)
        return (
            None if found is None else self._scoring.prediction(found.probabilities, found.truncated, by_first=True)
        )

    def predict(self, texts: Iterable[Text], top_k: int | None = None) -> list[Prediction]:
        """Classifies many texts, in batches of similar length.

        Args:
            texts: The texts or pairs.
            top_k: How many scores to keep of each, the highest; all by default.

        Returns:
            A prediction a text, in order.

        Raises:
            InputError: As for one text; the message names its index.
        """
        with self._calls:
            return list(self.stream(texts, top_k))

    async def apredict(self, texts: Iterable[Text], top_k: int | None = None) -> list[Prediction]:
        """As ``predict``, in a thread of the event loop's, so that the loop goes on meanwhile.

        When the task is cancelled the thread still finishes its texts.

        Args:
            texts: The texts or pairs; an iterator is read in that thread.
            top_k: How many scores to keep of each, the highest; all by default.

        Raises:
            InputError: As for ``predict``.
        """
        import asyncio  # slow to import, and whoever awaits this has it loaded

        return await asyncio.to_thread(self.predict, texts, top_k)

    def stream(
        self, texts: Iterable[Text], top_k: int | None = None, *, window: int = WINDOW_TEXTS
    ) -> Iterator[Prediction]:
        """Classifies texts as they come, in bounded memory, in order.

        Args:
            texts: Any iterable; it is read a window ahead of the results at most.
            top_k: How many scores to keep of each, the highest; all by default.
            window: How many texts are taken before their results are given; 1 answers each at once.

        Raises:
            InputError: As for ``predict``; raised when the text is reached. A stream that is left open when the
                predictor is closed raises it too.
        """
        check_top_k(top_k)
        return self._stream(_texts(texts), top_k, window)

    def predict_proba(self, texts: Iterable[Text]) -> FloatArray:
        """Computes the probabilities, float32 of shape (texts, labels), as scikit-learn's classifiers do.

        Raises:
            InputError: As for ``predict``.
        """
        return self._scoring.probabilities(self.logits(texts))

    def logits(self, texts: Iterable[Text]) -> FloatArray:
        """Computes the raw scores, float32 of shape (texts, labels).

        For a text of several windows these are logits that give the mean of the windows' probabilities. The first
        stage's are brought to the model's temperature, so that the same task makes probabilities of all.

        Raises:
            InputError: As for ``predict``.
        """
        with self._calls:
            parts = [found.logits for found in self._scheduler.many(_texts(texts), WINDOW_TEXTS)]
        return np.concatenate(parts) if parts else np.empty((0, len(self.labels)), np.float32)

    def count_tokens(self, text: Text) -> int:
        """Counts the tokens that are read of a text or pair, special tokens included, after truncation.

        Raises:
            InputError: As for ``__call__``.
        """
        with self._calls:
            return self._scheduler.count_tokens(text)

    def close(self) -> None:
        """Waits for the calls that run, then lets go of the model and its threads; later calls raise an error."""
        self._calls.close()
        self._scheduler.close()

    def _after_fork(self) -> None:
        """Leaves the parent's model alone; called by the interpreter in a forked process."""
        self._scheduler = self._scheduler.in_child()
        self._calls = self._calls.in_child()

    def __reduce__(self) -> tuple[Callable[[], Predictor], tuple[()]]:
        """Travels as the path and the arguments; the copy is open, even where this one was closed."""
        return self._copy, ()

    def __enter__(self) -> Self:
        """Returns itself, to be closed at the end of a ``with`` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes it."""
        self.close()

    def __repr__(self) -> str:
        """Names the folder, the model and the profile."""
        return f"Predictor({str(self.path)!r}, variant={self.variant.name!r}, profile={self.profile.name!r})"

    def _stream(self, texts: Iterable[Text], top_k: int | None, window: int) -> Iterator[Prediction]:
        for logits, cut, by_first in self._scheduler.many(texts, window):
            probabilities = self._scoring.probabilities(logits)
            for row, truncated, first in zip(probabilities, cut, by_first, strict=True):
                # a view would keep the window
                yield self._scoring.prediction(row.copy(), truncated, top_k, by_first=first)


def _texts(texts: Iterable[Text]) -> Iterable[Text]:
    """Refuses what can be iterated over and is no sequence of texts: a table gives the names of its columns."""
    if isinstance(texts, str):
        raise InputError(f"expected several texts, found {texts!r:.40}: call the predictor itself for a single one")
    table = hasattr(texts, "columns") or hasattr(texts, "column_names")
    if table or isinstance(texts, _NO_TEXTS) or not isinstance(texts, Iterable):
        hint = ": give its column of texts, such as table['text']" if table else ": give a list of strings"
        raise InputError(f"expected several texts, found an object of type {type(texts).__name__}{hint}")
    return texts
