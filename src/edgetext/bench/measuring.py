"""Measures one row: starts its worker, gives it its turns, and keeps what came out or why nothing did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from statistics import fmean, median
from typing import Any, TypeVar

from edgetext.bench.plan import RowPlan
from edgetext.bench.scenarios.registry import run_scenarios
from edgetext.bench.scenarios.scenario import Known, ScenarioSettings
from edgetext.bench.settings import BenchSettings
from edgetext.measure.process import Start, Worker, WorkerError
from edgetext.measure.warmup import PASSES, TEXTS, passes_to_settle, sums

_OFFLINE = {
    "HF_HUB_OFFLINE": "1",  # everything is on this disk
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",  # a batch of short texts is tokenized faster by one thread
}

_Answer = TypeVar("_Answer")


@dataclass
class Measurement:
    """What one row has shown so far; filled turn by turn.

    Attributes:
        plan: The row.
        starts: Its cold starts.
        labels: The label of every held-out text.
        latencies_ms: One a timed text, of all rounds.
        rates_per_s: Texts per second, one a round.
        throughput_texts: Texts in a throughput turn.
        warm_up_ms: The times of the passes over the same few texts by which the warm-up was found.
        tokenization_ms: Of single texts, one a text; empty where the program cannot tokenize apart.
        peak_bytes: Peak resident memory of the process.
        about: What the program says of itself, and what it costs beside time (see ``measure.process.Worker.cost``).
        scenarios: What MLPerf's scenarios found, by name; empty where none was asked for.
        error: Why the row is given up, if it is.
    """

    plan: RowPlan
    settings: BenchSettings
    starts: list[Start] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    rates_per_s: list[float] = field(default_factory=list)
    throughput_texts: int = 0
    warm_up_ms: list[float] = field(default_factory=list)
    tokenization_ms: list[float] = field(default_factory=list)
    peak_bytes: int | None = None
    about: dict[str, Any] = field(default_factory=dict)
    scenarios: dict[str, Any] = field(default_factory=dict)
    error: WorkerError | None = None
    _texts: Sequence[str] = ()
    _worker: Worker | None = None

    def begin(self, texts: Sequence[str]) -> None:
        """Times the cold starts, then lets the last process warm up and predict every text."""
        self._texts = texts
        for _ in range(self.settings.starts):
            self._attempt(lambda: self._start(texts[0]))
        self._attempt(self._find_warm_up)
        self._attempt(lambda: self._predict(texts))

    @property
    def warm_up(self) -> int:
        """Texts that are predicted untimed before a latency turn: as many as the program was seen to need."""
        return max(self.settings.warm_up, passes_to_settle(self.warm_up_ms) * TEXTS if self.warm_up_ms else 0)

    def turn(self, number: int, texts: Sequence[str]) -> None:
        """Times latency and throughput once; in each round other texts, for each row the same.

        Args:
            number: The round, counted from 0.
            texts: All held-out texts.
        """
        self._attempt(lambda: self._latency(_window(texts, number, self.settings.latency_texts)))
        self._attempt(lambda: self._throughput(_window(texts, number, self.throughput_texts)))

    def end(self) -> None:
        """Asks for the peak memory, puts the row through the scenarios, and ends the process."""
        self._attempt(self._memory)
        if self.settings.scenarios and self.rates_per_s:
            self._attempt(self._scenarios)
        self.stop()

    def stop(self, *, at_once: bool = False) -> None:
        """Ends the process, if there is one; at once when there is no time for kindness."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill() if at_once else worker.close()

    def _attempt(self, work: Callable[[], None]) -> None:
        """Does one piece of work, unless the row is given up already; a failure gives it up."""
        if self.error is not None:
            return
        try:
            work()
        except WorkerError as error:
            self.error = error
            self.stop(at_once=True)

    def _start(self, text: str) -> None:
        self.stop()
        plan = self.plan
        self._worker = Worker(
            plan.backend.runner,
            plan.spec,
            threads=plan.spec["threads"],
            environment=_OFFLINE,
            timeout_s=self.settings.timeout_s,
        )
        self.starts.append(self._worker.start(text))

    def _find_warm_up(self) -> None:
        few = list(islice(cycle(self._texts), TEXTS))
        samples = self._running(self._worker).latency(few * PASSES, seconds=self.settings.turn_seconds)
        self.warm_up_ms = [round(took, 4) for took in sums(samples, TEXTS)]

    def _predict(self, texts: Sequence[str]) -> None:
        self.labels, seconds = self._running(self._worker).predict(texts, self.plan.backend.answers_in_batches)
        affordable = int(len(texts) / max(seconds, 1e-6) * self.settings.turn_seconds) // self.settings.batch
        self.throughput_texts = min(self.settings.throughput_texts, max(1, affordable) * self.settings.batch)

    def _latency(self, texts: Sequence[str]) -> None:
        worker, settings = self._running(self._worker), self.settings
        self.latencies_ms += worker.latency(texts, warm_up=self.warm_up, seconds=settings.turn_seconds)

    def _throughput(self, texts: Sequence[str]) -> None:
        self.rates_per_s.append(self._running(self._worker).throughput(texts, self.settings.batch))

    def _memory(self) -> None:
        worker = self._running(self._worker)
        some = self._texts[: self.settings.latency_texts]
        self.tokenization_ms = worker.tokenization(some, seconds=self.settings.turn_seconds)
        self.peak_bytes, about = worker.memory()
        self.about = {**about, **worker.cost()}

    def _scenarios(self) -> None:
        worker, settings = self._running(self._worker), self.settings
        how = ScenarioSettings(settings.scenario_seconds, settings.p99_bound_ms, settings.batch, seed=settings.seed)
        known = Known(fmean(self.latencies_ms), median(self.rates_per_s))
        self.scenarios = run_scenarios(settings.scenarios, lambda test: worker.load(self._texts, test), known, how)

    @staticmethod
    def _running(worker: Worker | None) -> Worker:
        if worker is None:
            raise WorkerError("its process is not running")
        return worker


def _window(texts: Sequence[str], number: int, count: int) -> list[str]:
    """Gives the texts of a round: each goes on where the one before it ended, round and round."""
    return [texts[index % len(texts)] for index in range(number * count, (number + 1) * count)]
