"""The turns of all rows, one program at work at a time, with a look at the machine between any two."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edgetext.bench.cells import status_text
from edgetext.bench.measuring import Measurement
from edgetext.bench.settings import BenchSettings
from edgetext.measure.noise import NoiseCheck, Reading
from edgetext.measure.turns import shuffled_turns
from edgetext.progress import Progress

_SETTLE_S = 0.05  # the threads of the program before may still spin for some milliseconds


@dataclass
class TurnLog:
    """What is known of one row's turns beside its figures; filled turn by turn.

    Attributes:
        samples: How many latency samples each turn gave.
        readings: What the machine gave around each turn.
    """

    samples: list[int] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)


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
        self.logs = [TurnLog() for _ in rows]
        self._rows = rows
        self._texts = texts
        self._settings = settings
        self._progress = progress
        self._check = NoiseCheck(settings.threads)
        self._active: Measurement | None = None

    def run(self) -> bool:
        """Starts every row, gives them their turns, and leaves no process behind, whatever happens.

        Returns:
            Whether it came to its end; ``False`` after Ctrl-C, which keeps what there is by then.
        """
        try:
            return self._run()
        finally:
            for one in self._rows:
                one.stop(at_once=True)

    def _run(self) -> bool:
        ended = 0
        try:
            self._measure()
            for one in self._rows:
                self._active = one
                one.end()
                ended += 1
            return True
        except KeyboardInterrupt:
            self._progress.note("interrupted: what was measured so far is kept")
        if self._active is not None:  # in the middle of an answer that nobody will read
            self._active.stop(at_once=True)
        for one in self._rows[ended:]:
            if one is not self._active and one.rates_per_s:
                one.settings = replace(one.settings, scenarios=())  # they take long
                one.end()
        return False

    def _measure(self) -> None:
        rows, progress = self._rows, self._progress
        total = len(rows) * (self._settings.rounds + 1)
        for done, one in enumerate(rows):
            progress.step("bench", done, total)
            self._active = one
            one.begin(self._texts)
            self._tell(one)
        self._active = None
        before = self._check.read()
        for done, turn in enumerate(shuffled_turns(rows, self._settings.rounds, self._settings.seed), len(rows)):
            progress.step("bench", done, total)
            if rows[turn.index].error is None:
                before = self._turn(turn.index, turn.round, before)
        progress.step("bench", total, total)

    def _turn(self, index: int, number: int, before: Reading) -> Reading:
        """Gives one row its turn, and the reading after it, which is the one before the next."""
        one, log = self._rows[index], self.logs[index]
        had = len(one.latencies_ms)
        time.sleep(_SETTLE_S)
        self._active = one
        try:
            one.turn(number, self._texts)
        finally:
            if len(one.latencies_ms) > had:
                log.samples.append(len(one.latencies_ms) - had)
        self._active = None
        self._tell(one)
        time.sleep(_SETTLE_S)
        after = self._check.read()
        log.readings.append(before.worse(after))
        return after

    def _tell(self, one: Measurement) -> None:
        if one.error is not None:
            self._progress.note(f"{one.plan.name}: {status_text(one.error.status, str(one.error))}")
