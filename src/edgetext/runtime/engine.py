"""The part of a predictor that works: one session, its tokenizer, and the threads that call it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from edgetext.errors import BundleError, InputError
from edgetext.reading import parse_json
from edgetext.runtime.aside import Aside
from edgetext.runtime.averaging import average
from edgetext.runtime.batching import BATCH_TEXTS, batches, windows
from edgetext.runtime.bundle import CONFIG_FILE, Bundle
from edgetext.runtime.calls import CLOSED
from edgetext.runtime.encode import Encoded, Encoder, IntArray, load_tokenizer
from edgetext.runtime.folder import check_vocabulary
from edgetext.runtime.graph import check_graph
from edgetext.runtime.manifest import Variant
from edgetext.runtime.pairs import Text
from edgetext.runtime.prediction import FloatArray
from edgetext.runtime.session import Profile, one_line, open_session
from edgetext.runtime.window import Window

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

_FORKED = "the process was forked while this stream was read: begin it again in the child"
_MOST_TOKENS = 1 << 31  # no vocabulary is that large, and some graphs take int32
_LONE_TEXTS = 4  # run one by one, they make the work that one thread takes at a time
_FLOAT32 = "f"
_left_behind: list[object] = []


class Engine:
    """Texts to logits, by one variant of a bundle under one profile; safe to use from many threads.

    Args:
        bundle: The opened bundle.
        variant: Which of its models.
        profile: How many threads, and how they wait.
        verify: Whether to compare checksums.
        truncation: What is read of a long text.
        deterministic: Whether to run every text alone.

    Raises:
        BundleError: A file is missing, damaged, or not of a text classifier with these labels.
        IntegrityError: A file is not the one that was exported.
    """

    def __init__(
        self,
        bundle: Bundle,
        variant: Variant,
        profile: Profile,
        *,
        verify: bool,
        truncation: str = "head",
        deterministic: bool = False,
    ) -> None:
        """Loads the model and its tokenizer; see the class for the arguments."""
        # A checksum leaves the interpreter to others, and allocates nothing: what a thread of its own allocates and
        # frees, the allocator keeps for that thread.
        checked = Aside(lambda: bundle.model(variant, verify=verify))
        try:
            tokenizer = load_tokenizer(bundle.tokenizer_bytes(verify=verify))
            if not bundle.has_manifest:
                check_vocabulary(bundle.path, tokenizer.get_vocab_size())
            padding_id = _padding_id(bundle, verify=verify)
        except BaseException:
            with suppress(BundleError):
                checked.result().close()
            raise
        with checked.result() as model:
            self._session: Any = open_session(model, variant, profile)
        self._name = str(model.graph.path)
        graph = check_graph(self._session, bundle.manifest, self._name)
        self._encoder = Encoder(tokenizer, bundle.manifest.max_length, graph, padding_id, truncation)
        self._deterministic = deterministic
        self.batch_texts = _LONE_TEXTS if deterministic else BATCH_TEXTS
        self._multi_label = bundle.manifest.thresholds is not None
        self._refusal = CLOSED
        self._outputs = [graph.output]
        self._labels = len(bundle.manifest.labels)
        self._pool = _make_pool(profile.callers) if profile.callers > 1 else None

    def count_tokens(self, text: Text) -> int:
        """Gives how many tokens are read of a text or pair, in all of its windows.

        Raises:
            InputError: It is no string or no valid Unicode.
        """
        encoded = self._encoder.encode(text)
        return sum(len(row.ids) for row in (encoded, *encoded.more))

    def one(self, text: Text) -> tuple[FloatArray, bool]:
        """Gives the logits of one text or pair, of shape (labels,), and whether it was cut.

        Raises:
            InputError: It is no string or no valid Unicode.
        """
        encoded = self._encoder.encode(text)
        if encoded.more:
            return self._joined_rows([encoded, *encoded.more]), encoded.truncated
        return self._run(self._encoder.single(encoded))[0], encoded.truncated

    def many(self, texts: Iterable[Text], window: int) -> Iterator[tuple[FloatArray, list[bool]]]:
        """Yields logits of shape (texts, labels), and which texts were cut, window by window, in order.

        Where there are several calling threads, one window is in work while the next is read.

        Raises:
            InputError: A text is no string or no valid Unicode; the message names its index.
        """
        ahead = 1 if self._pool is not None and window > 1 else 0
        started: deque[Window] = deque()
        first = 0
        try:
            for taken in windows(texts, window):
                encoded = [self._encoder.encode(text, first + place) for place, text in enumerate(taken)]
                first += len(taken)
                started.append(Window(self, encoded))
                if len(started) > ahead:
                    yield started.popleft().finish()
            while started:
                yield started.popleft().finish()
        finally:
            for left in started:
                left.cancel()

    def run_rows(self, rows: Sequence[Encoded]) -> FloatArray:
        """Gives the logits of one batch, of shape (rows, labels)."""
        if len(rows) == 1:
            return self._run(self._encoder.single(rows[0]))
        if self._deterministic:
            return np.concatenate([self._run(self._encoder.single(row)) for row in rows])
        return self._run(self._encoder.batch(rows))

    def joined(self, logits: FloatArray) -> FloatArray:
        """Makes the logits of one text's windows, of shape (windows, labels), those of the text."""
        return logits[0] if len(logits) == 1 else average(logits, multi_label=self._multi_label)

    def empty(self, rows: int) -> FloatArray:
        """Gives an array for the logits of so many texts."""
        return np.empty((rows, self._labels), np.float32)

    def start(self, window: Window, places: list[int]) -> Future[None] | None:
        """Has a batch of a window run by the pool, or at once where there is none."""
        pool = self._pool
        if pool is None:
            window.run(places)
            return None
        try:
            return pool.submit(window.run, places)
        except RuntimeError:
            raise InputError(self._refusal) from None

    def close(self) -> None:
        """Lets go of the session; batches that run are finished, later ones raise an error."""
        self._session = None
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def abandon(self) -> None:
        """In a forked process: keeps what the parent's threads worked on from being used or freed."""
        _left_behind.extend((self._session, self._encoder, self._pool))
        self._session, self._refusal = None, _FORKED

    def check_process(self) -> None:
        """Raises where the threads that are waited for stayed in the parent.

        Raises:
            InputError: The process was forked.
        """
        if self._refusal == _FORKED:
            raise InputError(_FORKED)

    def _joined_rows(self, rows: list[Encoded]) -> FloatArray:
        logits = self.empty(len(rows))
        for places in batches([len(row.ids) for row in rows]):
            logits[places] = self.run_rows([rows[place] for place in places])
        return self.joined(logits)

    def _run(self, arrays: dict[str, IntArray]) -> FloatArray:
        session = self._session
        if session is None:
            raise InputError(self._refusal)
        try:
            logits: FloatArray = session.run(self._outputs, arrays)[0]
        except Exception as error:  # onnxruntime's exceptions share no base but this one
            raise BundleError(f"{self._name} failed while it ran: {one_line(error)}") from error
        wanted = (len(arrays["input_ids"]), self._labels)
        if logits.shape != wanted or logits.dtype.char != _FLOAT32 or not np.isfinite(logits).all():
            finite = "" if logits.shape != wanted else ", not all of them finite numbers"
            raise BundleError(
                f"{self._name} gave {logits.dtype} scores of shape {logits.shape}{finite}: expected {wanted[0]} "
                f"texts by {wanted[1]} labels, all finite; do not use this model, or export it again"
            )
        return logits


def _make_pool(threads: int) -> ThreadPoolExecutor:
    from concurrent.futures import (
        ThreadPoolExecutor,
    )  # 5 ms, which the first answer of other profiles need not wait for

    return ThreadPoolExecutor(threads, "edgetext")


def _padding_id(bundle: Bundle, *, verify: bool) -> int:
    """Gives the model's padding token; some architectures look for it in the ids, past the attention mask."""
    if not os.path.lexists(bundle.path / CONFIG_FILE):
        return 0
    config = parse_json(bundle.read(CONFIG_FILE, verify=verify), str(bundle.path / CONFIG_FILE), error=BundleError)
    found = config.get("pad_token_id") if isinstance(config, dict) else None
    return found if type(found) is int and 0 <= found < _MOST_TOKENS else 0
