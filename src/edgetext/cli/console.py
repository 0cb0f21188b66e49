"""What a command shows: bars and tables on a terminal (rich), plain lines anywhere else.

Progress and notes go to standard error, results to standard output, so that a pipe gets results only.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TextIO

from edgetext.escape import json_text, terminal
from edgetext.progress import Progress
from edgetext.stopping import stop_if_told

if TYPE_CHECKING:
    from rich.progress import Progress as RichBars
    from rich.progress import TaskID

    from edgetext.bulk.job import Report

PLAIN_EVERY_S = 10.0
BAR_EVERY_S = 0.2


class Console:
    """The two streams of a command; rich draws on those that are terminals.

    Args:
        out: Where results go.
        err: Where progress and notes go.
        draw: Whether rich may be used at all; by default when it is installed.
    """

    def __init__(self, out: TextIO, err: TextIO, *, draw: bool | None = None) -> None:
        self._out = out
        self._err = err
        self._draw = find_spec("rich") is not None if draw is None else draw

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Opens the progress to hand to slow work, and clears the bars when the block ends."""
        if not (self._draw and self._err.isatty()):
            yield PlainProgress(self._err)
            return
        with _bars(self._err) as bars:
            yield BarProgress(bars)

    def say(self, text: str) -> None:
        """Prints lines of results; what a terminal would obey is escaped."""
        print(terminal(text, lines=True), file=self._out, flush=True)

    def say_json(self, value: Any, *, indent: int | None = None) -> None:
        """Prints a result for a program."""
        print(json_text(value, indent=indent), file=self._out, flush=True)

    def table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, words: Collection[int] = (0,)
    ) -> None:
        """Prints a table of results: columns of words begin at the left, the others, which hold figures, end right.

        Args:
            title: What stands above it.
            columns: Their heads.
            rows: A cell a column.
            words: Which columns hold words, counted from 0.
        """
        rows = [[terminal(cell) for cell in row] for row in rows]
        if self._draw and self._out.isatty():
            _draw_table(self._out, title, columns, rows, words)
        else:
            self.say("\n".join([title, *_plain_table(columns, rows, words)]))


def open_console() -> Console:
    """Opens the console of this process."""
    return Console(sys.stdout, sys.stderr)


class PlainProgress:
    """Progress as lines such as ``train: 40/100``: one when work begins, then one every ten seconds at most."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._name: str | None = None
        self._last = 0.0

    def step(self, name: str, done: int, total: int) -> None:
        """Prints a line, unless one about the same work was printed a moment ago."""
        stop_if_told()
        now = self._clock()
        if name != self._name or now - self._last >= PLAIN_EVERY_S:
            self._name, self._last = name, now
            print(f"{terminal(name)}: {done}/{total}", file=self._stream, flush=True)

    def note(self, message: str) -> None:
        """Prints the sentence."""
        print(f"note: {terminal(message)}", file=self._stream, flush=True)


class BarProgress:
    """Progress as one rich bar for each kind of work; notes appear above the bars."""

    def __init__(self, bars: RichBars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def step(self, name: str, done: int, total: int) -> None:
        """Moves the bar of that name, and makes it first where needed."""
        stop_if_told()
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(terminal(name), total=total)
        self._bars.update(self._tasks[name], completed=done, total=total)

    def note(self, message: str) -> None:
        """Prints the sentence above the bars."""
        self._bars.console.print(f"note: {terminal(message)}", markup=False, highlight=False, soft_wrap=True)


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
    """Opens what to report to, and clears the bar when the block ends.

    Args:
        err: Where to show it; standard error by default.
    """
    stream = err or sys.stderr
    if not (stream.isatty() and find_spec("rich")):
        yield Rate(PLAIN_EVERY_S, lambda line, _: print(f"predict: {line}", file=stream, flush=True))
        return
    with _rate_bar(stream) as bars:
        task = bars.add_task("predict", total=1.0)
        yield Rate(BAR_EVERY_S, lambda line, part: bars.update(task, description=line, completed=part))


def time_words(seconds: float) -> str:
    """Writes a length of time, such as ``40 s``, ``3 min 20 s`` or ``2 h 5 min``."""
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
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=RichConsole(file=stream))


def _rate_bar(stream: TextIO) -> RichBars:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}", markup=False))
    return Progress(*columns, console=RichConsole(file=stream), transient=True)


def _draw_table(
    stream: TextIO, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], words: Collection[int]
) -> None:
    from rich.console import Console as RichConsole
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(terminal(title)), title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if index in words else "right")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    RichConsole(file=stream).print(table)


def _plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: Collection[int]) -> list[str]:
    widths = [max(len(row[index]) for row in (columns, *rows)) for index in range(len(columns))]

    def line(cells: Sequence[str]) -> str:
        placed = (
            cell.ljust(width) if index in words else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(placed).rstrip()

    return [line(columns), line(["-" * width for width in widths]), *(line(row) for row in rows)]
