"""The calls that run, so that closing can wait for them."""

from __future__ import annotations

import threading
from types import TracebackType

from edgetext.errors import InputError

CLOSED = "this Predictor was closed: open a new one"


class Calls:
    """A door with a list of who is inside: entered for the length of a call, closed once.

    Lists are appended to and searched in one step under the interpreter's lock, so that entering costs no lock
    of its own: it stands in the path of every prediction.
    """

    def __init__(self) -> None:
        """Makes an open door."""
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
        """Gives the door of a forked process: the threads that were inside did not come along."""
        fresh = Calls()
        fresh.closed = self.closed
        return fresh
