"""The other side of ``measure.worker``: starts a worker, asks it, and makes sure that it ends.

Only one worker works at a time, in the whole of this program: a request waits until the one before it is answered.
Two programs that are measured side by side slow each other down, by up to ten times when their threads spin.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import IO, Any

from edgetext.errors import EdgetextError
from edgetext.measure.loadgen import LoadTest
from edgetext.measure.runner import Labels
from edgetext.task import Text

_KILLED = -9  # signal.SIGKILL, which Windows does not name
_ONE_AT_A_TIME = threading.Lock()
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])


class WorkerError(EdgetextError):
    """A worker could not do what it was asked.

    Attributes:
        status: ``failed``, or ``not_measured`` when the machine lacks what the runner needs.
        no_device: Whether it lacks the device, so that no other runner could use it either.
    """

    def __init__(self, reason: str, status: str = "failed", *, no_device: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.no_device = no_device


@dataclass(frozen=True)
class Start:
    """How a runner came up.

    Attributes:
        first_prediction_ms: From the start of the process to its first label, imports and loading included; without
            what the runner was trained for (see ``runner.Runner``).
        load_ms: The part of it that imported and loaded the runner.
        first_ms: The part of it that was the first prediction.
        labels: Those of that prediction.
    """

    first_prediction_ms: float
    load_ms: float
    first_ms: float
    labels: Labels


class Worker:
    """A runner in a process of its own; use it in a ``with`` block, which kills what still runs at its end.

    ``start`` comes first. Each request raises ``WorkerError`` where the runner failed or lacks something, or the
    process died or hung.

    Args:
        runner: Dotted path of the runner's factory, ``"package.module:factory"``.
        spec: What the factory takes, as JSON values.
        threads: How many threads every library in the process may use.
        environment: More environment variables for the process.
        timeout_s: How long one request may take before the process is killed.
    """

    def __init__(
        self,
        runner: str,
        spec: Mapping[str, Any],
        *,
        threads: int,
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 600.0,
    ) -> None:
        self._runner = runner
        self._spec = dict(spec)
        self._environment = {**os.environ, **thread_environment(threads), **(environment or {})}
        # pip compiles what it installs; modules in a source tree must not be compiled at every cold start.
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._environment["PYTHONPATH"] = _python_path(self._environment.get("PYTHONPATH", ""))
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[bytes] | None = None
        self._expired = False

    def start(self, text: Text) -> Start:
        """Starts the process and times its way to the labels of ``text``."""
        request = {"command": "start", "runner": self._runner, "spec": self._spec, "text": text}
        begin = perf_counter()
        self._spawn()
        answer = self._ask(request)
        elapsed = (perf_counter() - begin) * 1000 - answer["prepared_ms"]
        return Start(round(elapsed, 4), answer["load_ms"], answer["first_ms"], tuple(answer["labels"]))

    def latency(self, texts: Sequence[Text], *, warm_up: int = 0, seconds: float = 1e9) -> list[float]:
        """Times texts one by one.

        Args:
            texts: In the order in which they are timed.
            warm_up: How many of them are predicted first, without being timed.
            seconds: No further text is begun after this time.

        Returns:
            Milliseconds, one a text; fewer than there are texts when time ran out, and at least one.
        """
        request = {"command": "latency", "texts": list(texts), "warm_up": warm_up, "seconds": seconds}
        return [float(sample) for sample in self._ask(request)["samples_ms"]]

    def stages(self) -> list[int]:
        """Tells of each text that the last ``latency`` timed whether a first stage answered it: 1, or 0.

        Returns:
            An empty list where the program has no first stage.
        """
        return list(self._ask({"command": "stages"})["first"])

    def tokenization(self, texts: Sequence[Text], *, seconds: float = 1e9) -> list[float]:
        """Times the tokenizing of texts by itself, one by one.

        Returns:
            Milliseconds, one a text; none where the runner cannot do it apart.
        """
        answer = self._ask({"command": "tokenization", "texts": list(texts), "seconds": seconds})
        return [float(sample) for sample in answer["samples_ms"]]

    def throughput(self, texts: Sequence[Text], batch: int, *, warm_up: bool = True) -> float:
        """Times all texts in batches, after one batch to warm up if asked for, and returns texts per second."""
        request = {"command": "throughput", "texts": list(texts), "batch": batch, "warm_up": warm_up}
        answer = self._ask(request)
        return len(texts) / float(answer["seconds"])

    def predict(self, texts: Sequence[Text], batch: int) -> list[Labels]:
        """Labels all texts, in order (see ``measure.runner.answers``)."""
        answer = self._ask({"command": "predict", "texts": list(texts), "batch": batch})
        return [tuple(map(str, labels)) for labels in answer["labels"]]

    def memory(self) -> tuple[int | None, dict[str, Any]]:
        """Reads the process's peak resident memory in bytes so far, and what the runner says about itself."""
        answer = self._ask({"command": "memory"})
        return answer["peak_bytes"], answer["about"]

    def installed_bytes(self) -> dict[str, int]:
        """Counts the bytes that must be installed for the runner, by package."""
        return dict(self._ask({"command": "installed"})["installed_bytes"])

    def joules_per_text(self) -> dict[str, float]:
        """Reads the whole machine's joules over this worker's throughput turns, by device that counts."""
        return dict(self._ask({"command": "energy"})["joules_per_text"])

    def load(self, texts: Sequence[Text], test: LoadTest) -> dict[str, Any]:
        """Has LoadGen ask the runner (see ``measure.loadgen``), and returns what it found."""
        return self._ask({"command": "load", "texts": list(texts), "test": asdict(test)})

    def close(self) -> None:
        """Ends the process: kindly when it is idle, by force when it does not go within a few seconds."""
        process = self._process
        if process is None:
            return
        if process.poll() is None and not self._expired:
            self._timeout_s = min(self._timeout_s, 5.0)
            try:
                self._ask({"command": "close"})
                process.wait(timeout=5)
            except (WorkerError, subprocess.TimeoutExpired):
                pass
        self.kill()

    def kill(self) -> None:
        """Ends the process at once, and waits until the system has forgotten it."""
        process, self._process = self._process, None
        if process is not None:
            _kill(process)
            process.wait()
            for stream in (process.stdin, process.stdout, self._errors):
                _close_quietly(stream)

    def __enter__(self) -> Worker:
        """Enters the block with the worker itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the process, by force after an error or an interruption."""
        if kind is None:
            self.close()
        else:
            self.kill()

    def _spawn(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - kill() closes it
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "edgetext.measure.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            env=self._environment,
            start_new_session=True,  # Ctrl-C is for the parent, which then kills its workers
        )

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise WorkerError("its process is not running")
        with _ONE_AT_A_TIME:
            watchdog = threading.Timer(self._timeout_s, self._expire, [process])
            watchdog.daemon = True
            watchdog.start()
            try:
                line = _exchange(process.stdin, process.stdout, json.dumps(request))
            finally:
                watchdog.cancel()
        if not line:
            raise WorkerError(self._why_it_ended(process, str(request["command"])))
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"], answer["status"], no_device=answer.get("no_device", False))
        return answer

    def _expire(self, process: subprocess.Popen[str]) -> None:
        self._expired = True
        _kill(process)

    def _why_it_ended(self, process: subprocess.Popen[str], command: str) -> str:
        code = process.wait()
        if self._expired:
            return f"it did not answer to {command!r} within {self._timeout_s:g} s and was stopped"
        if code == _KILLED:
            return f"its process was killed during {command!r}, by the system for want of memory as a rule"
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return f"its process ended during {command!r} with {how}{self._last_error_line()}"

    def _last_error_line(self) -> str:
        if self._errors is None:
            return ""
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - 4000))
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return f" ({lines[-1].strip()[:200]})" if lines else ""


def thread_environment(threads: int) -> dict[str, str]:
    """Names the environment variables that hold the usual libraries to a number of threads.

    OpenMP and MKL serve torch, OpenBLAS numpy, Rayon the tokenizers.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
    return {name: str(threads) for name in names}


def _python_path(present: str) -> str:
    """Adds the folder that holds this package, at the end, unless every interpreter looks there anyhow."""
    found_anyhow = Path(_PACKAGE_ROOT).name in ("site-packages", "dist-packages")
    return os.pathsep.join(part for part in (present, "" if found_anyhow else _PACKAGE_ROOT) if part)


def _exchange(requests: IO[str], replies: IO[str], line: str) -> str:
    """Sends a line and returns the answer's; empty when the process has gone, also in the middle of a line."""
    try:
        requests.write(line + "\n")
        requests.flush()
    except BrokenPipeError:
        return ""
    answer = replies.readline()
    return answer if answer.endswith("\n") else ""


def _kill(process: subprocess.Popen[str]) -> None:
    """Kills the process and what it has started; it leads a process group of its own where there are such."""
    if process.poll() is not None:
        return
    if os.name == "posix":
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
    else:
        process.kill()


def _close_quietly(stream: IO[Any] | None) -> None:
    try:
        if stream is not None:
            stream.close()
    except BrokenPipeError:  # what was still in the buffer goes with the process
        pass
