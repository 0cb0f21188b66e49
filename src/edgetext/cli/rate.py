"""How far ``predict`` has come through a file: rows, rate and time left, as a bar on a terminal, else as lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichBars

PLAIN_EVERY_S = 10.0
BAR_EVERY_S = 0.2

Report = Callable[[int, float, int], None]


class Rate:
    """Measures from its first report on, so that rows of an earlier run do not count.

    Args:
        every_s: How much time lies between two lines at least.
        show: Is given a line, and the part of the input that is read, 0 to 1.
        clock: Gives seconds.
    """

    def __init__(
        self, every_s: float, show: Callable[[str, float], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._every_s = every_s
        self._show = show
        self._clock = clock
        self._begun: tuple[float, int, float] | None = None
        self._shown = 0.0

    def __call__(self, rows: int, position: float, size: int) -> None:
        """Shows a line, unless one was shown a moment ago.

        Args:
            rows: Rows done, those of earlier runs included.
            position: How much of the input is read.
            size: How large the input is, in the same unit; 0 where nobody knows.
        """
        now = self._clock()
        if self._begun is None:
            self._begun, self._shown = (now, rows, position), now
        elif now - self._shown >= self._every_s:
            self._shown = now
            self._show(_line(self._begun, now, rows, position, size), position / size if size else 0.0)


@contextmanager
def show_rate(err: TextIO | None = None) -> Iterator[Report]:
    """Gives what to report to, and clears the bar when the block ends.

    Args:
        err: Where to show it; standard error by default.
    """
    stream = err or sys.stderr
    if not (stream.isatty() and find_spec("rich")):
        yield Rate(PLAIN_EVERY_S, lambda line, _: print(f"predict: {line}", file=stream, flush=True))
        return
    with _bars(stream) as bars:
        task = bars.add_task("predict", total=1.0)
        yield Rate(BAR_EVERY_S, lambda line, part: bars.update(task, description=line, completed=part))


def time_words(seconds: float) -> str:
    """Gives a length of time, such as ``40 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _line(begun: tuple[float, int, float], now: float, rows: int, position: float, size: int) -> str:
    began, first_rows, first_position = begun
    line = f"{rows:,} rows, {(rows - first_rows) / (now - began):,.0f} a second"
    read = position - first_position
    if not size or read <= 0:
        return line
    left = (now - began) * max(0.0, size - position) / read
    return f"{line}, {min(1.0, position / size):.0%}, {time_words(left)} left"


def _bars(stream: TextIO) -> RichBars:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}", markup=False))
    return Progress(*columns, console=RichConsole(file=stream), transient=True)
