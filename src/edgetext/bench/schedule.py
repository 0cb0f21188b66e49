"""Which row is measured when, one program at work at a time, and when there were rounds enough.

Rounds are added until the widest interval of a ratio is narrow enough, as BenchmarkDotNet and Google's benchmark
add iterations. The interval at that point still holds what it says it holds, since the mean of normal figures does
not depend on their spread, by which alone the end is chosen; a first stage of ten rounds keeps a few that agree by
chance from ending it (the tests simulate it).

Source: Y. S. Chow and H. Robbins, "On the asymptotic theory of fixed-width sequential confidence intervals for the
mean", Annals of Mathematical Statistics 36 (1965).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

from edgetext.bench.cells import status_text
from edgetext.bench.measurement import Measurement
from edgetext.bench.rounds import round_ratios
from edgetext.bench.settings import BenchSettings
from edgetext.measure.process import WorkerError
from edgetext.measure.stats import mean_ratio
from edgetext.measure.turns import SETTLE_S, shuffled_turns
from edgetext.progress import Progress
from edgetext.task import Text


class Schedule:
    """Measures rows.

    Args:
        rows: One a program.
        texts: All held-out texts.
        settings: How much is measured.
        progress: Told of each step, and of each row that could not be measured.
    """

    def __init__(
        self, rows: Sequence[Measurement], texts: Sequence[Text], settings: BenchSettings, progress: Progress
    ) -> None:
        self._rows = rows
        self._texts = texts
        self._settings = settings
        self._progress = progress
        self._no_device: dict[str, WorkerError] = {}

    def run(self) -> bool:
        """Lets every row have its turns, and leaves no process behind, whatever happens.

        Returns:
            Whether it came to its end; ``False`` after Ctrl-C, which keeps what there is by then.
        """
        try:
            self._measure()
            for one in self._rows:
                one.end()
        except KeyboardInterrupt:
            self._progress.note("interrupted: what was measured so far is kept")
            return False
        finally:
            for one in self._rows:
                one.stop()
        return True

    def _measure(self) -> None:
        rows, settings = self._rows, self._settings
        for done, one in enumerate(rows):
            self._progress.step("bench", done, self._steps(settings.least_rounds))
            self._begin(one)
        turns = shuffled_turns(rows, settings.most_rounds * settings.slices, settings.seed)
        expected = settings.least_rounds
        for number in range(settings.most_rounds):
            in_round = islice(turns, len(rows) * settings.slices)
            for done, turn in enumerate(in_round, self._steps(number)):
                self._progress.step("bench", done, self._steps(expected))
                if rows[turn.index].error is None:
                    self._slice(rows[turn.index], *divmod(turn.round, settings.slices))
            expected = self._rounds_expected(number + 1)
            if expected == number + 1:
                break
        self._progress.step("bench", self._steps(expected), self._steps(expected))

    def _steps(self, rounds: int) -> int:
        """Counts the steps until so many rounds are over, the beginning of each row as one."""
        return len(self._rows) * (rounds * self._settings.slices + 1)

    def _rounds_expected(self, rounds: int) -> int:
        """Tells how many rounds it will be, by what those so far have shown; ``rounds`` itself to end."""
        settings = self._settings
        if settings.within is None or rounds < settings.least_rounds:
            return settings.least_rounds
        width = widest(self._rows)
        if width is None:
            return rounds
        if rounds == settings.most_rounds and width.percent > settings.within:
            self._progress.note(
                f"ended after {rounds} rounds: the interval of {width.name} still reaches {width.percent:.1f} % to "
                f"one side, not {settings.within:g} %"
            )
        return min(settings.most_rounds, width.rounds_for(settings.within, rounds))

    def _begin(self, one: Measurement) -> None:
        """Begins a row, unless another one has found that there is no such device: asking torch takes seconds."""
        device = one.plan.backend.device
        one.error = self._no_device.get(device)
        if one.error is None:
            one.begin(self._texts)
        if one.error is not None and one.error.no_device:
            self._no_device[device] = one.error
        self._tell(one)

    def _slice(self, one: Measurement, number: int, part: int) -> None:
        one.turn(number, part)
        self._tell(one)
        if self._settings.threads > 1:
            time.sleep(SETTLE_S)

    def _tell(self, one: Measurement) -> None:
        if one.error is not None:
            self._progress.note(f"{one.plan.name}: {status_text(one.error.status, str(one.error))}")


@dataclass(frozen=True)
class Width:
    """How far an interval reaches.

    Attributes:
        percent: Of the ratio, to its further side.
        name: Whose interval it is, such as ``p50 of edgetext int8``.
    """

    percent: float
    name: str

    def rounds_for(self, percent: float, rounds: int) -> int:
        """Estimates how many rounds will make it as narrow as asked, by what ``rounds`` of them have shown."""
        if self.percent <= percent:
            return rounds
        return max(rounds + 1, math.ceil(rounds * min(1e6, self.percent / percent) ** 2))


def widest(rows: Sequence[Measurement]) -> Width | None:
    """Finds the widest of the intervals of ratios after whole rounds, of latency and of throughput.

    Rows of several models are compared with their like; where there is none, every row with the first. Rows that
    were given up are passed over; without two others there is ``None``.
    """
    had = [one for one in rows if not one.error and one.rates_per_s]
    widths = (width for one, other in _pairs(had) for width in _widths(one, other))
    return max(widths, key=lambda width: width.percent, default=None)


def _pairs(rows: Sequence[Measurement]) -> Iterator[tuple[Measurement, Measurement]]:
    alike = [pair for pair in combinations(rows, 2) if _identity(pair[0]) == _identity(pair[1])]
    yield from alike or ((rows[0], other) for other in rows[1:])


def _identity(row: Measurement) -> tuple[str, str, str]:
    return row.plan.backend.name, row.plan.variant, row.plan.backend.device


def _widths(one: Measurement, other: Measurement) -> Iterator[Width]:
    figures = {
        "p50": round_ratios(one.latencies_ms, other.latencies_ms),
        "throughput": round_ratios(one.rates_per_s, other.rates_per_s),
    }
    for metric, ratios in figures.items():
        ratio = mean_ratio(ratios)
        yield Width(100 * (ratio.high / ratio.value - 1), f"{metric} of {other.plan.name}")
