"""Signals that end a program: raised as Ctrl-C is, so that what is unfinished is removed; held back meanwhile."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_USUAL = (signal.SIG_DFL, signal.default_int_handler)


@dataclass
class Stopped:
    """Which signal came.

    Attributes:
        number: Of the signal; 0 while none came.
    """

    number: int = 0


_now = Stopped()


@contextmanager
def stop_as_interrupted() -> Iterator[Stopped]:
    """Makes SIGTERM and SIGHUP raise ``KeyboardInterrupt`` inside the block as SIGINT does, in the main thread.

    A signal that this process was told to ignore, as ``nohup`` does with SIGHUP, stays ignored.

    Yields:
        What tells later which of them came.
    """
    global _now
    before, stopped = _now, Stopped()
    _now = stopped

    def stop(number: int, _: FrameType | None) -> None:
        stopped.number = number
        raise KeyboardInterrupt

    taken = {number: handler for number, handler in _handlers().items() if handler in _USUAL}
    for number in taken:
        signal.signal(number, stop)
    try:
        yield stopped
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)
        _now = before


def stop_if_told() -> None:
    """Raises once more where a signal came and the work goes on: some libraries swallow what an import raises.

    Raises:
        KeyboardInterrupt: A signal came.
    """
    if _now.number and _in_main():
        raise KeyboardInterrupt


@contextmanager
def undisturbed() -> Iterator[None]:
    """Holds signals that raise back until the block ends: a folder is removed or renamed whole.

    The handlers are exchanged, since a signal that is only masked in this thread reaches another one.
    """
    came: list[int] = []
    raising = {number: handler for number, handler in _handlers().items() if callable(handler)}
    for number in raising:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in raising.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def signals_call(functions: Mapping[str, Callable[[], None]]) -> Iterator[None]:
    """Has signals call functions inside the block: a server ends by itself when it has answered what it took.

    Args:
        functions: By the name of a signal, such as ``SIGTERM``; one that the system does not have is left out. They
            run in the main thread, between two steps of whatever it does.
    """
    numbers = {getattr(signal, name): function for name, function in functions.items() if hasattr(signal, name)}
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, lambda number, _: numbers[number]())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def same_handlers() -> Iterator[None]:
    """Puts the handlers of the signals that end a program back after the block: some libraries set their own."""
    before = _handlers()
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # of C
                signal.signal(number, handler)


def _handlers() -> dict[int, Any]:
    """Returns the handlers of the signals that end a program; none outside the main thread, which sets none."""
    return {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDING)} if _in_main() else {}


def _in_main() -> bool:
    return threading.current_thread() is threading.main_thread()
