"""The predictor against a bare onnxruntime script and the pipelines of Optimum and torch.

Run it on a machine that does nothing else::

    python benchmarks/runtime.py BUNDLE CHECKPOINT OPTIMUM_BUNDLE builtin:food_not_food -o RESULTS.json

``OPTIMUM_BUNDLE`` is the same checkpoint exported with ``--scheme dynamic-int8``, Optimum's own quantization. In
each run every program is started three times, the last of these processes goes on, and one works at a time: they
take turns with slices of the texts, one by one, then with all texts in bulk, in an order that is shuffled anew for
each slice. A figure is the median of the runs, a ratio the median of the runs' ratios, with the lowest and the
highest beside it. A run's ratio of p50 is the median of the texts' own ratios: a machine with shared cores goes
from fast to slow within seconds, and all programs time the same text within one or two.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from edgetext.bench.backends._shared import task_values
from edgetext.data.load import load
from edgetext.files import write_json
from edgetext.measure.environment import capture_environment
from edgetext.measure.process import Worker
from edgetext.measure.runner import PREDICTOR
from edgetext.measure.stats import typical_ratio
from edgetext.measure.turns import shuffled_turns
from edgetext.runtime.bundle import open_bundle
from edgetext.runtime.threads import usable_threads

HERE = Path(__file__).resolve().parent
BACKENDS = "edgetext.bench.backends"
STARTS = 3  # the last of these processes goes on
LATENCY_TEXTS = 300
SLICES = 10
WARM_UP = 30  # texts before the first slice; before the others a third, to bring the model back into the caches
PASSES = 3  # over all texts in bulk
SETTLE_S = 0.05  # threads of a pool may still spin for some milliseconds


@dataclass
class Program:
    """One program: how it is loaded, the batch sizes worth trying in bulk, and its figures run by run."""

    name: str
    runner: str
    spec: Mapping[str, Any]
    batches: tuple[int, ...]
    start_ms: list[list[float]] = field(default_factory=list)
    first_mb: list[float] = field(default_factory=list)
    latency_ms: list[list[float]] = field(default_factory=list)
    bulk: list[dict[int, list[float]]] = field(default_factory=list)

    @property
    def first_ms(self) -> list[float]:
        """From the start of the process to its first prediction, the median of each run's starts."""
        return [median(starts) for starts in self.start_ms]

    @property
    def p50_ms(self) -> list[float]:
        """The median over the texts of each run, in milliseconds."""
        return [median(samples) for samples in self.latency_ms]

    @property
    def texts_per_s(self) -> list[float]:
        """The rate of each run at the best of the batch sizes, each the median of its passes."""
        return [max(median(passes) for passes in by_batch.values()) for by_batch in self.bulk]


def programs(arguments: argparse.Namespace, threads: int) -> list[Program]:
    """Lists the programs, all over the same checkpoint."""
    bundle = open_bundle(arguments.bundle)
    manifest, variant = bundle.manifest, bundle.manifest.variant()
    shared = {"max_length": manifest.max_length, "threads": threads, "task": task_values(manifest.decides)}
    ours = {**shared, "bundle": str(bundle.path.resolve()), "variant": variant.name}
    bare = {
        **shared,
        "model": str(bundle.file(variant.file)),
        "tokenizer": str(bundle.file("tokenizer.json")),
        "session": dict(variant.session),
    }
    peer = open_bundle(arguments.optimum)
    quantized = peer.manifest.variant()
    optimum = {
        **shared,
        "bundle": str(peer.path.resolve()),
        "model": str(peer.file(quantized.file).resolve()),
        "session": dict(quantized.session),
    }
    torch = {**shared, "model": str(arguments.checkpoint.resolve()), "variant": "fp32"}
    return [
        Program("edgetext", PREDICTOR, ours, (32,)),
        Program("edgetext throughput", PREDICTOR, {**ours, "mode": "throughput"}, (32,)),
        Program("bare onnxruntime", f"{BACKENDS}.onnxruntime_bare:load", bare, (16,)),
        Program("optimum pipeline", f"{BACKENDS}.optimum_pipeline:load", optimum, (8, 32, 64)),
        Program("torch pipeline", f"{BACKENDS}.transformers_pipeline:load_on_cpu", torch, (32,)),
    ]


class Run:
    """One run of all programs, each in a fresh process.

    Args:
        measured: The programs.
        texts: All test texts.
        threads: How many each may use.
        seed: Of the order of turns.
    """

    def __init__(self, measured: Sequence[Program], texts: Sequence[str], threads: int, seed: int) -> None:
        self._measured = measured
        self._texts = texts
        self._threads = threads
        self._seed = seed

    def measure(self) -> None:
        """Adds the run's figures to the programs'."""
        for program in self._measured:
            program.start_ms.append([])
            program.latency_ms.append([])
            program.bulk.append({batch: [] for batch in program.batches})
        for _, program in self._turns(STARTS - 1):
            with self._worker(program) as worker:
                self._start(program, worker)
        with ExitStack() as processes:
            workers = {one.name: processes.enter_context(self._worker(one)) for one in self._measured}
            for _, program in self._turns(1):
                self._start(program, workers[program.name])
            for part, program in self._turns(SLICES):
                program.latency_ms[-1] += self._slice(workers[program.name], part)
            for part, program in self._turns(PASSES):
                for batch, passes in program.bulk[-1].items():
                    passes.append(workers[program.name].throughput(self._texts, batch, warm_up=part == 0))

    def _turns(self, rounds: int) -> Iterator[tuple[int, Program]]:
        for turn in shuffled_turns(self._measured, rounds, self._seed):
            time.sleep(SETTLE_S)
            yield turn.round, self._measured[turn.index]

    def _worker(self, program: Program) -> Worker:
        environment = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        return Worker(program.runner, program.spec, threads=self._threads, environment=environment)

    def _start(self, program: Program, worker: Worker) -> None:
        program.start_ms[-1].append(worker.start(self._texts[0]).first_prediction_ms)
        program.first_mb.append((worker.memory()[0] or 0) / 1e6)

    def _slice(self, worker: Worker, part: int) -> list[float]:
        singly = self._texts[:LATENCY_TEXTS]
        begin, end = (len(singly) * edge // SLICES for edge in (part, part + 1))
        return worker.latency(singly[begin:end], warm_up=WARM_UP if part == 0 else WARM_UP // 3)


def _figures(program: Program) -> dict[str, Any]:
    """Collects what is recorded of a program; its spec names folders of this machine and stays out."""
    kept = {name: value for name, value in vars(program).items() if name != "spec"}
    return {**kept, "first_ms": program.first_ms, "p50_ms": program.p50_ms, "texts_per_s": program.texts_per_s}


def spread(ratios_of_runs: Sequence[float]) -> dict[str, float]:
    """Computes the median of the runs' ratios, with the lowest and the highest."""
    return {"median": median(ratios_of_runs), "low": min(ratios_of_runs), "high": max(ratios_of_runs)}


def quotients(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Computes a ratio a run."""
    return [a / b for a, b in zip(over, under, strict=True)]


def ratios(ours: Program, others: Sequence[Program]) -> dict[str, Any]:
    """Computes how many times faster ours, in its default profile, is than each of the others."""
    return {
        other.name: {
            "first prediction": spread(quotients(other.first_ms, ours.first_ms)),
            "p50": spread(list(map(typical_ratio, other.latency_ms, ours.latency_ms))),
            "bulk": spread(quotients(ours.texts_per_s, other.texts_per_s)),
        }
        for other in others
    }


def memory(bundle: Path, lines: int, profile: str) -> dict[str, float]:
    """Measures the peak memory after a first prediction and after a stream, in a process that does only that."""
    command = [sys.executable, str(HERE / "stream_memory.py"), str(bundle), str(lines), profile]
    found: dict[str, float] = json.loads(
        subprocess.run(command, check=True, capture_output=True, env=os.environ).stdout
    )
    return found


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name in ("bundle", "checkpoint", "optimum"):
        parser.add_argument(name, type=Path)
    parser.add_argument("data")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--lines", type=int, default=1_000_000, help="of the stream (default: a million)")
    arguments = parser.parse_args()
    threads = usable_threads()
    texts = [example.text for example in load(arguments.data).examples]
    measured = programs(arguments, threads)
    for number in range(arguments.runs):
        print(f"run {number + 1} of {arguments.runs}", file=sys.stderr)
        Run(measured, texts, threads, seed=number).measure()
    value = {
        "environment": capture_environment(threads),
        "texts": len(texts),
        "programs": [_figures(program) for program in measured],
        "ratios": ratios(measured[0], measured[1:]),
        "alone": memory(arguments.bundle, 0, "latency"),
        "stream": memory(arguments.bundle, arguments.lines, "latency"),
    }
    write_json(arguments.output, value)
    for program in measured:
        print(
            f"{program.name:20s} first {median(program.first_ms):7.0f} ms  p50 {median(program.p50_ms):6.3f} ms  "
            f"bulk {median(program.texts_per_s):6.0f} texts/s  memory {median(program.first_mb):5.0f} MB"
        )
    print(json.dumps({"ratios": value["ratios"], "alone": value["alone"], "stream": value["stream"]}, indent=2))


if __name__ == "__main__":
    main()
