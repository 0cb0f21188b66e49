"""Times candidates on real texts: a worker process each, one active at a time, in shuffled turns."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from edgetext.export.halving import Rung
from edgetext.export.objective import Objective
from edgetext.export.runner import RUNNER
from edgetext.measure.percentiles import percentiles
from edgetext.measure.process import Worker, WorkerError
from edgetext.measure.turns import shuffled_turns
from edgetext.progress import Progress

_ROUNDS = 4
_LAST_ROUNDS = 8
_LEAST_ROUNDS = 2  # fewer say nothing about how sure a figure is
_TEXTS = 100  # in a round of the first rung; twice as many in each that follows
_TURN_S = 0.25  # no turn of the first rung is longer
_BATCH = 64  # texts to warm up on in bulk
_WARM_UP = 10
_SETTLE_S = 0.05  # the threads of the program before may still spin for some milliseconds
_SEED = 20


@dataclass
class Stopwatch:
    """Times the variants of a bundle for one objective.

    Attributes:
        bundle: A bundle whose variants are the candidates.
        objective: ``latency``: the median of single texts. ``throughput``: all texts at once.
        texts: Real texts, at least one.
        threads: Of each process.
        reference: The variant that runs along in every rung, to be compared with.
        until: When time is up, by ``time.monotonic()``; a rung that has begun still does two rounds.
        progress: Told of each turn.
        failed: Why those failed that did, by name; filled while timing.
    """

    bundle: Path
    objective: Objective
    texts: Sequence[str]
    threads: int
    reference: str
    until: float
    progress: Progress
    failed: dict[str, str] = field(default_factory=dict)
    reference_rounds: tuple[float, ...] = ()
    _bulk_texts: int = 0

    def __call__(self, names: Sequence[str], rung: Rung) -> Mapping[str, Sequence[float]]:
        """Times these variants in one rung; see ``halving.Measure``."""
        entrants = [self.reference, *names]
        found: dict[str, list[float]] = {name: [] for name in entrants}
        with ExitStack() as stack:
            workers = {name: worker for name in entrants if (worker := self._start(name, stack))}
            self._run(workers, found, rung)
        found = {name: rounds for name, rounds in found.items() if name not in self.failed}
        whole = min((len(rounds) for rounds in found.values()), default=0)
        self.reference_rounds = tuple(found.pop(self.reference, ())[:whole])
        return {name: rounds[:whole] for name, rounds in found.items()}

    def _run(self, workers: Mapping[str, Worker], found: Mapping[str, list[float]], rung: Rung) -> None:
        rounds = _LAST_ROUNDS if rung.last else _ROUNDS
        entrants = list(workers)
        for done, turn in enumerate(shuffled_turns(entrants, rounds, _SEED + rung.number)):
            name = entrants[turn.index]
            if turn.round >= _LEAST_ROUNDS and not done % len(entrants) and time.monotonic() > self.until:
                break
            self.progress.step(f"timing, rung {rung.number}", done, rounds * len(entrants))
            if name not in self.failed:
                time.sleep(_SETTLE_S)
                self._turn(name, workers[name], turn.round, rung, found[name])
        self.progress.step(f"timing, rung {rung.number}", rounds * len(entrants), rounds * len(entrants))

    def _start(self, name: str, stack: ExitStack) -> Worker | None:
        profile = "throughput" if self.objective == "throughput" else "latency"
        spec = {"bundle": str(self.bundle), "variant": name, "profile": profile, "threads": self.threads}
        worker = stack.enter_context(Worker(RUNNER, spec, threads=self.threads, timeout_s=120))
        try:
            worker.start(self.texts[0])
            if self.objective == "throughput" and not self._bulk_texts:
                self._bulk_texts = self._affordable(worker)
        except WorkerError as error:
            self.failed[name] = str(error)
            return None
        return worker

    def _affordable(self, worker: Worker) -> int:
        """How many texts the reference, which starts first, does in the time of a turn."""
        sample = _window(self.texts, 0, _BATCH)
        return max(_BATCH, int(worker.throughput(sample, _BATCH) * _TURN_S))

    def _turn(self, name: str, worker: Worker, number: int, rung: Rung, rounds: list[float]) -> None:
        longer = 2 ** (rung.number - 1)
        try:
            if self.objective == "throughput":
                texts = _window(self.texts, number, self._bulk_texts * longer)
                rounds.append(1000 / worker.throughput(texts, _BATCH))
            else:
                texts = _window(self.texts, number, _TEXTS * longer)
                samples = worker.latency(texts, warm_up=_WARM_UP, seconds=_TURN_S * longer)
                rounds.append(percentiles(samples).p50)
        except WorkerError as error:
            self.failed[name] = str(error)


def _window(texts: Sequence[str], number: int, count: int) -> list[str]:
    """Gives the texts of a round: each goes on where the one before it ended, round and round."""
    return [texts[index % len(texts)] for index in range(number * count, (number + 1) * count)]
