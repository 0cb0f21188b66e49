"""Work that goes on beside the caller's: loading has parts that leave a second core idle."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

_Result = TypeVar("_Result")


class Aside(Generic[_Result]):
    """Runs a function in a thread of its own; ``concurrent.futures`` would do, and takes 5 ms to import.

    Args:
        work: What to run; where no thread can be started it runs at once.
    """

    def __init__(self, work: Callable[[], _Result]) -> None:
        self._work = work
        self._results: list[_Result] = []
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="edgetext-load", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._run()

    def result(self) -> _Result:
        """Waits for the function, and gives what it returned or raises what it raised."""
        if self._thread.ident is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:  # it is raised where it is waited for
            self._error = error
