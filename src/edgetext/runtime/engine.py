"""The part of a predictor that works: one session, its tokenizer, and the threads that call it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from edgetext.errors import BundleError, InputError
from edgetext.runtime.batching import batches, windows
from edgetext.runtime.bundle import Bundle
from edgetext.runtime.encode import Encoded, Encoder, IntArray
from edgetext.runtime.graph import check_graph
from edgetext.runtime.manifest import Variant
from edgetext.runtime.prediction import FloatArray
from edgetext.runtime.reading import read_object
from edgetext.runtime.session import Profile, one_line, open_session


class Engine:
    """Texts to logits, by one variant of a bundle under one profile; safe to use from many threads.

    Args:
        bundle: The opened bundle.
        variant: Which of its models.
        profile: How many threads, and how they wait.
        verify: Whether to compare checksums.

    Raises:
        BundleError: A file is missing, damaged, or not of a text classifier with these labels.
        IntegrityError: A file is not the one that was exported.
    """

    def __init__(self, bundle: Bundle, variant: Variant, profile: Profile, *, verify: bool) -> None:
        """Loads the model and its tokenizer; see the class for the arguments."""
        model = bundle.model_file(variant, verify=verify)
        self._session: Any = open_session(model, variant, profile)
        graph = check_graph(self._session, bundle.manifest, str(model))
        tokenizer = bundle.tokenizer_bytes(verify=verify)
        self._encoder = Encoder(tokenizer, bundle.manifest.max_length, graph, _padding_id(bundle))
        self._name = str(model)
        self._outputs = [graph.output]
        self._labels = len(bundle.manifest.labels)
        self._pool = ThreadPoolExecutor(profile.callers, "edgetext") if profile.callers > 1 else None

    def one(self, text: str) -> tuple[FloatArray, bool]:
        """Gives the logits of one text, of shape (labels,), and whether it was cut.

        Raises:
            InputError: It is no string or no valid Unicode.
        """
        encoded = self._encoder.encode(text)
        return self._run(self._encoder.single(encoded))[0], encoded.truncated

    def many(self, texts: Iterable[str], window: int) -> Iterator[tuple[FloatArray, list[bool]]]:
        """Yields logits of shape (texts, labels), and which texts were cut, window by window, in order.

        Where there are several calling threads, one window is in work while the next is read.

        Raises:
            InputError: A text is no string or no valid Unicode; the message names its index.
        """
        ahead = 1 if self._pool is not None and window > 1 else 0
        started: deque[_Window] = deque()
        first = 0
        try:
            for taken in windows(texts, window):
                encoded = [self._encoder.encode(text, first + place) for place, text in enumerate(taken)]
                first += len(taken)
                started.append(_Window(self, encoded))
                if len(started) > ahead:
                    yield started.popleft().finish()
            while started:
                yield started.popleft().finish()
        finally:
            for left in started:
                left.cancel()

    def run_rows(self, rows: Sequence[Encoded]) -> FloatArray:
        """Gives the logits of one batch, of shape (rows, labels)."""
        return self._run(self._encoder.single(rows[0]) if len(rows) == 1 else self._encoder.batch(rows))

    def empty(self, rows: int) -> FloatArray:
        """Gives an array for the logits of so many texts."""
        return np.empty((rows, self._labels), np.float32)

    def start(self, window: _Window, places: list[int]) -> Future[None] | None:
        """Has a batch of a window run by the pool, or at once where there is none."""
        pool = self._pool
        if pool is None:
            window.run(places)
            return None
        try:
            return pool.submit(window.run, places)
        except RuntimeError:
            raise InputError(_CLOSED) from None

    def close(self) -> None:
        """Lets go of the session; calls that run are finished, later ones raise an error."""
        self._session = None
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _run(self, arrays: dict[str, IntArray]) -> FloatArray:
        session = self._session
        if session is None:
            raise InputError(_CLOSED)
        try:
            logits: FloatArray = session.run(self._outputs, arrays)[0]
        except Exception as error:  # onnxruntime's exceptions share no base but this one
            raise BundleError(f"{self._name} failed while it ran: {one_line(error)}") from error
        if logits.shape[1] != self._labels or not np.isfinite(logits).all():
            raise BundleError(
                f"{self._name} gave {logits.shape[1]} scores a text, not all of them finite numbers: "
                f"expected {self._labels} finite ones; export it again"
            )
        return logits


class _Window:
    """The texts of one window, and the batches that they were cut into."""

    def __init__(self, engine: Engine, encoded: list[Encoded]) -> None:
        self._engine = engine
        self._encoded = encoded
        self._logits = engine.empty(len(encoded))
        started = [engine.start(self, places) for places in batches([len(item.ids) for item in encoded])]
        self._futures = [future for future in started if future is not None]

    def run(self, places: list[int]) -> None:
        """Runs one batch and puts its logits where they belong."""
        self._logits[places] = self._engine.run_rows([self._encoded[place] for place in places])

    def finish(self) -> tuple[FloatArray, list[bool]]:
        """Waits for the batches; gives logits, and which texts were cut."""
        try:
            for future in self._futures:
                future.result()
        except BaseException:
            self.cancel()
            raise
        return self._logits, [item.truncated for item in self._encoded]

    def cancel(self) -> None:
        """Drops the batches that have not begun."""
        for future in self._futures:
            future.cancel()


_CLOSED = "this Predictor was closed: open a new one"


def _padding_id(bundle: Bundle) -> int:
    """Gives the model's padding token; some architectures look for it in the ids, past the attention mask."""
    config = bundle.path / "config.json"
    found = read_object(config).get("pad_token_id") if config.is_file() else None
    return found if type(found) is int and found >= 0 else 0
