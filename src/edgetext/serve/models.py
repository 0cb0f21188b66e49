"""The bundles of a service, by name; each can be opened anew while requests are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import NamedTuple

from edgetext.errors import EdgetextError
from edgetext.reading import listed
from edgetext.runtime.predictor import Predictor
from edgetext.serve.batching import Answers, Batcher, Room
from edgetext.serve.metrics import Metrics
from edgetext.serve.settings import Answering, ServiceSettings
from edgetext.task import Text


class UnknownModelError(EdgetextError):
    """No bundle goes by that name."""


class Reload(NamedTuple):
    """What came of opening one bundle anew.

    Attributes:
        name: Of the model.
        error: Why the bundle that was open goes on to answer; empty where the new one does.
    """

    name: str
    error: str


class Served:
    """A bundle that answers.

    Args:
        name: It is asked by this name.
        path: Where it was opened.
        classify: The opened bundle, which belongs to this.
        batcher: Answers by it.
        metrics: Counts its answers.
    """

    def __init__(self, name: str, path: str, classify: Predictor, batcher: Batcher, metrics: Metrics) -> None:
        self.name = name
        self.path = path
        self.classify = classify
        self._batcher = batcher
        self._count = metrics.answers(name)

    async def ask(self, texts: Sequence[Text]) -> Answers:
        """Answers the texts of one request; see ``Batcher.ask``."""
        answers = await self._batcher.ask(texts)
        self._count(answers.predictions)
        return answers

    async def close(self) -> None:
        """Waits for the requests that were taken, and lets the bundle go."""
        await self._batcher.close()
        await asyncio.to_thread(self.classify.close)


class Models:
    """Opens the bundles, finds them by name, and replaces them; made and used in a running event loop.

    Args:
        settings: Names the bundles, and says how they answer.
        metrics: Counts what is answered.

    Attributes:
        room: Where the texts of all of them wait.
    """

    def __init__(self, settings: ServiceSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._served: dict[str, Served] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._reloading = asyncio.Lock()
        self.room = Room(settings.batching.queue)

    async def open(self) -> None:
        """Opens all of them.

        Raises:
            BundleError: One cannot be used.
        """
        for name, path in self._settings.bundles:
            self._served[name] = await self._open(name, path)

    def __iter__(self) -> Iterator[Served]:
        """Goes through them, the one that answers by default first."""
        return iter(self._served.values())

    def named(self, name: str | None) -> Served:
        """Finds one; the first where no name is given.

        Raises:
            UnknownModelError: There is none.
        """
        if name is None:
            return next(iter(self))
        if name not in self._served:
            raise UnknownModelError(f"there is no model {name!r:.100}: ask for one of {listed(self._served)}")
        return self._served[name]

    async def reload(self) -> list[Reload]:
        """Opens each bundle anew; one that cannot be used leaves the one that was open in its place.

        A request is answered by the one that it found, which is closed when the last of them is answered.
        """
        done = []
        async with self._reloading:
            for name, path in self._settings.bundles:
                try:
                    fresh = await self._open(name, path)
                except EdgetextError as error:
                    done.append(Reload(name, str(error)))
                    continue
                old, self._served[name] = self._served[name], fresh
                retiring = asyncio.create_task(old.close())
                self._retiring.add(retiring)
                retiring.add_done_callback(self._retiring.discard)
                done.append(Reload(name, ""))
        return done

    async def close(self) -> None:
        """Waits for all that was taken, and lets the bundles go."""
        async with self._reloading:
            await asyncio.gather(*self._retiring, *(served.close() for served in self))

    async def _open(self, name: str, path: str) -> Served:
        classify = await asyncio.to_thread(_opened, path, self._settings.answering)
        batcher = Batcher(classify, self.room, self._settings.batching, self._metrics.batches(name))
        return Served(name, path, classify, batcher, self._metrics)


def _opened(path: str, how: Answering) -> Predictor:
    classify = Predictor(path, **asdict(how))
    try:
        # The first run allocates; no request should wait for it.
        classify(("a text", "another") if classify.manifest.text_pair_column else "a text")
    except BaseException:
        classify.close()
        raise
    return classify
