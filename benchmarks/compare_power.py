"""Does ``edgetext bench compare`` find a program with 5 percent more work, and leave an equal one alone?

The same bundle predicts each text 20 times, 21 times, and 20 times again, in the same rounds, as with ``--beside``,
until the intervals are narrow enough; the first program is compared with both others. Repeated, the counts say how
often compare is right::

    taskset -c 1 python benchmarks/compare_power.py BUNDLE DATA -o benchmarks/results/compare_power.json

``--apart`` measures each program in a run of its own, one after the other, as two runs on two days are: then the
counts say what the machine's own changes do to compare.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgetext.bench.compare import TIMED, compare
from edgetext.bench.heldout import HeldOut, describe_data, find_held_out
from edgetext.bench.plan import RowPlan
from edgetext.bench.registry import BUNDLE, Backend
from edgetext.bench.results import Results
from edgetext.bench.run import measure_plans
from edgetext.bench.settings import BenchSettings
from edgetext.files import write_json
from edgetext.measure.environment import capture_environment
from edgetext.runtime.bundle import open_bundle
from edgetext.runtime.threads import usable_threads

HERE = Path(__file__).resolve().parent
WORK, MORE_WORK = 20, 21
PROGRAMS = ("first", "slower", "same")


def measure(bundle: Path, rows: HeldOut, works: Sequence[int], settings: BenchSettings) -> list[Results]:
    """Measures programs in the same rounds, and gives the results of each."""
    task = open_bundle(bundle).manifest.decides
    backend = Backend("repeated", "repeated:load", BUNDLE, (), "cpu", 1)
    specs = [{"bundle": str(bundle.resolve()), "times": times, "threads": settings.threads} for times in works]
    plans = [RowPlan(backend, "default", spec, model=name) for spec, name in zip(specs, PROGRAMS, strict=False)]
    whole = measure_plans(plans, rows, describe_data(rows, task, str(bundle)), settings)
    return [replace(whole, rows=(replace(row, model=""),)) for row in whole.rows]


def judge(old: Results, new: Results) -> dict[str, Any]:
    """Collects what compare says of each metric."""
    (pair,) = compare(old, new).pairs
    found = {metric: pair.change(metric) for metric in TIMED}
    return {metric: {"verdict": change.verdict, "said": str(change)} for metric, change in found.items() if change}


def repeat(bundle: Path, rows: HeldOut, settings: BenchSettings, *, apart: bool) -> dict[str, Any]:
    """Measures the three programs and compares them."""
    works = (WORK, MORE_WORK, WORK)
    groups = [(work,) for work in works] if apart else [works]
    first, slower, same = (result for group in groups for result in measure(bundle, rows, group, settings))
    return {
        "slower": judge(first, slower),
        "same": judge(first, same),
        "rounds": len(first.rows[0].latency_ms.rounds) if first.rows[0].latency_ms else 0,
        "other_load_cores": [results.environment["other_load_cores"] for results in (first, slower, same)],
    }


def count(repeats: list[dict[str, Any]], which: str, metric: str) -> dict[str, int]:
    """Counts the verdicts."""
    verdicts = [entry[which][metric]["verdict"] for entry in repeats]
    return {verdict: verdicts.count(verdict) for verdict in ("worse", "no difference shown", "better")}


def read_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("data")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--slices", type=int, default=8)
    parser.add_argument("--within", type=float, default=3, help="percent, as edgetext bench takes it (default: 3)")
    parser.add_argument("--max-rounds", type=int, default=120)
    parser.add_argument("--apart", action="store_true", help="a run of its own for each program")
    parser.add_argument("--threads", type=int, default=usable_threads())
    parser.add_argument("--limit", type=int, default=40, help="held-out rows (default: 40)")
    parser.add_argument("-o", "--output", type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    """Measures and writes."""
    arguments = read_arguments()
    os.environ["PYTHONPATH"] = str(HERE)
    settings = BenchSettings(
        threads=arguments.threads,
        rounds=arguments.rounds,
        within=None if arguments.apart else arguments.within,
        max_rounds=arguments.max_rounds,
        slices=arguments.slices,
        latency_texts=arguments.slices,
        throughput_texts=1,
        batch=1,
        warm_up=0,
    )
    rows = find_held_out(None, arguments.data, limit=arguments.limit)
    found = []
    for number in range(arguments.repeats):
        print(f"repeat {number + 1} of {arguments.repeats}", file=sys.stderr, flush=True)
        found.append(repeat(arguments.bundle, rows, replace(settings, seed=number), apart=arguments.apart))
    counts = {which: {metric: count(found, which, metric) for metric in TIMED} for which in ("slower", "same")}
    write_json(
        arguments.output,
        {
            "environment": capture_environment(arguments.threads),
            "settings": settings.to_json(),
            "apart": arguments.apart,
            "work": {"first": WORK, "slower": MORE_WORK, "same": WORK},
            "counts": counts,
            "repeats": found,
        },
    )
    print(counts)


if __name__ == "__main__":
    main()
