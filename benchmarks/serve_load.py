"""The service under load, beside FastAPI over the pipelines of torch and Optimum.

Run it on a machine that does nothing else; it takes some seven minutes::

    python benchmarks/serve_load.py BUNDLE CHECKPOINT OPTIMUM_BUNDLE -o RESULTS.json

``OPTIMUM_BUNDLE`` is the same checkpoint exported with ``--scheme dynamic-int8 --first-stage off``, Optimum's own
quantization; ``serve_peers.py`` holds what is beside the service. All is on this machine, the load
(``open_loop.py``) on the same cores as the service, and one service at a time, started anew.

The capacity of a service is the highest rate at which the 99th percentile of the latencies stays under the bound
and every request is answered with 200: its rate is doubled until that fails, then bisected. A rate that fails is
tried once more, so that a hiccup of the machine does not halve the answer. Each round finds the capacity of every
service, in shuffled order; a figure is the median of the rounds, a ratio the median of the rounds' ratios. Then the
service alone, after five seconds of the same, gets three times its capacity, and its memory is read once a second.
"""

from __future__ import annotations

import argparse
import json
import math
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from statistics import linear_regression, median
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import psutil
from open_loop import PATH, TIMEOUT_S

from edgetext.data.load import load
from edgetext.files import write_json
from edgetext.measure.environment import capture_environment, library_versions
from edgetext.measure.turns import shuffled_turns
from edgetext.runtime.threads import usable_threads
from edgetext.stopping import stop_as_interrupted
from runtime import quotients, spread

HERE = Path(__file__).resolve().parent
LIBRARIES = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools")
OK, BUSY = "200", "503"
FIRST_PER_S = 50.0
LEAST_PER_S, MOST_PER_S = 10.0, 20_000.0
BISECTIONS = 3  # the capacity is then known to 9 %
OVERLOAD = 3.0  # times the capacity
WARM_UP_S = 1.0
OVERLOAD_WARM_UP_S = 5.0
STARTS_WITHIN_S = 120.0
ENDS_WITHIN_S = 30.0


@dataclass(frozen=True)
class Load:
    """How the services are asked.

    Attributes:
        bodies: A file with a JSON text a line.
        seconds: How long a rate is tried.
        bound_ms: What the 99th percentile must stay under.
    """

    bodies: Path
    seconds: float
    bound_ms: float


@dataclass(frozen=True)
class Step:
    """What came of one rate.

    Attributes:
        per_s: The mean rate of the arrivals.
        answers: By status: ``count``, ``p50_ms``, ``p99_ms``, ``max_ms``; "0" are those that got no answer.
        rss_mb: Memory of all processes of the service, once a second, in MB.
    """

    per_s: float
    answers: dict[str, dict[str, float]]
    rss_mb: list[float]

    def passes(self, bound_ms: float) -> bool:
        """Whether all requests were answered with 200, and 99 in 100 within the bound."""
        return self.answers.keys() == {OK} and self.answers[OK]["p99_ms"] < bound_ms


@dataclass
class Candidate:
    """A service that is measured, and its figures round by round.

    Attributes:
        name: For readers.
        words: Its command, but for the port.
        capacity_per_s: Of each round.
        steps: All rates that were tried, of each round.
    """

    name: str
    words: Sequence[str]
    capacity_per_s: list[float] = field(default_factory=list)
    steps: list[list[Step]] = field(default_factory=list)


class Running:
    """A service in a process of its own, which is ended with the block; it answers once the block begins.

    Args:
        words: Its command, but for the port.
        body: A JSON text that it is asked until it answers.
    """

    def __init__(self, words: Sequence[str], body: str) -> None:
        self.port = _free_port()
        self._body = body
        self._seeds = count()  # a rate that is tried again has other arrivals
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the block
        self._process = subprocess.Popen(
            [sys.executable, *words, "--port", str(self.port)], stdout=subprocess.DEVNULL, stderr=self._errors
        )

    def __enter__(self) -> Running:
        """Waits until it answers."""
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it."""
        self._process.terminate()
        try:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(ENDS_WITHIN_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._errors.close()

    def rss_mb(self) -> float:
        """Reads the memory of all its processes, in MB."""
        with suppress(psutil.NoSuchProcess):
            first = psutil.Process(self._process.pid)
            return sum(one.memory_info().rss for one in (first, *first.children(recursive=True))) / 1e6
        raise RuntimeError("the service ended")

    def ask(self, load: Load, per_s: float, seconds: float) -> Step:
        """Sends requests at a rate, and waits until all are answered."""
        command = [sys.executable, str(HERE / "open_loop.py"), str(self.port), str(load.bodies)]
        command += ["--per-s", str(per_s), "--seconds", str(seconds), "--seed", str(next(self._seeds))]
        ends, rss = time.monotonic() + _longest_s(per_s, seconds), []
        with subprocess.Popen(command, stdout=subprocess.PIPE) as asking:
            try:
                while asking.poll() is None:
                    rss.append(self.rss_mb())
                    if time.monotonic() > ends:
                        raise TimeoutError(f"{per_s:g} requests a second have not ended")
                    with suppress(subprocess.TimeoutExpired):
                        asking.wait(1)
            finally:
                asking.kill()
            assert asking.stdout is not None
            return Step(per_s, json.loads(asking.stdout.read()), rss)

    def _wait(self) -> None:
        ends = time.monotonic() + STARTS_WITHIN_S
        request = Request(f"http://127.0.0.1:{self.port}{PATH}", self._body.encode(), _JSON, method="POST")
        while time.monotonic() < ends and self._process.poll() is None:
            with suppress(URLError, ConnectionError), urlopen(request, timeout=TIMEOUT_S):
                return
            time.sleep(0.1)
        raise RuntimeError(f"the service does not answer:\n{self._said()}")

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")


_JSON = {"Content-Type": "application/json"}


def find_capacity(passes: Callable[[float], bool], first: float = FIRST_PER_S) -> float:
    """Finds the highest rate that passes: by doubling (or halving, where the first fails), then by bisection.

    Args:
        passes: Tries a rate, in requests a second.
        first: The rate to begin with.

    Returns:
        The highest rate that passed; 0 where none does.
    """
    low, high = 0.0, first
    while high <= MOST_PER_S and passes(high):
        low, high = high, 2 * high
    while not low:
        if high / 2 < LEAST_PER_S:
            return 0.0
        low, high = (high / 2, high) if passes(high / 2) else (0.0, high / 2)
    for _ in range(BISECTIONS if high <= MOST_PER_S else 0):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if passes(middle) else (low, middle)
    return low


def measure_capacity(candidate: Candidate, load: Load) -> None:
    """Adds a round to a service's figures."""
    steps: list[Step] = []

    def passes(per_s: float) -> bool:
        steps.append(running.ask(load, per_s, load.seconds))
        return steps[-1].passes(load.bound_ms)

    with Running(candidate.words, _first(load.bodies)) as running:
        running.ask(load, FIRST_PER_S, WARM_UP_S)
        candidate.capacity_per_s.append(find_capacity(lambda per_s: passes(per_s) or passes(per_s)))
    candidate.steps.append(steps)


def measure_overload(candidate: Candidate, load: Load, per_s: float, seconds: float) -> dict[str, Any]:
    """Asks a service for more than it can answer, and tells what came of it and of its memory."""
    with Running(candidate.words, _first(load.bodies)) as running:
        running.ask(load, per_s, OVERLOAD_WARM_UP_S)  # the largest batches need memory, which is kept
        step = running.ask(load, per_s, seconds)
    return {"seconds": seconds, **asdict(step), **growth(step.rss_mb)}


def growth(rss_mb: Sequence[float]) -> dict[str, float]:
    """Tells how memory went, from a sample a second, in MB; the slope is that of the least squares' line."""
    slope = linear_regression(range(len(rss_mb)), rss_mb).slope if len(rss_mb) > 1 else 0.0
    return {
        "rss_start_mb": rss_mb[0],
        "rss_end_mb": rss_mb[-1],
        "rss_max_mb": max(rss_mb),
        "rss_slope_mb_per_min": 60 * slope,
    }


def ratios(candidates: Sequence[Candidate]) -> dict[str, dict[str, float]]:
    """Computes how many times the capacity of each other service the first one's is."""
    first, *others = candidates
    return {
        other.name: spread(quotients(first.capacity_per_s, other.capacity_per_s))
        for other in others
        if all(other.capacity_per_s)
    }


def candidates_of(bundle: Path, checkpoint: Path, optimum: Path) -> list[Candidate]:
    """Lists the services, each with its defaults."""
    peers = str(HERE / "serve_peers.py")
    return [
        Candidate("edgetext serve", ("-m", "edgetext", "serve", str(bundle))),
        Candidate("FastAPI, transformers pipeline", (peers, "transformers", str(checkpoint))),
        Candidate("FastAPI, Optimum int8 pipeline", (peers, "optimum", str(optimum))),
    ]


def record(candidates: Sequence[Candidate], load: Load, overload: dict[str, Any]) -> dict[str, Any]:
    """Makes what is recorded; a command names folders of this machine and stays out."""
    environment = capture_environment(usable_threads())
    environment["libraries"] |= library_versions(LIBRARIES)
    return {
        "environment": environment,
        "texts": len(load.bodies.read_text("utf-8").splitlines()),
        "seconds": load.seconds,
        "bound_ms": load.bound_ms,
        "services": [
            {
                "name": one.name,
                "capacity_per_s": one.capacity_per_s,
                "steps": [[asdict(step) for step in steps] for steps in one.steps],
            }
            for one in candidates
        ],
        "ratios": ratios(candidates),
        "overload": overload,
    }


def _first(bodies: Path) -> str:
    with bodies.open(encoding="utf-8") as lines:
        return lines.readline()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _longest_s(per_s: float, seconds: float) -> float:
    """Tells when a test must have ended: LoadGen asks 64 times at least, and an answer is waited for in vain."""
    return 2 * max(seconds, 64 / per_s) + 4 * TIMEOUT_S


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name in ("bundle", "checkpoint", "optimum"):
        parser.add_argument(name, type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--data", default="builtin:food_not_food")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step-seconds", type=float, default=2, help="for which a rate is tried")
    parser.add_argument("--overload-seconds", type=float, default=60)
    parser.add_argument("--bound-ms", type=float, default=50)
    return parser.parse_args()


def measure(arguments: argparse.Namespace, load: Load) -> dict[str, Any]:
    """Measures all services, and the first one under too much load."""
    candidates = candidates_of(arguments.bundle, arguments.checkpoint, arguments.optimum)
    for turn in shuffled_turns(candidates, arguments.rounds, seed=0):
        candidate = candidates[turn.index]
        measure_capacity(candidate, load)
        print(f"round {turn.round + 1}: {candidate.name}: {candidate.capacity_per_s[-1]:.0f}/s", file=sys.stderr)
    per_s = min(OVERLOAD * max(median(candidates[0].capacity_per_s), LEAST_PER_S), MOST_PER_S)
    return record(candidates, load, measure_overload(candidates[0], load, per_s, arguments.overload_seconds))


def main() -> None:
    """Measures, prints and writes."""
    arguments = _arguments()
    with stop_as_interrupted(), tempfile.TemporaryDirectory(prefix="serve-load-") as folder:
        load_of = Load(Path(folder) / "bodies.jsonl", arguments.step_seconds, arguments.bound_ms)
        texts = [example.text for example in load(arguments.data).examples]
        load_of.bodies.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
        found = measure(arguments, load_of)
    write_json(arguments.output, found)
    overload = {name: value for name, value in found["overload"].items() if name != "rss_mb"}
    print(json.dumps({"ratios": found["ratios"], "overload": overload}, indent=2))


if __name__ == "__main__":
    main()
