"""Signals that end a program: raised as Ctrl-C is, so that what is unfinished is removed; held back meanwhile."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


@dataclass
class Stopped:
    """Which signal came.

    Attributes:
        number: Of the signal; 0 while none came. Ctrl-C is not counted.
    """

    number: int = 0


@contextmanager
def stop_as_interrupted() -> Iterator[Stopped]:
    """Makes SIGTERM and SIGHUP raise ``KeyboardInterrupt`` inside the block, in the main thread.

    A signal that this process was told to ignore, as ``nohup`` does with SIGHUP, stays ignored.

    Yields:
        What tells later which of them came.
    """
    stopped = Stopped()

    def stop(number: int, _: FrameType | None) -> None:
        stopped.number = number
        raise KeyboardInterrupt

    taken = [number for number in _ENDING if _in_main() and signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, stop)
    try:
        yield stopped
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Holds signals that raise back until the block ends: a folder is removed or renamed whole.

    The handlers are exchanged, since a signal that is only masked in this thread reaches another one.
    """
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDING)} if _in_main() else {}
    raising = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in raising:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in raising.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _in_main() -> bool:
    return threading.current_thread() is threading.main_thread()
