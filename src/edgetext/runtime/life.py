"""How a predictor ends: closing waits for the calls that run, and a forked process leaves the parent's model alone.

A session whose threads are gone waits for them for ever, so the child never runs, and never frees, what came from
the parent: it opens a session of its own when it first needs one.
"""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Protocol
from weakref import WeakSet

from edgetext.errors import InputError

CLOSED = "this Predictor was closed: open a new one"
FORKED = "the process was forked while this stream was read: begin it again in the child"


class Calls:
    """A door with a list of who is inside: entered for the length of a call, closed once.

    Lists are appended to and searched in one step under the interpreter's lock, so that entering costs no lock
    of its own: it stands in the path of every prediction.
    """

    def __init__(self) -> None:
        self.closed = False
        self._inside: list[int] = []
        self._left = threading.Event()
        self._closing = threading.RLock()

    def __enter__(self) -> None:
        """Enters.

        Raises:
            InputError: It is closed.
        """
        self._inside.append(threading.get_ident())
        if self.closed:
            self.__exit__(None, None, None)
            raise InputError(CLOSED)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves, and tells one that waits."""
        self._inside.remove(threading.get_ident())
        if self.closed:
            self._left.set()

    def close(self) -> None:
        """Lets nobody in any more, and waits for those inside; for the caller's own calls it cannot wait."""
        self.closed = True
        me = threading.get_ident()
        with self._closing:
            while True:
                self._left.clear()
                if all(thread == me for thread in self._inside.copy()):
                    return
                self._left.wait()

    def in_child(self) -> Calls:
        """Makes the door of a forked process: the threads that were inside did not come along."""
        fresh = Calls()
        fresh.closed = self.closed
        return fresh


class Forked(Protocol):
    """What is told, in the child, that the process was forked."""

    def _after_fork(self) -> None:
        """Lets go of what only the parent can use."""


_watched: WeakSet[Forked] = WeakSet()
_left_behind: list[object] = []


def watch(one: Forked) -> None:
    """Has ``_after_fork`` called in every child of this process, as long as the object lives."""
    _watched.add(one)


def leave_behind(*things: object) -> None:
    """Keeps things of the parent from being freed in a forked process."""
    _left_behind.extend(things)


def _after_fork() -> None:
    for one in list(_watched):
        one._after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
