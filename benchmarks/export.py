"""What export's search gains over Optimum's default int8 and OpenVINO's, and how far it is from the floor.

Run it on a machine that does nothing else::

    python benchmarks/export.py LATENCY_BUNDLE BULK_BUNDLE OPTIMUM_BUNDLE OPENVINO.xml DATA \
        --label-column category -o benchmarks/results/export.json

The first two are what ``edgetext export`` chose for ``latency`` and for ``throughput``; ``OPTIMUM_BUNDLE`` is the
same checkpoint by ``--scheme dynamic-int8-per-tensor``, which is Optimum's default, in the same ``Predictor``; the
OpenVINO model is what ``nncf_int8.py`` made, and takes the package ``openvino``. Each program has a process of its
own, one works at a time, in shuffled turns; a ratio is that of the turns of a round, with Student's 95 % interval.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from edgetext.bench.accuracy import accuracy, right_answers
from edgetext.bench.backends._shared import task_values
from edgetext.bench.heldout import HeldOut, find_held_out
from edgetext.files import write_json
from edgetext.measure.environment import capture_environment
from edgetext.measure.process import Worker
from edgetext.measure.runner import PREDICTOR
from edgetext.measure.stats import Ratio, paired_ratio
from edgetext.measure.turns import shuffled_turns
from edgetext.metrics.paired import paired_difference
from edgetext.runtime.bundle import Bundle, open_bundle
from edgetext.runtime.manifest import Variant
from edgetext.runtime.threads import usable_threads

HERE = Path(__file__).resolve().parent
TEXTS, WARM_UP, BULK_TEXTS, BATCH = 60, 10, 768, 32
OURS, OURS_BULK, OPTIMUM, OPTIMUM_BULK, OPENVINO, FLOOR = (
    "edgetext, latency",
    "edgetext, throughput",
    "optimum default, latency",
    "optimum default, throughput",
    "openvino nncf",
    "floor",
)


@dataclass
class Program:
    """One program and its figures, turn by turn.

    Attributes:
        name: What the tables call it.
        runner: Dotted path of its factory.
        spec: What that takes.
        reads: The scheme that made its model.
        p50_ms: Of the texts of each turn.
        texts_per_s: Of each turn, in bulk.
        labels: For all held-out rows, one at a time.
    """

    name: str
    runner: str
    spec: Mapping[str, Any]
    reads: str
    p50_ms: list[float] = field(default_factory=list)
    texts_per_s: list[float] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


def programs(arguments: argparse.Namespace, threads: int) -> list[Program]:
    """Lists the programs, all over the same checkpoint."""
    latency, bulk, optimum = (open_bundle(path) for path in (arguments.latency, arguments.bulk, arguments.optimum))
    manifest = latency.manifest
    direct = {
        "tokenizer": str(latency.file("tokenizer.json")),
        "task": task_values(manifest.decides),
        "max_length": manifest.max_length,
        "threads": threads,
    }
    fp32 = str(latency.file(manifest.variant("fp32").file))
    return [
        _predictor(OURS, latency, "latency", threads),
        _predictor(OURS_BULK, bulk, "throughput", threads),
        _predictor(OPTIMUM, optimum, "latency", threads),
        _predictor(OPTIMUM_BULK, optimum, "throughput", threads),
        Program(
            OPENVINO,
            "openvino_int8:load",
            {**direct, "model": str(arguments.openvino.resolve())},
            "static int8 (NNCF)",
        ),
        Program(FLOOR, "floor:load", {**direct, "model": fp32}, "int8 products alone"),
    ]


def _predictor(name: str, bundle: Bundle, profile: str, threads: int) -> Program:
    variant: Variant = bundle.manifest.variant()
    spec = {"bundle": str(bundle.path.resolve()), "variant": variant.name, "mode": profile, "threads": threads}
    return Program(name, PREDICTOR, spec, variant.scheme)


def measure(found: Sequence[Program], rows: HeldOut, rounds: int, threads: int) -> None:
    """Fills the programs' figures."""
    texts = [example.text for example in rows.examples]
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(one.runner, one.spec, threads=threads)) for one in found]
        for program, worker in zip(found, workers, strict=True):
            worker.start(texts[0])
            program.labels = [label for (label,) in worker.predict(texts, 1)]
        for turn in shuffled_turns(found, rounds, seed=0):
            program, worker = found[turn.index], workers[turn.index]
            print(f"round {turn.round + 1} of {rounds}: {program.name}", file=sys.stderr, flush=True)
            samples = worker.latency(_window(texts, turn.round, TEXTS + WARM_UP), warm_up=WARM_UP)
            program.p50_ms.append(median(samples))
            program.texts_per_s.append(worker.throughput(_window(texts, turn.round, BULK_TEXTS), BATCH))


def _window(texts: Sequence[str], number: int, count: int) -> list[str]:
    return [texts[place % len(texts)] for place in range(number * count, (number + 1) * count)]


def ratios(found: Sequence[Program]) -> dict[str, dict[str, Ratio]]:
    """Estimates how many times faster ours is than each peer, and how many times the floor it takes."""
    by_name = {program.name: program for program in found}
    ours, bulk, floor = by_name[OURS], by_name[OURS_BULK], by_name[FLOOR]
    peers = {OPTIMUM: (OPTIMUM, OPTIMUM_BULK), OPENVINO: (OPENVINO, OPENVINO)}
    table = {
        name.partition(",")[0]: {
            "latency": paired_ratio(by_name[single].p50_ms, ours.p50_ms),
            "throughput": paired_ratio(bulk.texts_per_s, by_name[many].texts_per_s),
        }
        for name, (single, many) in peers.items()
    }
    table["times the floor"] = {
        "latency": paired_ratio(ours.p50_ms, floor.p50_ms),
        "throughput": paired_ratio(floor.texts_per_s, bulk.texts_per_s),
    }
    return table


def described(program: Program, rows: HeldOut, against: Sequence[str]) -> dict[str, Any]:
    """Collects what is recorded of a program; its spec names folders of this machine and stays out."""
    names = sorted({example.label for example in rows.examples} | {*program.labels, *against})
    index = {name: place for place, name in enumerate(names)}
    expected = [index[example.label] for example in rows.examples]
    given, reference = ([index[label] for label in labels] for labels in (program.labels, against))
    lost = paired_difference(right_answers(reference, expected), right_answers(given, expected))
    return {
        "name": program.name,
        "scheme": program.reads,
        "p50_ms": program.p50_ms,
        "texts_per_s": program.texts_per_s,
        "accuracy": None if program.name == FLOOR else asdict(accuracy(given, expected)),
        "accuracy_difference": None if program.name == FLOOR else asdict(lost),
    }


def fp32_labels(path: Path, rows: HeldOut, threads: int) -> list[str]:
    """Predicts the fp32 reference's label of each row."""
    spec = {"bundle": str(path.resolve()), "variant": "fp32", "threads": threads}
    with Worker(PREDICTOR, spec, threads=threads) as worker:
        worker.start("a text")
        return [label for (label,) in worker.predict([example.text for example in rows.examples], 1)]


def main() -> None:
    """Measures, writes and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name in ("latency", "bulk", "optimum", "openvino"):
        parser.add_argument(name, type=Path)
    parser.add_argument("data")
    parser.add_argument("--text-column", metavar="NAME")
    parser.add_argument("--label-column", metavar="NAME")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=usable_threads())
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = str(HERE)
    rows = find_held_out(
        None, arguments.data, text_column=arguments.text_column, label_column=arguments.label_column
    )
    found = programs(arguments, arguments.threads)
    reference = fp32_labels(arguments.latency, rows, arguments.threads)
    measure(found, rows, arguments.rounds, arguments.threads)
    value = {
        "environment": capture_environment(arguments.threads),
        "data": {"name": rows.name, "rows": len(rows.examples), "fingerprint": rows.fingerprint},
        "programs": [described(program, rows, reference) for program in found],
        "ratios": {
            peer: {name: asdict(ratio) for name, ratio in pair.items()} for peer, pair in ratios(found).items()
        },
    }
    write_json(arguments.output, value)
    for program in value["programs"]:
        difference = program["accuracy_difference"]
        said = f"{100 * difference['value']:+.2f} points against fp32" if difference else ""
        print(
            f"{program['name']:28s} {program['scheme']:30s} p50 {median(program['p50_ms']):6.3f} ms  "
            f"{median(program['texts_per_s']):6.0f} texts/s  {said}"
        )
    for peer, pair in value["ratios"].items():
        for name, ratio in pair.items():
            print(f"{peer:18s} {name:10s} {ratio['value']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]")


if __name__ == "__main__":
    main()
