"""The predictor against a bare onnxruntime script and the pipelines of Optimum and torch.

Run it on a machine that does nothing else::

    python benchmarks/runtime.py BUNDLE CHECKPOINT OPTIMUM_BUNDLE DATA -o benchmarks/results/runtime.json

``OPTIMUM_BUNDLE`` is the same checkpoint exported with ``--scheme dynamic-int8``, Optimum's own quantization. Each
program has a process of its own and they take turns; a figure is the median of the turns, a ratio the median of the
turns' ratios, with the lowest and the highest beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from edgetext.data import load
from edgetext.files import write_json
from edgetext.measure.environment import capture_environment
from edgetext.measure.process import Worker
from edgetext.measure.turns import shuffled_turns
from edgetext.runtime.bundle import open_bundle
from edgetext.runtime.threads import usable_threads

HERE = Path(__file__).resolve().parent
BACKENDS = "edgetext.bench.backends"
LATENCY_TEXTS = 300


@dataclass
class Program:
    """One program: how it is loaded, the batch sizes worth trying in bulk, and its figures turn by turn."""

    name: str
    runner: str
    spec: Mapping[str, Any]
    batches: tuple[int, ...]
    first_ms: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    texts_per_s: list[float] = field(default_factory=list)
    first_mb: list[float] = field(default_factory=list)


def programs(arguments: argparse.Namespace, threads: int) -> list[Program]:
    """Gives the programs, all over the same checkpoint."""
    bundle = open_bundle(arguments.bundle)
    manifest, variant = bundle.manifest, bundle.manifest.variant()
    shared = {"max_length": manifest.max_length, "threads": threads}
    ours = {**shared, "bundle": str(bundle.path.resolve()), "variant": variant.name}
    bare = {
        **shared,
        "model": str(bundle.file(variant.file)),
        "tokenizer": str(bundle.file("tokenizer.json")),
        "labels": list(manifest.labels),
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
        Program("edgetext", f"{BACKENDS}.edgetext_predictor:load", ours, (32,)),
        Program(
            "edgetext throughput", f"{BACKENDS}.edgetext_predictor:load", {**ours, "mode": "throughput"}, (32,)
        ),
        Program("bare onnxruntime", f"{BACKENDS}.onnxruntime_bare:load", bare, (16,)),
        Program("optimum pipeline", f"{BACKENDS}.optimum_pipeline:load", optimum, (8, 32, 64)),
        Program("torch pipeline", f"{BACKENDS}.transformers_pipeline:load", torch, (32,)),
    ]


def take_turn(program: Program, texts: list[str], threads: int) -> None:
    """Measures one program once, in a fresh process."""
    environment = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    with Worker(program.runner, program.spec, threads=threads, environment=environment) as worker:
        program.first_ms.append(worker.start(texts[0]).first_prediction_ms)
        program.first_mb.append((worker.memory()[0] or 0) / 1e6)
        program.p50_ms.append(median(worker.latency(texts[:LATENCY_TEXTS], warm_up=30)))
        program.texts_per_s.append(max(worker.throughput(texts, batch) for batch in program.batches))


def _figures(program: Program) -> dict[str, Any]:
    """Gives what is recorded of a program; its spec names folders of this machine and stays out."""
    return {name: value for name, value in vars(program).items() if name != "spec"}


def ratio(over: list[float], under: list[float]) -> dict[str, float]:
    """Gives the median of the turns' ratios, with the lowest and the highest."""
    found = [a / b for a, b in zip(over, under, strict=True)]
    return {"median": median(found), "low": min(found), "high": max(found)}


def ratios(ours: Program, bulk: Program, others: list[Program]) -> dict[str, Any]:
    """Gives how many times faster ours is than each of the others; in bulk in the profile that is for it."""
    return {
        other.name: {
            "first prediction": ratio(other.first_ms, ours.first_ms),
            "p50": ratio(other.p50_ms, ours.p50_ms),
            "bulk": ratio(bulk.texts_per_s, other.texts_per_s),
        }
        for other in others
    }


def memory(bundle: Path, lines: int, profile: str) -> dict[str, float]:
    """Gives the peak memory after a first prediction and after a stream, from a process that does nothing else."""
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
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--lines", type=int, default=1_000_000, help="of the stream (default: a million)")
    arguments = parser.parse_args()
    threads = usable_threads()
    texts = [example.text for example in load(arguments.data).examples]
    measured = programs(arguments, threads)
    for turn in shuffled_turns(measured, arguments.turns, seed=0):
        print(f"turn {turn.round + 1}: {measured[turn.index].name}", file=sys.stderr)
        take_turn(measured[turn.index], texts, threads)
    ours, bulk, *others = measured
    value = {
        "environment": capture_environment(threads, threads),
        "texts": len(texts),
        "programs": [_figures(program) for program in measured],
        "ratios": ratios(ours, bulk, others),
        "alone": memory(arguments.bundle, 0, "latency"),
        "stream": memory(arguments.bundle, arguments.lines, "throughput"),
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
