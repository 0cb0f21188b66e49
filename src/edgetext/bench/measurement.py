"""Measures one row: starts its worker, gives it its turns, and makes a row of the results of what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, cycle, islice
from statistics import fmean, median
from typing import Any

from edgetext.bench.accuracy import scored
from edgetext.bench.plan import RowPlan
from edgetext.bench.results import MEASURED, NOT_MEASURED, DataInfo, Latency, Row, Throughput
from edgetext.bench.scenarios import Known, run_scenarios
from edgetext.bench.settings import BenchSettings
from edgetext.measure.process import Start, Worker, WorkerError
from edgetext.measure.runner import Labels
from edgetext.measure.stats import percentiles
from edgetext.measure.turns import WARM_UP_PASSES, WARM_UP_TEXTS, passes_to_settle, sums, window
from edgetext.task import Text

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
        settings: How much is measured.
        starts: Those of its processes, one a round.
        labels: The labels given to each held-out text.
        latencies_ms: One a timed text, round by round.
        first: For each of them whether a first stage answered, 1 or 0, in order; empty where there is none.
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
    labels: list[Labels] = field(default_factory=list)
    latencies_ms: list[list[float]] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    rates_per_s: list[list[float]] = field(default_factory=list)
    throughput_texts: int = 0
    warm_up_ms: list[float] = field(default_factory=list)
    tokenization_ms: list[float] = field(default_factory=list)
    peak_bytes: int | None = None
    about: dict[str, Any] = field(default_factory=dict)
    joules: list[dict[str, float]] = field(default_factory=list)
    scenarios: dict[str, Any] = field(default_factory=dict)
    error: WorkerError | None = None
    _texts: Sequence[Text] = ()
    _process: Worker | None = None

    def begin(self, texts: Sequence[Text]) -> None:
        """Finds the warm-up and predicts every text in a first process, which then waits for the first round."""
        self._texts = texts
        self._attempt(self._start_round)
        self._attempt(self._find_warm_up)
        self._attempt(self._predict)
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
        seen = passes_to_settle(self.warm_up_ms) * WARM_UP_TEXTS if self.warm_up_ms else 0
        return max(self.settings.warm_up, seen)

    def turn(self, number: int, part: int) -> None:
        """Times latency and throughput in one slice of a turn; in each slice other texts, for each row the same.

        Each turn has a process of its own, which its first slice starts (in the first round ``begin`` has) and its
        last one ends: where a process lands in memory can change its speed for all of its life, so that a round in
        the same process is no repetition of the whole. Source: T. Kalibera and R. Jones, "Rigorous benchmarking in
        reasonable time", ISMM 2013.

        Args:
            number: The round, counted from 0.
            part: The slice of it, counted from 0.
        """
        slices = self.settings.slices
        if part == 0:
            self._attempt(self._open_turn)
        singly = window(self._texts, number, self.settings.latency_texts)
        begin, end = (len(singly) * edge // slices for edge in (part, part + 1))
        self._attempt(lambda: self._latency(singly[begin:end], first=part == 0))
        in_batches = window(self._texts, number * slices + part, self.throughput_texts)
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
        worker, self._process = self._process, None
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

    @property
    def _worker(self) -> Worker:
        if self._process is None:
            raise WorkerError("its process is not running")
        return self._process

    @property
    def _slice_seconds(self) -> float:
        return self.settings.turn_seconds / self.settings.slices

    def _start(self) -> Start:
        plan = self.plan
        self._process = Worker(
            plan.backend.runner,
            plan.spec,
            threads=plan.spec["threads"],
            environment=_OFFLINE,
            timeout_s=self.settings.timeout_s,
        )
        return self._process.start(self._texts[0])

    def _start_round(self) -> None:
        self.starts.append(self._start())

    def _find_warm_up(self) -> None:
        few = list(islice(cycle(self._texts), WARM_UP_TEXTS))
        samples = self._worker.latency(few * WARM_UP_PASSES, seconds=self.settings.turn_seconds)
        self.warm_up_ms = [round(took, 4) for took in sums(samples, WARM_UP_TEXTS)]

    def _predict(self) -> None:
        self.labels = self._worker.predict(self._texts, self.plan.answers_in_batches)

    def _size_slices(self) -> None:
        """Finds how many texts, in whole batches, a throughput slice has time for."""
        batch = self.settings.batch
        rate = self._worker.throughput(window(self._texts, 0, 2 * batch), batch)
        affordable = int(rate * self._slice_seconds) // batch
        self.throughput_texts = min(self.settings.throughput_texts, max(1, affordable) * batch)

    def _tokenize(self) -> None:
        some = self._texts[: self.settings.latency_texts]
        self.tokenization_ms = self._worker.tokenization(some, seconds=self.settings.turn_seconds)

    def _describe(self) -> None:
        self.peak_bytes, about = self._worker.memory()
        self.about = {**about, "installed_bytes": self._worker.installed_bytes()}

    def _open_turn(self) -> None:
        if self._process is None:
            self._start_round()
        self.latencies_ms.append([])
        self.rates_per_s.append([])

    def _latency(self, texts: Sequence[Text], *, first: bool) -> None:
        warm_up = self.warm_up if first else self.settings.warm_up
        samples = self._worker.latency(texts, warm_up=warm_up, seconds=self._slice_seconds)
        self.first += self._worker.stages()
        self.latencies_ms[-1] += samples

    def _throughput(self, texts: Sequence[Text], *, first: bool) -> None:
        self.rates_per_s[-1].append(self._worker.throughput(texts, self.settings.batch, warm_up=first))

    def _observe(self) -> None:
        peak, _ = self._worker.memory()
        self.peak_bytes = max((size for size in (self.peak_bytes, peak) if size is not None), default=None)
        self.joules.append(self._worker.joules_per_text())

    def _scenarios(self) -> None:
        known = Known(fmean(chain(*self.latencies_ms)), median(chain(*self.rates_per_s)))
        self.scenarios = run_scenarios(lambda test: self._worker.load(self._texts, test), known, self.settings)


def make_row(measured: Measurement, data: DataInfo) -> Row:
    """Makes a row of one measurement; one that was given up has its reason and no figures.

    A row that an interruption left unfinished has the figures of the turns that it had, and says so in its reason;
    one without a whole turn counts as not measured.
    """
    plan = measured.plan
    row = Row(
        backend=plan.backend.name,
        variant=plan.variant,
        device=plan.backend.device,
        threads=plan.spec["threads"],
        status=MEASURED,
        model=plan.model,
        about={**plan.about, **measured.about},
    )
    if measured.error is not None:
        return replace(row, status=measured.error.status, reason=str(measured.error))
    if not any(measured.rates_per_s):
        return replace(row, status=NOT_MEASURED, reason="interrupted before its first turn was over")
    return scored(_timed(row, measured), measured.labels, data)


def _timed(row: Row, measured: Measurement) -> Row:
    plan, starts_ms = measured.plan, [start.first_prediction_ms for start in measured.cold_starts]
    return replace(
        row,
        reason=_unfinished(measured),
        latency_ms=_latency([samples for samples in measured.latencies_ms if samples], measured.first),
        throughput_per_s=_throughput(measured),
        model_bytes=plan.model_bytes if plan.model_bytes is not None else measured.about.get("model_bytes"),
        peak_memory_mb=None if measured.peak_bytes is None else round(measured.peak_bytes / 1e6, 1),
        first_prediction_ms=round(median(starts_ms), 1),
        warm_up={"texts": measured.warm_up, "passes_ms": measured.warm_up_ms},
        tokenization_ms=_tokenization(measured.tokenization_ms),
        scenarios=measured.scenarios,
        about={
            **row.about,
            "starts_ms": [round(start, 1) for start in starts_ms],
            "joules_per_text": _means(measured.joules),
        },
    )


def _unfinished(measured: Measurement) -> str | None:
    slices, asked = measured.settings.slices, measured.settings.least_rounds
    had = sum(len(rates) == slices for rates in measured.rates_per_s)
    return None if had >= asked else f"unfinished: interrupted after {had} of {asked} rounds"


def _latency(rounds: Sequence[Sequence[float]], first: Sequence[int]) -> Latency:
    samples = tuple(chain(*rounds))
    found = percentiles(samples)
    counts = tuple(len(each) for each in rounds)
    p50, p90, p99, mean = (round(figure, 4) for figure in (found.p50, found.p90, found.p99, fmean(samples)))
    return Latency(p50, p90, p99, samples, counts, mean, tuple(first[: len(samples)]))  # Ctrl-C may leave more


def _throughput(measured: Measurement) -> Throughput:
    rounds = [rates for rates in measured.rates_per_s if rates]
    samples = tuple(round(median(rates), 2) for rates in rounds)
    return Throughput(
        round(median(samples), 2),
        measured.settings.batch,
        measured.throughput_texts,
        samples,
        tuple(round(rate, 2) for rate in chain(*rounds)),
        tuple(len(rates) for rates in rounds),
    )


def _tokenization(samples: Sequence[float]) -> dict[str, Any]:
    return {"p50": median(samples), "samples": list(samples)} if samples else {}


def _means(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Averages over the rounds, for each device that counted in all of them."""
    devices = set.intersection(*(set(each) for each in rounds)) if rounds else set()
    return {device: fmean(each[device] for each in rounds) for device in sorted(devices)}
