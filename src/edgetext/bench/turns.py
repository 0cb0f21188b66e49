"""The turns of all rows, one program at work at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice

from edgetext.bench.cells import status_text
from edgetext.bench.measuring import Measurement
from edgetext.bench.precision import widest
from edgetext.bench.settings import BenchSettings
from edgetext.measure.process import WorkerError
from edgetext.measure.turns import SETTLE_S, shuffled_turns
from edgetext.progress import Progress


class Turns:
    """Measures rows.

    Args:
        rows: One a program.
        texts: All held-out texts.
        settings: How much is measured.
        progress: Told of each step, and of each row that could not be measured.
    """

    def __init__(
        self, rows: Sequence[Measurement], texts: Sequence[str], settings: BenchSettings, progress: Progress
    ) -> None:
        self._rows = rows
        self._texts = texts
        self._settings = settings
        self._progress = progress
        self._no_device: dict[str, WorkerError] = {}

    def run(self) -> bool:
        """Gives every row its turns, and leaves no process behind, whatever happens.

        Returns:
            Whether it came to its end; ``False`` after Ctrl-C, which keeps what there is by then.
        """
        try:
            return self._run()
        finally:
            for one in self._rows:
                one.stop()

    def _run(self) -> bool:
        try:
            self._measure()
            for one in self._rows:
                one.end()
        except KeyboardInterrupt:
            self._progress.note("interrupted: what was measured so far is kept")
            return False
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
        """Gives the steps until so many rounds are over, the beginning of each row counted as one."""
        return len(self._rows) * (rounds * self._settings.slices + 1)

    def _rounds_expected(self, rounds: int) -> int:
        """Gives how many rounds it will be, by what those so far have shown; ``rounds`` itself to end."""
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
        one.turn(number, part, self._texts)
        self._tell(one)
        if self._settings.threads > 1:
            time.sleep(SETTLE_S)

    def _tell(self, one: Measurement) -> None:
        if one.error is not None:
            self._progress.note(f"{one.plan.name}: {status_text(one.error.status, str(one.error))}")
