"""What ``os.fork`` leaves of a predictor: the model without the threads that work on it.

A session whose threads are gone waits for them for ever, so the child never runs, and never frees, what came from
the parent: it opens a session of its own when it first needs one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol
from weakref import WeakSet

from edgetext.errors import InputError
from edgetext.runtime.calls import CLOSED
from edgetext.runtime.engine import Engine
from edgetext.runtime.pairs import Text
from edgetext.runtime.prediction import FloatArray


class Forked(Protocol):
    """What is told, in the child, that the process was forked."""

    def _after_fork(self) -> None:
        """Lets go of what only the parent can use."""


_watched: WeakSet[Forked] = WeakSet()


def watch(one: Forked) -> None:
    """Has ``_after_fork`` called in every child of this process, as long as the object lives."""
    _watched.add(one)


class ReopenedEngine:
    """Stands in, in a forked process, for the engine of the parent; opens one of its own at the first call.

    Args:
        opener: Opens it.
    """

    def __init__(self, opener: Callable[[], Engine]) -> None:
        """Opens nothing yet; see the class for the arguments."""
        self._opener = opener
        self._engine: Engine | None = None
        self._lock = threading.Lock()
        self._closed = False

    def one(self, text: Text) -> tuple[FloatArray, bool]:
        """As ``Engine.one``."""
        return self._own().one(text)

    def count_tokens(self, text: Text) -> int:
        """As ``Engine.count_tokens``."""
        return self._own().count_tokens(text)

    def many(self, texts: Iterable[Text], window: int) -> Iterator[tuple[FloatArray, list[bool]]]:
        """As ``Engine.many``."""
        return self._own().many(texts, window)

    def close(self) -> None:
        """As ``Engine.close``."""
        with self._lock:
            self._closed = True
            if self._engine is not None:
                self._engine.close()

    def abandon(self) -> None:
        """As ``Engine.abandon``."""
        if self._engine is not None:
            self._engine.abandon()

    def _own(self) -> Engine:
        with self._lock:
            if self._closed:
                raise InputError(CLOSED)
            if self._engine is None:
                self._engine = self._opener()
            return self._engine


def _after_fork() -> None:
    for one in list(_watched):
        one._after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
