"""How much is measured. The defaults take about three minutes for nine rows of a MiniLM on two cores."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edgetext.errors import InputError

FIRST_ROUNDS = 10
"""With ``within``: from fewer rounds, which may agree by chance, the interval at the end would be too narrow."""


@dataclass(frozen=True)
class BenchSettings:
    """How much is measured, and with what.

    Attributes:
        threads: Threads that every program may use; 0 for the cores that this process may use.
        backends: Names from ``bench.registry``; none for those of the default bench.
        variants: Names of the bundles' variants, or ``all``; none for all of one bundle, and for the default one of
            each of several.
        rounds: How often each row has its turn, each in a process of its own; with ``within`` at least so often.
        within: Percent to either side that the widest interval of a ratio may have at the end (see
            ``bench.schedule``); ``None`` for the rounds as they are.
        max_rounds: Where ``within`` gives up.
        slices: Into how many slices a turn is cut; in a round the slices of all rows alternate.
        latency_texts: Texts timed one by one in a turn, dealt over its slices.
        throughput_texts: The most texts predicted in batches in a slice; a row has as many as ``turn_seconds``
            allow, since a quick one needs more of them to get past what is opened and filled only at first.
        batch: Texts in a batch.
        warm_up: Texts predicted untimed at the head of a slice; before a turn's first as many more as each program
            was seen to need (see ``measure.turns``).
        turn_seconds: About how long either half of a turn may last, all of its slices together.
        timeout_s: How long a program may take for one request before it is given up, in seconds.
        seed: Of the order of turns, and of the rows that a limit leaves.
        scenarios: Those of MLPerf's scenarios that each row is put through after its turns; none by default.
        scenario_seconds: How long LoadGen asks in one test of a scenario.
        p99_bound_ms: Latency that 99 in 100 queries of the scenario ``server`` must keep.
    """

    threads: int = 0
    backends: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    rounds: int = 5
    within: float | None = None
    max_rounds: int = 100
    slices: int = 2
    latency_texts: int = 60
    throughput_texts: int = 4096
    batch: int = 32
    warm_up: int = 5
    turn_seconds: float = 1.2
    timeout_s: float = 600.0
    seed: int = 0
    scenarios: tuple[str, ...] = ()
    scenario_seconds: float = 3.0
    p99_bound_ms: float = 50.0

    def __post_init__(self) -> None:
        """Refuses what cannot be measured.

        Raises:
            InputError: A count is below what makes sense.
        """
        for name in ("rounds", "slices", "latency_texts", "throughput_texts", "batch"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, found {getattr(self, name)}")
        for name in ("scenario_seconds", "p99_bound_ms", "within"):
            if getattr(self, name) is not None and not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"{name} must be a positive number, found {getattr(self, name)}")
        if self.within is not None and self.max_rounds < self.least_rounds:
            raise InputError(f"max_rounds must be at least {self.least_rounds}, found {self.max_rounds}")
        if self.threads < 0 or self.warm_up < 0:
            raise InputError("threads and warm_up must not be negative")

    @property
    def least_rounds(self) -> int:
        """Rounds that are measured whatever they show."""
        return self.rounds if self.within is None else max(self.rounds, FIRST_ROUNDS)

    @property
    def most_rounds(self) -> int:
        """Rounds after which it ends at the latest."""
        return self.rounds if self.within is None else self.max_rounds

    def to_json(self) -> dict[str, Any]:
        """Turns the settings into plain JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
