"""Texts of many requests to one predictor: what waits while it is busy becomes a batch; no more waits than may.

An event loop takes the texts in and hands the answers out; the predictor runs in threads, one batch in each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import NamedTuple

from edgetext.errors import EdgetextError
from edgetext.runtime.prediction import Prediction
from edgetext.runtime.predictor import Predictor
from edgetext.serve.settings import Batching
from edgetext.task import Text, parts_of

_QUICK_CHARACTERS = 2000
"""Texts up to this length are tokenized in the event loop: longer ones would keep others from being read."""


class QueueFullError(EdgetextError):
    """As many texts wait as may: ask again later."""


class Room:
    """Counts the texts that were taken and are not yet answered, of all models, and refuses more than may be.

    A request is taken whole while there is any room, so that none is too large to be taken ever.

    Args:
        limit: How many there may be.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.taken = 0

    def check(self) -> None:
        """Raises where the next request is refused.

        Raises:
            QueueFullError: There is no room.
        """
        if self.taken >= self._limit:
            raise QueueFullError(
                f"{self.taken} texts wait already, of {self._limit} that may: try again in a second"
            )

    @contextmanager
    def take(self, texts: int) -> Iterator[None]:
        """Holds room for some texts inside the block.

        Raises:
            QueueFullError: There is none.
        """
        self.check()
        self.taken += texts
        try:
            yield
        finally:
            self.taken -= texts


class Batch(NamedTuple):
    """A batch that was answered.

    Attributes:
        predictions: In order.
        seconds: How long the predictor took.
    """

    predictions: list[Prediction]
    seconds: float


class Answers(NamedTuple):
    """The answers of one request.

    Attributes:
        predictions: In order.
        batch: How many texts the largest batch had that they came in; 0 where they needed none.
    """

    predictions: list[Prediction]
    batch: int


class _Part(NamedTuple):
    """Some texts of a request, which are answered together."""

    texts: Sequence[Text]
    answered: asyncio.Future[Answers]


class Batcher:
    """Answers requests in batches; made and used in a running event loop.

    Args:
        classify: Answers the texts; several batches may run on it side by side.
        room: Where texts wait.
        settings: How large a batch may be, and how long it waits for more.
        seen: Told each batch that was answered.
    """

    def __init__(
        self, classify: Predictor, room: Room, settings: Batching, seen: Callable[[Batch], None] = lambda _: None
    ) -> None:
        callers = max(1, classify.profile.callers)
        self._classify = classify
        self._room = room
        self._settings = settings
        self._seen = seen
        self._waiting: deque[_Part] = deque()
        self._some, self._enough, self._left = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._inside = 0
        self._pool = ThreadPoolExecutor(callers, "edgetext-batch")
        self._runners = [asyncio.create_task(self._run()) for _ in range(callers)]

    async def ask(self, texts: Sequence[Text]) -> Answers:
        """Answers the texts of one request.

        One text that the first stage is sure of is answered at once. Many texts wait in parts of a batch each, one
        after another, so that small requests do not wait for all of them.

        Raises:
            QueueFullError: Too many wait already.
            InputError: A text cannot be classified.
        """
        if len(texts) == 1 and sum(map(len, parts_of(texts[0]))) <= _QUICK_CHARACTERS:
            quick = self._classify.by_first_stage(texts[0])
            if quick is not None:
                return Answers([quick], 0)
        size = self._settings.batch
        self._inside += 1
        try:
            with self._room.take(len(texts)):
                parts = [await self._part(texts[first : first + size]) for first in range(0, len(texts), size)]
        finally:
            self._inside -= 1
            self._left.set()
        predictions = [prediction for part in parts for prediction in part.predictions]
        return Answers(predictions, max((part.batch for part in parts), default=0))

    async def close(self) -> None:
        """Waits for the requests that were taken; nobody may ask any more."""
        while self._inside:
            self._left.clear()
            await self._left.wait()
        for runner in self._runners:
            runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)
        await asyncio.to_thread(self._pool.shutdown)

    async def _part(self, texts: Sequence[Text]) -> Answers:
        part = _Part(texts, asyncio.get_running_loop().create_future())
        self._waiting.append(part)
        self._some.set()
        if sum(len(part.texts) for part in self._waiting) >= self._settings.batch:
            self._enough.set()
        return await part.answered

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            if self._settings.wait_ms:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.wait_ms / 1e3):
                        await self._enough.wait()
            parts = self._take()
            if parts:
                await self._answer(parts)

    def _take(self) -> list[_Part]:
        """Takes the parts that have waited longest, as many as fit in a batch; those given up are dropped."""
        parts: list[_Part] = []
        room = self._settings.batch
        while self._waiting and (not parts or len(self._waiting[0].texts) <= room):
            part = self._waiting.popleft()
            if not part.answered.done():
                parts.append(part)
                room -= len(part.texts)
        if not self._waiting:
            self._some.clear()
            self._enough.clear()
        return parts

    async def _answer(self, parts: Sequence[_Part]) -> None:
        """Has a batch predicted; where that fails, each part alone, so that it fails for those at fault only."""
        texts = [text for part in parts for text in part.texts]
        try:
            batch = await asyncio.get_running_loop().run_in_executor(self._pool, self._predict, texts)
        except Exception as error:
            if len(parts) > 1:
                for part in parts:
                    await self._answer([part])
            elif not parts[0].answered.done():
                parts[0].answered.set_exception(error)
            return
        self._seen(batch)
        first = 0
        for part in parts:
            last = first + len(part.texts)
            if not part.answered.done():
                part.answered.set_result(Answers(batch.predictions[first:last], len(texts)))
            first = last

    def _predict(self, texts: Sequence[Text]) -> Batch:
        begun = perf_counter()
        predictions = self._classify.predict(texts) if len(texts) > 1 else [self._classify(texts[0])]
        return Batch(predictions, perf_counter() - begun)
