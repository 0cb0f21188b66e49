"""Times candidates on real texts: a worker process each, one active at a time, in shuffled turns.

By successive halving many are timed a little, the better half of them longer, until few are left. All candidates
of a rung do the same work in the same rounds, so two of them are compared round by round: what disturbs the machine
for a while disturbs both. The intervals are those of ``measure.stats``.

Source: K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization",
AISTATS 2016.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from edgetext.export.settings import Objective
from edgetext.measure.process import Worker, WorkerError
from edgetext.measure.runner import PREDICTOR
from edgetext.measure.stats import Percentiles, Ratio, mean_ratio, paired_ratio, percentiles
from edgetext.measure.turns import SETTLE_S, shuffled_turns, window
from edgetext.progress import Progress
from edgetext.task import Text


@dataclass(frozen=True)
class Rung:
    """One step of the halving.

    Attributes:
        number: Counted from 1.
        last: Whether nobody is dropped after it.
    """

    number: int
    last: bool


@dataclass(frozen=True)
class Timing:
    """What a candidate took in the last rung that it reached.

    Attributes:
        rounds: Milliseconds a text, one figure a round.
        rung: Which rung, counted from 1.
        ratio: How many times as long as the fastest of that rung it took.
    """

    rounds: tuple[float, ...]
    rung: int
    ratio: Ratio

    @property
    def cost_ms(self) -> Ratio:
        """Milliseconds a text: the geometric mean of the rounds, and its interval."""
        return mean_ratio(self.rounds)


Measure = Callable[[Sequence[str], Rung], Mapping[str, Sequence[float]]]
"""Times candidates side by side: milliseconds a text for each round, as many rounds for each; a candidate that
fails is left out."""


def halve(names: Sequence[str], measure: Measure, finalists: int) -> dict[str, Timing]:
    """Times candidates, keeping the better half each time until at most ``finalists`` are left, who run longest.

    Args:
        names: The candidates.
        measure: Times those that it is given.
        finalists: How many may reach the last rung.

    Returns:
        The timings of all that could be timed: by the rung that they reached, the fastest first.
    """
    timings: dict[str, Timing] = {}
    alive, number, last = list(names), 0, False
    while alive and not last:
        number, last = number + 1, len(alive) <= finalists
        found = {name: tuple(rounds) for name, rounds in measure(alive, Rung(number, last)).items()}
        ranked = sorted(found, key=lambda name: mean_ratio(found[name]).value)
        for name in ranked:
            timings[name] = Timing(found[name], number, compare(found[name], found[ranked[0]]))
        alive = ranked[: max(finalists, math.ceil(len(alive) / 2))]
    return dict(sorted(timings.items(), key=lambda item: (-item[1].rung, item[1].cost_ms.value)))


def compare(rounds: Sequence[float], reference: Sequence[float]) -> Ratio:
    """How many times as long as the reference a candidate takes, by the rounds that both ran."""
    shared = min(len(rounds), len(reference))
    return paired_ratio(rounds[:shared], reference[:shared])


@dataclass(frozen=True)
class Durations:
    """What texts took.

    Attributes:
        rounds: The mean of each round, in milliseconds a text.
        of: Percentiles over all of its samples, in milliseconds: single texts, or rounds in bulk.
    """

    rounds: tuple[float, ...]
    of: Percentiles

    @property
    def mean_ms(self) -> Ratio:
        """Milliseconds a text: the geometric mean of the rounds' means, and its interval."""
        return mean_ratio(self.rounds)


_MEAN_ROUNDS, _MEAN_TEXTS, _MEAN_SECONDS, _MEAN_BULK_TEXTS = 10, 80, 1.0, 256


def time_side_by_side(
    specs: Sequence[Mapping[str, Any]],
    texts: Sequence[Text],
    objective: Objective,
    threads: int,
    progress: Progress,
) -> list[Durations]:
    """Times predictors on the same texts; the mean counts, in which every text does.

    Args:
        specs: What each is made of (``measure.predictor``).
        texts: Real texts, at least one.
        objective: ``throughput``: some hundred texts at once. Else one text at a time.
        threads: Of each process.
        progress: Told of each turn.

    Raises:
        WorkerError: One cannot be timed.
    """
    samples: list[list[list[float]]] = [[] for _ in specs]
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(PREDICTOR, spec, threads=threads, timeout_s=120)) for spec in specs]
        for worker in workers:
            worker.start(texts[0])
        names = [str(place) for place in range(len(specs))]
        for done, turn in enumerate(shuffled_turns(names, _MEAN_ROUNDS, _SEED)):
            progress.step("timing the first stage", done, _MEAN_ROUNDS * len(specs))
            time.sleep(SETTLE_S)
            samples[turn.index].append(_samples(workers[turn.index], texts, turn.round, objective))
        progress.step("timing the first stage", _MEAN_ROUNDS * len(specs), _MEAN_ROUNDS * len(specs))
    return [
        Durations(tuple(fmean(found) for found in rounds), percentiles([one for found in rounds for one in found]))
        for rounds in samples
    ]


def _samples(worker: Worker, texts: Sequence[Text], number: int, objective: Objective) -> list[float]:
    """Milliseconds of each text of a round; in bulk that of all of them."""
    if objective == "throughput":
        return [1000 / worker.throughput(window(texts, number, _MEAN_BULK_TEXTS), _BATCH)]
    some = window(texts, number, _MEAN_TEXTS)
    return worker.latency(some, warm_up=_WARM_UP, seconds=_MEAN_SECONDS)


@dataclass(frozen=True)
class _Effort:
    """How much is done in a rung.

    Attributes:
        rounds: Turns of each candidate.
        least: Turns that are taken even when the time is up: fewer would say nothing about how sure a figure is.
        texts: Texts in a turn, at most.
        seconds: No turn is longer.
    """

    rounds: int
    least: int
    texts: int
    seconds: float


# Many short turns rather than few long ones: what disturbs a machine lasts for seconds, and a comparison gets surer
# with every round.
_EFFORT = _Effort(rounds=4, least=2, texts=60, seconds=0.15)
_LAST_EFFORT = _Effort(rounds=20, least=8, texts=100, seconds=0.2)
# In short turns the first and the last batches, which leave cores idle, weigh too much.
_LAST_BULK_SECONDS = 0.6
_BATCH = 64  # texts to warm up on in bulk
_WARM_UP = 10
_SEED = 20


@dataclass
class Stopwatch:
    """Times the variants of a bundle for one objective.

    Attributes:
        bundle: A bundle whose variants are the candidates.
        objective: ``latency``: the mean of single texts. ``throughput``: all texts at once.
        texts: Real texts, at least one.
        threads: Of each process.
        reference: The variant that runs along in every rung, to be compared with.
        until: When time is up, by ``time.monotonic()``; a rung that has begun still does its least rounds.
        progress: Told of each turn.
        failed: Why those failed that did, by name; filled while timing.
    """

    bundle: Path
    objective: Objective
    texts: Sequence[Text]
    threads: int
    reference: str
    until: float
    progress: Progress
    failed: dict[str, str] = field(default_factory=dict)
    reference_rounds: tuple[float, ...] = ()
    _bulk_texts: int = 0

    def __call__(self, names: Sequence[str], rung: Rung) -> Mapping[str, Sequence[float]]:
        """Times these variants in one rung; see ``Measure``."""
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
        effort = self._effort(rung)
        rounds, entrants = effort.rounds, list(workers)
        for done, turn in enumerate(shuffled_turns(entrants, rounds, _SEED + rung.number)):
            name = entrants[turn.index]
            if turn.round >= effort.least and not done % len(entrants) and time.monotonic() > self.until:
                break
            self.progress.step(f"timing, rung {rung.number}", done, rounds * len(entrants))
            if name not in self.failed:
                time.sleep(SETTLE_S)
                self._turn(name, workers[name], turn.round, effort, found[name])
        self.progress.step(f"timing, rung {rung.number}", rounds * len(entrants), rounds * len(entrants))

    def _effort(self, rung: Rung) -> _Effort:
        """More texts in each rung, since fewer candidates are left; the last decides, and has the most rounds."""
        if rung.last:
            bulk = self.objective == "throughput"
            return replace(_LAST_EFFORT, seconds=_LAST_BULK_SECONDS) if bulk else _LAST_EFFORT
        longer = 2 ** (rung.number - 1)
        return replace(_EFFORT, texts=_EFFORT.texts * longer, seconds=_EFFORT.seconds * longer)

    def _start(self, name: str, stack: ExitStack) -> Worker | None:
        profile = "throughput" if self.objective == "throughput" else "latency"
        spec = {"bundle": str(self.bundle), "variant": name, "mode": profile, "threads": self.threads}
        worker = stack.enter_context(Worker(PREDICTOR, spec, threads=self.threads, timeout_s=120))
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
        sample = window(self.texts, 0, _BATCH)
        return max(_BATCH, int(worker.throughput(sample, _BATCH) * _EFFORT.seconds))

    def _turn(self, name: str, worker: Worker, number: int, effort: _Effort, rounds: list[float]) -> None:
        try:
            if self.objective == "throughput":
                count = int(self._bulk_texts * effort.seconds / _EFFORT.seconds)
                rounds.append(1000 / worker.throughput(window(self.texts, number, count), _BATCH))
            else:
                texts = window(self.texts, number, effort.texts)
                samples = worker.latency(texts, warm_up=_WARM_UP, seconds=effort.seconds)
                rounds.append(fmean(samples))
        except WorkerError as error:
            self.failed[name] = str(error)
