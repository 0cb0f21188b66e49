"""The process that is measured: ``python -m edgetext.measure.worker``, started by ``measure.process``.

It reads one JSON object a line and answers each with one line: ``{"command": "start", "runner": ..., "spec": ...,
"text": ...}`` first, then ``latency``, ``stages``, ``tokenization``, ``throughput``, ``predict``, ``memory``,
``installed``, ``energy`` and ``load`` in any order, ``close`` last. An answer with ``error`` in it gives the reason
as a sentence, and ``status`` says whether it is a failure. A pair of texts is a list of two.

The lines travel over copies of standard input and output; the originals are turned away at once, so that a
library that prints cannot disturb them. Timing is done here, next to the work, without the pipes in it. What this
process imports for itself counts in every cold start: each command imports what it alone needs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, TextIO

from edgetext.errors import MissingExtraError, first_line
from edgetext.measure.runner import CannotMeasureError, NoDeviceError, Runner, answers, load_runner
from edgetext.measure.usage import Energy, installed_bytes, peak_memory_bytes

if TYPE_CHECKING:  # it takes numpy, which the runner may not
    from edgetext.task import Text

Message = Mapping[str, Any]


class Session:
    """One runner, and the commands that can be given to it."""

    def __init__(self) -> None:
        self._runner: Runner | None = None
        self._first: list[int] = []
        self._joules: dict[str, float] = {}
        self._texts = 0
        self._modules = frozenset(sys.modules)
        self._commands: dict[str, Callable[[Message], dict[str, Any]]] = {
            "start": self._start,
            "latency": self._latency,
            "stages": self._stages,
            "tokenization": self._tokenization,
            "throughput": self._throughput,
            "predict": self._predict,
            "memory": self._memory,
            "installed": self._installed,
            "energy": self._energy,
            "load": self._load,
            "close": self._close,
        }

    def answer(self, request: Message) -> dict[str, Any]:
        """Carries out a request; whatever goes wrong in the runner becomes an answer with ``error`` in it."""
        try:
            return self._commands[request["command"]](request)
        except (CannotMeasureError, MissingExtraError) as error:
            lacking = isinstance(error, NoDeviceError)
            return {"error": first_line(error), "status": "not_measured", "no_device": lacking}
        except MemoryError:
            return {"error": "it ran out of memory", "status": "failed"}
        except Exception as error:
            return {"error": _sentence(error), "status": "failed"}

    @property
    def runner(self) -> Runner:
        """The runner, once started."""
        if self._runner is None:
            raise RuntimeError("the first command must be 'start'")
        return self._runner

    def _start(self, request: Message) -> dict[str, Any]:
        begin = perf_counter()
        self._runner = load_runner(request["runner"], request["spec"])
        loaded = perf_counter()
        prepared = float(getattr(self._runner, "preparation_s", 0.0))
        labels = self.runner.one(_text(request["text"]))
        first = perf_counter()
        return {
            "labels": labels,
            "load_ms": _ms(loaded - begin - prepared),
            "first_ms": _ms(first - loaded),
            "prepared_ms": _ms(prepared),
        }

    def _latency(self, request: Message) -> dict[str, Any]:
        one, texts = self.runner.one, _texts(request)
        for text in texts[: request["warm_up"]]:
            one(text)
        self._first = []
        return {"samples_ms": _samples(one, texts, request["seconds"], self._note_stage)}

    def _note_stage(self) -> None:
        """Notes who answered the text that was just timed, where the runner tells."""
        first = getattr(self.runner, "first", None)
        if first is not None:
            self._first.append(int(first))

    def _stages(self, _: Message) -> dict[str, Any]:
        return {"first": self._first}

    def _tokenization(self, request: Message) -> dict[str, Any]:
        tokenize = getattr(self.runner, "tokenize", None)
        return {"samples_ms": _samples(tokenize, _texts(request), request["seconds"]) if tokenize else []}

    def _throughput(self, request: Message) -> dict[str, Any]:
        texts, batch = _texts(request), request["batch"]
        if request["warm_up"]:
            self.runner.many(texts[:batch], batch)  # one batch of the size that is timed
        energy = Energy()
        begin = perf_counter()
        self.runner.many(texts, batch)
        seconds = perf_counter() - begin
        for device, joules in (energy.joules() or {}).items():
            self._joules[device] = self._joules.get(device, 0.0) + joules
        self._texts += len(texts)
        return {"seconds": seconds}

    def _predict(self, request: Message) -> dict[str, Any]:
        return {"labels": answers(self.runner, _texts(request), request["batch"])}

    def _memory(self, _: Message) -> dict[str, Any]:
        return {"peak_bytes": peak_memory_bytes(), "about": dict(self.runner.about())}

    def _installed(self, _: Message) -> dict[str, Any]:
        return {"installed_bytes": installed_bytes(self._modules)}

    def _energy(self, _: Message) -> dict[str, Any]:
        return {"joules_per_text": {device: joules / self._texts for device, joules in self._joules.items()}}

    def _load(self, request: Message) -> dict[str, Any]:
        from edgetext.measure.loadgen import LoadTest, run_load_test

        return run_load_test(self.runner, _texts(request), LoadTest(**request["test"]))

    def _close(self, _: Message) -> dict[str, Any]:
        self.runner.close()
        return {}


def serve(requests: TextIO, replies: TextIO) -> None:
    """Answers requests until one says ``close`` or the other side has gone."""
    session = Session()
    for line in requests:
        request = json.loads(line)
        replies.write(json.dumps(session.answer(request)) + "\n")
        replies.flush()
        if request["command"] == "close":
            return


def main() -> None:
    """Runs the worker on standard input and output."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what libraries print goes where errors go
    serve(requests, replies)


def _texts(request: Message) -> list[Text]:
    return [_text(value) for value in request["texts"]]


def _text(value: str | list[str]) -> Text:
    """Reads a text; JSON has no tuples, and a pair is one."""
    return value if isinstance(value, str) else (value[0], value[1])


def _samples(
    work: Callable[[Any], object],
    texts: Sequence[Text],
    seconds: float,
    after: Callable[[], None] = lambda: None,
) -> list[float]:
    """Times texts one by one, in milliseconds; no further one is begun after so many seconds.

    Args:
        work: What is timed.
        texts: What it is given, one by one.
        seconds: After which no further one is begun.
        after: Called after each, untimed.
    """
    samples: list[float] = []
    stop = perf_counter() + seconds
    for text in texts:
        begin = perf_counter()
        work(text)
        end = perf_counter()
        samples.append(_ms(end - begin))
        after()
        if end > stop:
            break
    return samples


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 4)


def _sentence(error: Exception) -> str:
    name, said = type(error).__name__, first_line(error)
    return name if said == name else f"{name}: {said}"


if __name__ == "__main__":
    main()
