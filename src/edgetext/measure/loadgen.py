"""One MLPerf LoadGen test: around a runner inside the process that is measured, or of requests to a service.

LoadGen decides which text is asked when, and computes the percentiles and the early-stopping estimates (MLPerf
Inference rules, "Early Stopping"); this module hands its queries on and reads what it wrote. Its state belongs to
the process, so there is one test at a time; its log files go into a folder that is removed.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from edgetext.errors import needs_extra
from edgetext.measure.runner import Runner
from edgetext.task import Text

MIN_QUERIES = 64
"""LoadGen estimates a 90th percentile from 64 queries on."""

_LINE = ":::MLLOG "
_TRACE = "mlperf_log_trace.json"  # not always JSON that a parser would take
_ESTIMATE = re.compile(r"Early stopping ([\d.]+)th percentile estimate: (\d+)")
_SAMPLE = re.compile(r'"name":"Sample".*"sample_seq":(\d+),.*"complete_ns":(\d+)')
_PERCENTILE = re.compile(r"result_([\d.]+)_percentile_latency_ns")


@dataclass(frozen=True)
class LoadTest:
    """What LoadGen is to do.

    Attributes:
        scenario: ``single_stream``, ``offline`` or ``server``.
        seconds: How long it asks, at least.
        expected_per_s: Texts per second that the runner is thought to manage, by which LoadGen counts its queries
            (``single_stream``, ``offline``), or the mean rate of the Poisson arrivals (``server``).
        batch: Texts in a batch (``offline``).
        bound_ms: Latency that 99 in 100 queries must keep (``server``).
        seed: Of the texts' order and of the arrivals.
        trace: Whether every query's latency is given too.
    """

    scenario: str
    seconds: float
    expected_per_s: float
    batch: int = 1
    bound_ms: float = 0.0
    seed: int = 0
    trace: bool = False


def run_load_test(runner: Runner, texts: Sequence[Text], test: LoadTest) -> dict[str, Any]:
    """Runs one test.

    Args:
        runner: What is asked; always from the calling thread.
        texts: What it is asked about, drawn by LoadGen.
        test: How it is asked.

    Returns:
        ``queries``, ``percentiles_ms`` by percentile, ``mean_ms``, ``early_stopping_ms`` (estimates by percentile,
        those that the number of queries allows), ``early_stopping_met``, ``per_s`` (texts per second: in ``server``
        those that were completed), and ``latencies_ms`` where a trace was asked for.

    Raises:
        MissingExtraError: LoadGen is not installed.
        Exception: What the runner raised.
    """
    with needs_extra("bench"):
        import mlperf_loadgen

    work = _Queries(mlperf_loadgen, runner, texts, test.batch)
    ask = {"single_stream": work.singly, "offline": work.in_batches, "server": work.later}[test.scenario]
    with TemporaryDirectory(prefix="edgetext-loadgen-") as folder:
        run = _starter(mlperf_loadgen, ask, len(texts), test, Path(folder))
        if test.scenario == "server":
            work.serve_while(run)
        else:
            run()
        if work.error is not None:
            raise work.error
        return _read(Path(folder), test)


class Request(NamedTuple):
    """What LoadGen wants sent now.

    Attributes:
        number: Counted from 0, in the order of their arrivals.
        text: Which text, by its place.
        done: To be called when the answer is there, or when it is certain that none will come.
    """

    number: int
    text: int
    done: Callable[[], None]


def run_requests(send: Callable[[list[Request]], None], texts: int, test: LoadTest) -> list[float]:
    """Has requests sent in an open loop: each at its time, however many are not yet answered.

    They arrive as a Poisson process does; LoadGen draws all arrivals beforehand, and a latency counts from when a
    request should have been sent, so that no delay is left out (no "coordinated omission").

    Args:
        send: Is called in this thread with requests that are due; it must not wait for answers nor raise.
        texts: How many there are to draw from.
        test: ``server``, with a trace.

    Returns:
        The latency of each request in milliseconds, by number, once the last is done.

    Raises:
        MissingExtraError: LoadGen is not installed.
    """
    with needs_extra("bench"):
        import mlperf_loadgen

    numbers = count()

    def done(identity: int) -> None:
        mlperf_loadgen.QuerySamplesComplete([mlperf_loadgen.QuerySampleResponse(identity, 0, 0)])

    def ask(queries: list[Any]) -> None:
        send([Request(next(numbers), query.index, partial(done, query.id)) for query in queries])

    with TemporaryDirectory(prefix="edgetext-loadgen-") as folder:
        _starter(mlperf_loadgen, ask, texts, test, Path(folder))()
        with (Path(folder) / _TRACE).open(encoding="utf-8") as lines:
            return read_latencies(lines)


def read_latencies(trace: Iterable[str]) -> list[float]:
    """Reads the latencies from the lines of LoadGen's trace, in milliseconds, in the order of the arrivals."""
    found = [(int(match[1]), int(match[2])) for line in trace if (match := _SAMPLE.search(line))]
    return [_ms(nanoseconds) for _, nanoseconds in sorted(found)]


class _Queries:
    """LoadGen's queries -> the runner -> LoadGen is told that they are done.

    An error of the runner must not pass through LoadGen, which would end the process: it is kept, and the remaining
    queries are only ticked off.
    """

    def __init__(self, loadgen: Any, runner: Runner, texts: Sequence[Text], batch: int) -> None:
        self._loadgen, self._runner, self._texts, self._batch = loadgen, runner, texts, batch
        self._waiting: SimpleQueue[Any] = SimpleQueue()
        self.error: Exception | None = None

    def singly(self, queries: list[Any]) -> None:
        """Answers each query by itself."""
        for query in queries:
            self._do(partial(self._runner.one, self._texts[query.index]))
            self._done([query])

    def in_batches(self, queries: list[Any]) -> None:
        """Answers all queries in batches; all are done when the last is."""
        self._do(partial(self._runner.many, [self._texts[query.index] for query in queries], self._batch))
        self._done(queries)

    def later(self, queries: list[Any]) -> None:
        """Puts queries into the line; ``serve_while`` answers them."""
        for query in queries:
            self._waiting.put(query)

    def serve_while(self, run: Callable[[], None]) -> None:
        """Answers the line, first come first served, while LoadGen asks from a thread of its own."""

        def ask() -> None:
            try:
                run()
            finally:
                self._waiting.put(None)

        asking = threading.Thread(target=ask, name="loadgen")
        asking.start()
        while (query := self._waiting.get()) is not None:
            self.singly([query])
        asking.join()

    def _do(self, work: Callable[[], object]) -> None:
        if self.error is None:
            try:
                work()
            except Exception as error:
                self.error = error

    def _done(self, queries: list[Any]) -> None:
        self._loadgen.QuerySamplesComplete([self._loadgen.QuerySampleResponse(query.id, 0, 0) for query in queries])


def _settings(loadgen: Any, test: LoadTest) -> Any:
    settings = loadgen.TestSettings()
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.min_duration_ms = round(test.seconds * 1000)
    settings.max_duration_ms = 0
    settings.qsl_rng_seed = settings.sample_index_rng_seed = settings.schedule_rng_seed = test.seed
    settings.min_query_count = 1 if test.scenario == "offline" else MIN_QUERIES
    if test.scenario == "single_stream":
        settings.scenario = loadgen.TestScenario.SingleStream
        settings.single_stream_expected_latency_ns = round(1e9 / test.expected_per_s)
    elif test.scenario == "offline":
        settings.scenario = loadgen.TestScenario.Offline
        settings.offline_expected_qps = test.expected_per_s
    else:
        settings.scenario = loadgen.TestScenario.Server
        settings.server_target_qps = test.expected_per_s
        settings.server_target_latency_ns = round(test.bound_ms * 1e6)
        settings.server_target_latency_percentile = 0.99
    return settings


def _starter(
    loadgen: Any, ask: Callable[[list[Any]], None], texts: int, test: LoadTest, folder: Path
) -> Callable[[], None]:
    output = loadgen.LogOutputSettings()
    output.outdir = str(folder)
    output.copy_summary_to_stdout = False
    log = loadgen.LogSettings()
    log.log_output = output
    log.enable_trace = test.trace
    settings = _settings(loadgen, test)

    def run() -> None:
        system = loadgen.ConstructSUT(ask, lambda: None)
        library = loadgen.ConstructQSL(texts, texts, lambda _: None, lambda _: None)  # they are in memory already
        try:
            loadgen.StartTestWithLogSettings(system, library, settings, log, "")
        finally:
            loadgen.DestroyQSL(library)
            loadgen.DestroySUT(system)

    return run


def _read(folder: Path, test: LoadTest) -> dict[str, Any]:
    lines = (folder / "mlperf_log_detail.txt").read_text("utf-8").splitlines()
    entries = [json.loads(line.removeprefix(_LINE)) for line in lines if line.startswith(_LINE)]
    found = {entry["key"]: entry["value"] for entry in entries}
    percentiles = {match[1]: value for key, value in found.items() if (match := _PERCENTILE.fullmatch(key))}
    answer = {
        "queries": found["result_query_count"],
        "percentiles_ms": {f"{float(name):g}": _ms(value) for name, value in percentiles.items()},
        "mean_ms": _ms(found["result_mean_latency_ns"]),
        "early_stopping_ms": {
            f"{float(name):g}": _ms(int(value))
            for name, value in _ESTIMATE.findall(found.get("early_stopping_result", ""))
        },
        "early_stopping_met": found["early_stopping_met"],
        "per_s": found[_RATES[test.scenario]],
    }
    if test.trace:
        with (folder / _TRACE).open(encoding="utf-8") as trace:
            answer["latencies_ms"] = read_latencies(trace)
    return answer


_RATES = {
    "single_stream": "result_qps_with_loadgen_overhead",
    "offline": "result_samples_per_second",
    "server": "result_completed_samples_per_sec",
}


def _ms(nanoseconds: float) -> float:
    return round(nanoseconds / 1e6, 4)
