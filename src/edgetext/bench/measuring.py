"""Measures one row: starts its worker, gives it its turns, and keeps what came out or why nothing did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, cycle, islice
from statistics import fmean, median
from typing import Any

from edgetext.bench.plan import RowPlan
from edgetext.bench.scenarios import Known, ScenarioSettings, run_scenarios
from edgetext.bench.settings import BenchSettings
from edgetext.measure.process import Start, Worker, WorkerError
from edgetext.measure.turns import window
from edgetext.measure.warmup import PASSES, TEXTS, passes_to_settle, sums

_OFFLINE = {
    "HF_HUB_OFFLINE": "1",  # everything is on this disk
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",  # a batch of short texts is tokenized faster by one thread
}


@dataclass
class Measurement:
    """What one row has shown so far; filled turn by turn.

    Attributes:
        plan: The row.
        starts: Those of its processes, one a round.
        labels: The label of every held-out text.
        latencies_ms: One a timed text, round by round.
        rates_per_s: Texts per second, one a slice, round by round.
        throughput_texts: Texts in a throughput slice.
        warm_up_ms: The times of the passes over the same few texts by which the warm-up was found.
        tokenization_ms: Of single texts, one a text; empty where the program cannot tokenize apart.
        peak_bytes: Peak resident memory of any of its processes.
        about: What the program says of itself, and the bytes of the packages that it needs.
        joules: The machine's joules a text by device, one entry a round; empty entries where it does not count.
        scenarios: What MLPerf's scenarios found, by name; empty where none was asked for.
        error: Why the row is given up, if it is.
    """

    plan: RowPlan
    settings: BenchSettings
    starts: list[Start] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    latencies_ms: list[list[float]] = field(default_factory=list)
    rates_per_s: list[list[float]] = field(default_factory=list)
    throughput_texts: int = 0
    warm_up_ms: list[float] = field(default_factory=list)
    tokenization_ms: list[float] = field(default_factory=list)
    peak_bytes: int | None = None
    about: dict[str, Any] = field(default_factory=dict)
    joules: list[dict[str, float]] = field(default_factory=list)
    scenarios: dict[str, Any] = field(default_factory=dict)
    error: WorkerError | None = None
    _texts: Sequence[str] = ()
    _worker: Worker | None = None

    def begin(self, texts: Sequence[str]) -> None:
        """Finds the warm-up and predicts every text in a first process, which then waits for the first round."""
        self._texts = texts
        self._attempt(self._start_round)
        self._attempt(self._find_warm_up)
        self._attempt(lambda: self._predict(texts))
        self._attempt(self._size_slices)
        self._attempt(self._tokenize)
        self._attempt(self._describe)

    @property
    def cold_starts(self) -> Sequence[Start]:
        """The starts with all files in the disk's cache: without the first one, where there are others."""
        return self.starts[1:] or self.starts

    @property
    def warm_up(self) -> int:
        """Texts that are predicted untimed in a new process: as many as the program was seen to need."""
        return max(self.settings.warm_up, passes_to_settle(self.warm_up_ms) * TEXTS if self.warm_up_ms else 0)

    @property
    def _slice_seconds(self) -> float:
        return self.settings.turn_seconds / self.settings.slices

    def turn(self, number: int, part: int, texts: Sequence[str]) -> None:
        """Times latency and throughput in one slice of a turn; in each slice other texts, for each row the same.

        Each turn has a process of its own, which its first slice starts (in the first round ``begin`` has) and its
        last one ends: where a process lands in memory can change its speed for all of its life, so that a round in
        the same process is no repetition of the whole. Source: T. Kalibera and R. Jones, "Rigorous benchmarking in
        reasonable time", ISMM 2013.

        Args:
            number: The round, counted from 0.
            part: The slice of it, counted from 0.
            texts: All held-out texts.
        """
        slices = self.settings.slices
        if part == 0:
            self._attempt(self._open_turn)
        singly = window(texts, number, self.settings.latency_texts)
        begin, end = (len(singly) * edge // slices for edge in (part, part + 1))
        self._attempt(lambda: self._latency(singly[begin:end], first=part == 0))
        in_batches = window(texts, number * slices + part, self.throughput_texts)
        self._attempt(lambda: self._throughput(in_batches, first=part == 0))
        if part == slices - 1:
            self._attempt(self._observe)
            self.stop()

    def end(self) -> None:
        """Puts the row through the scenarios, if some were asked for."""
        if self.settings.scenarios and self.rates_per_s:
            self._attempt(self._start)
            self._attempt(self._scenarios)
        self.stop()

    def stop(self) -> None:
        """Ends the process, if there is one, by force: it has said all, and torch takes a second to end kindly."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()

    def _attempt(self, work: Callable[[], object]) -> None:
        """Does one piece of work, unless the row is given up already; a failure gives it up."""
        if self.error is not None:
            return
        try:
            work()
        except WorkerError as error:
            self.error = error
            self.stop()

    def _start(self) -> Start:
        plan = self.plan
        self._worker = Worker(
            plan.backend.runner,
            plan.spec,
            threads=plan.spec["threads"],
            environment=_OFFLINE,
            timeout_s=self.settings.timeout_s,
        )
        return self._worker.start(self._texts[0])

    def _find_warm_up(self) -> None:
        few = list(islice(cycle(self._texts), TEXTS))
        samples = self._running(self._worker).latency(few * PASSES, seconds=self.settings.turn_seconds)
        self.warm_up_ms = [round(took, 4) for took in sums(samples, TEXTS)]

    def _predict(self, texts: Sequence[str]) -> None:
        self.labels = self._running(self._worker).predict(texts, self.plan.answers_in_batches)

    def _size_slices(self) -> None:
        """Finds how many texts, in whole batches, a throughput slice has time for."""
        batch = self.settings.batch
        rate = self._running(self._worker).throughput(window(self._texts, 0, 2 * batch), batch)
        affordable = int(rate * self._slice_seconds) // batch
        self.throughput_texts = min(self.settings.throughput_texts, max(1, affordable) * batch)

    def _start_round(self) -> None:
        self.starts.append(self._start())

    def _open_turn(self) -> None:
        if self._worker is None:
            self._start_round()
        self.latencies_ms.append([])
        self.rates_per_s.append([])

    def _latency(self, texts: Sequence[str], *, first: bool) -> None:
        warm_up = self.warm_up if first else self.settings.warm_up
        samples = self._running(self._worker).latency(texts, warm_up=warm_up, seconds=self._slice_seconds)
        self.latencies_ms[-1] += samples

    def _throughput(self, texts: Sequence[str], *, first: bool) -> None:
        rate = self._running(self._worker).throughput(texts, self.settings.batch, warm_up=first)
        self.rates_per_s[-1].append(rate)

    def _tokenize(self) -> None:
        some = self._texts[: self.settings.latency_texts]
        self.tokenization_ms = self._running(self._worker).tokenization(some, seconds=self.settings.turn_seconds)

    def _describe(self) -> None:
        worker = self._running(self._worker)
        self.peak_bytes, about = worker.memory()
        self.about = {**about, "installed_bytes": worker.installed_bytes()}

    def _observe(self) -> None:
        worker = self._running(self._worker)
        peak, _ = worker.memory()
        self.peak_bytes = max((size for size in (self.peak_bytes, peak) if size is not None), default=None)
        self.joules.append(worker.joules_per_text())

    def _scenarios(self) -> None:
        worker, settings = self._running(self._worker), self.settings
        how = ScenarioSettings(settings.scenario_seconds, settings.p99_bound_ms, settings.batch, seed=settings.seed)
        known = Known(fmean(chain(*self.latencies_ms)), median(chain(*self.rates_per_s)))
        self.scenarios = run_scenarios(settings.scenarios, lambda test: worker.load(self._texts, test), known, how)

    @staticmethod
    def _running(worker: Worker | None) -> Worker:
        if worker is None:
            raise WorkerError("its process is not running")
        return worker
