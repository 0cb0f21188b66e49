"""Texts to logits: one at once, or many in windows and batches that a pool of threads works on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgetext.errors import BundleError, InputError
from edgetext.runtime.batching import BATCH_TEXTS, windows
from edgetext.runtime.encode import Encoded
from edgetext.runtime.first_stage import FirstModel, Tally
from edgetext.runtime.life import CLOSED, FORKED, leave_behind
from edgetext.runtime.loader import Loader
from edgetext.runtime.model import Model
from edgetext.runtime.prediction import Scoring
from edgetext.runtime.profiles import Profile
from edgetext.task import FloatArray, Text

if TYPE_CHECKING:
    from concurrent.futures import Future

    from numpy.typing import NDArray

_LONE_TEXTS = 4  # run one by one, they make the work that one thread takes at a time

# When a second session, in which each thread has a batch of its own, takes the place of the one whose threads share
# a batch. For MiniLM in int8 on 2 cores it opens in 50 ms, takes 30 MB, and saves 0.15 to 0.3 ms a text in calls
# with 32 texts or more, so that it pays after some 250 of them; smaller calls gain less or lose. Batches side by
# side on the first session were no faster than one after another.
BULK_CALL = 32
BULK_AFTER = 256


class One(NamedTuple):
    """The answer for one text.

    Attributes:
        probabilities: Float32, of shape (labels,).
        truncated: Whether the text was cut.
        by_first: Whether the first stage gave it.
    """

    probabilities: FloatArray
    truncated: bool
    by_first: bool


class Many(NamedTuple):
    """The answers for a window of texts, in order.

    Attributes:
        logits: Float32, of shape (texts, labels).
        truncated: Which texts were cut.
        by_first: Which answers the first stage gave.
    """

    logits: FloatArray
    truncated: list[bool]
    by_first: list[bool]


class Scheduler:
    """Has texts tokenized, batched and run; safe to use from many threads. Nothing is loaded before it is needed.

    Where there is a first stage it is asked first, and the model for the texts that are left. A text of several
    windows goes to the model, which was shown to agree on texts that are read in one.

    Args:
        loader: Loads the model, and a second session of it for many texts.
        profile: How many threads there are, and how they wait.
        scoring: Makes probabilities of logits, and the logits of a text those of its windows.
        deterministic: Whether to run every text alone.

    Attributes:
        tally: Counts the answers of the first stage and of the model.
    """

    def __init__(self, loader: Loader, profile: Profile, scoring: Scoring, *, deterministic: bool = False) -> None:
        self._loader = loader
        self._profile = profile
        self._bulk_profile = loader.bulk_profile(profile)
        self._scoring = scoring
        self._deterministic = deterministic
        self._batch_texts = _LONE_TEXTS if deterministic else BATCH_TEXTS
        self._lock = threading.Lock()
        self._refusal = ""
        self._bulk_texts = 0
        self._lane: _Lane | None = None
        self._bulk_lane: _Lane | None = None
        self._first: FirstModel | None = None
        self.tally = Tally()

    def open(self) -> _Lane:
        """Loads the model, if that has not been done.

        Raises:
            BundleError: It cannot be loaded; see ``Loader.load``.
            InputError: The predictor was closed.
        """
        with self._lock:
            self._check_open()
            if self._lane is None:
                model, self._first = self._loader.load(self._profile)
                self._lane = _Lane(model)
            return self._lane

    def one(self, text: Text) -> One:
        """Classifies one text or pair.

        Raises:
            InputError: It is no string or no valid Unicode.
        """
        model = (self._lane or self.open()).model
        encoded = model.encoder.encode(text)
        found = self._by_first(encoded)
        if found is not None:
            return found
        logits = self._windows(model, encoded) if encoded.more else model.run((encoded,))[0]
        self.tally.add(model=1)
        return One(self._scoring.probabilities(logits), encoded.truncated, by_first=False)

    def first(self, text: Text) -> One | None:
        """Classifies one text or pair where the first stage is trusted with it; ``None`` where the model is.

        Raises:
            InputError: It is no string or no valid Unicode.
        """
        model = (self._lane or self.open()).model
        return None if self._first is None else self._by_first(model.encoder.encode(text))

    def many(self, texts: Iterable[Text], window: int) -> Iterator[Many]:
        """Yields the answers window by window, in order.

        Where there are several calling threads, one window is in work while the next is read.

        Raises:
            InputError: A text is no string or no valid Unicode; the message names its index.
        """
        started: deque[_Window] = deque()
        read = asked = 0
        try:
            for taken in windows(texts, window):
                self._check_open()  # before any lock, which in a forked process may be held for ever
                encoder = (self._lane or self.open()).model.encoder
                encoded = [encoder.encode(text, read + place) for place, text in enumerate(taken)]
                read += len(taken)
                logits, by_first = self._ask_first(encoded)
                left = np.flatnonzero(~by_first).tolist()
                asked += len(left)
                lane = self._lane_for(len(left), bulk=min(window, asked) >= BULK_CALL)
                started.append(self._start(lane, _Texts(encoded, logits, by_first, left)))
                if len(started) > (1 if lane.is_pooled and window > 1 else 0):
                    yield self._finish(started.popleft())
            while started:
                yield self._finish(started.popleft())
        finally:
            for unfinished in started:
                unfinished.cancel()

    def count_tokens(self, text: Text) -> int:
        """Counts the tokens that are read of a text or pair, in all of its windows.

        Raises:
            InputError: It is no string or no valid Unicode.
        """
        encoded = (self._lane or self.open()).model.encoder.encode(text)
        return sum(len(row.ids) for row in (encoded, *encoded.more))

    def close(self) -> None:
        """Lets go of model and threads; batches that run are finished, later ones raise an error."""
        self._refusal = self._refusal or CLOSED
        with self._lock:
            for lane in self._lanes():
                lane.close()

    def in_child(self) -> Scheduler:
        """In a forked process: abandons what the parent's threads worked on, and makes a scheduler without it."""
        fresh = Scheduler(self._loader, self._profile, self._scoring, deterministic=self._deterministic)
        fresh._refusal = self._refusal
        self._refusal = FORKED
        leave_behind(*self._lanes())
        return fresh

    def _lanes(self) -> list[_Lane]:
        return [lane for lane in (self._lane, self._bulk_lane) if lane is not None]

    def _check_open(self) -> None:
        if self._refusal:
            raise InputError(self._refusal)

    def _lane_for(self, texts: int, *, bulk: bool) -> _Lane:
        """Chooses where the texts of a window run; the second session is opened where enough have come."""
        lane = self._lane or self.open()
        if self._bulk_profile is None or not bulk:
            return lane
        self._bulk_texts += texts
        if self._bulk_lane is None and self._bulk_texts >= BULK_AFTER:
            with self._lock:
                self._check_open()
                self._bulk_lane = self._bulk_lane or self._open_bulk(lane, self._bulk_profile)
        return self._bulk_lane or lane

    def _open_bulk(self, lane: _Lane, profile: Profile) -> _Lane:
        try:
            return _Lane(self._loader.load_beside(lane.model, profile))
        except BundleError:  # the bundle was replaced or removed meanwhile: what is loaded goes on to answer
            return lane

    def _by_first(self, encoded: Encoded) -> One | None:
        probabilities = None if self._first is None or encoded.more else self._first.one(encoded.ids)
        if probabilities is None:
            return None
        self.tally.add(first=1)
        return One(probabilities, encoded.truncated, by_first=True)

    def _ask_first(self, encoded: list[Encoded]) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Makes room for the logits of a window, and fills in those that the first stage is trusted with."""
        logits = np.empty((len(encoded), self._scoring.labels), np.float32)
        by_first = np.zeros(len(encoded), np.bool_)
        if self._first is not None:
            places = [place for place, item in enumerate(encoded) if not item.more]
            rows = [encoded[place].ids for place in places]
            logits[places], by_first[places] = self._first.many(rows, alone=self._deterministic)
        return logits, by_first

    def _windows(self, model: Model, encoded: Encoded) -> FloatArray:
        rows = [encoded, *encoded.more]
        logits = np.empty((len(rows), model.labels), np.float32)
        for places in model.batches(rows, BATCH_TEXTS):
            logits[places] = self._run(model, [rows[place] for place in places])
        return self._scoring.join(logits)

    def _start(self, lane: _Lane, texts: _Texts) -> _Window:
        left = [texts.encoded[place] for place in texts.left]
        rows = [row for item in left for row in (item, *item.more)]
        logits = np.empty((len(rows), lane.model.labels), np.float32)

        def run(places: list[int]) -> None:
            logits[places] = self._run(lane.model, [rows[place] for place in places])

        try:
            started = [lane.start(run, places) for places in lane.model.batches(rows, self._batch_texts)]
        except RuntimeError:  # of a pool that was shut down
            self._check_open()
            raise
        return _Window(texts, logits, [future for future in started if future is not None])

    def _run(self, model: Model, rows: Sequence[Encoded]) -> FloatArray:
        if self._deterministic and len(rows) > 1:
            return np.concatenate([model.run((row,)) for row in rows])
        return model.run(rows)

    def _finish(self, window: _Window) -> Many:
        """Waits for a window's batches, and makes the rows of each text one."""
        self._check_open()
        try:
            window.wait()
        except BaseException:
            window.cancel()
            raise
        (encoded, logits, by_first, left), rows = window.texts, window.rows
        if len(rows) == len(left):
            logits[left] = rows
        else:
            first = 0
            for place in left:
                count = 1 + len(encoded[place].more)
                logits[place] = self._scoring.join(rows[first : first + count])
                first += count
        self.tally.add(first=len(encoded) - len(left), model=len(left))
        return Many(logits, [item.truncated for item in encoded], by_first.tolist())


class _Texts(NamedTuple):
    """The texts of a window: their tokens, room for their logits, who answers them, and the model's places."""

    encoded: list[Encoded]
    logits: FloatArray
    by_first: NDArray[np.bool_]
    left: list[int]


class _Window(NamedTuple):
    """Some texts of a stream in work: the model's logits row by row, and the batches that fill them."""

    texts: _Texts
    rows: FloatArray
    batches: list[Future[None]]

    def wait(self) -> None:
        """Waits for the batches.

        Raises:
            InputError: The predictor was closed meanwhile.
        """
        if self.batches:
            from concurrent.futures import CancelledError  # loaded by whoever made the batches

            try:
                for batch in self.batches:
                    batch.result()
            except CancelledError:
                raise InputError(CLOSED) from None

    def cancel(self) -> None:
        """Drops the batches that have not begun."""
        for batch in self.batches:
            batch.cancel()


class _Lane:
    """A model, and the threads that run batches on it side by side; one caller needs none."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.is_pooled = model.callers > 1
        if self.is_pooled:
            from concurrent.futures import ThreadPoolExecutor  # 5 ms, which a first answer need not wait for

            self._pool = ThreadPoolExecutor(model.callers, "edgetext")

    def start(self, run: Callable[[list[int]], None], places: list[int]) -> Future[None] | None:
        """Has a batch run by the pool, or runs it at once.

        Raises:
            RuntimeError: The pool was shut down.
        """
        if self.is_pooled:
            return self._pool.submit(run, places)
        run(places)
        return None

    def close(self) -> None:
        """Waits for the batches that run, and drops the others."""
        self.model.close()
        if self.is_pooled:
            self._pool.shutdown(cancel_futures=True)
