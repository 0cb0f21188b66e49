"""How far do runs of the whole bench lie apart? Each row's ratio to the baseline, run by run.

``edgetext bench ... --backends all`` run several times; then::

    python benchmarks/repeatability.py DIR DIR DIR --seconds S S S -o FILE

Such a set of runs is added to those that the file holds: one set alone says little, since what it finds is chance
in part, and a set that disappoints must not make room for the next.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgetext.bench.accuracy import baseline
from edgetext.bench.results import MEASURED, Results, read_results
from edgetext.bench.rounds import speedup
from edgetext.errors import InputError
from edgetext.files import write_json


def compare_runs(runs: list[Results]) -> list[dict[str, Any]]:
    """Lists each row's ratios, run by run, and how many times the largest of them is the smallest."""
    found = []
    for row in runs[0].rows:
        if row.status != MEASURED or row is baseline(runs[0].rows):
            continue
        ratios = []
        for run in runs:
            same, reference = run.row(row.backend, row.variant), baseline(run.rows)
            ratio = speedup(run, same, reference) if same and reference else None
            if ratio is None:
                raise InputError(f"{row.backend} {row.variant} has no ratio in one of the runs")
            ratios.append(ratio)
        values = [ratio.value for ratio in ratios]
        name = f"{row.backend} {row.variant}"
        found.append(
            {"name": name, "ratios": [asdict(ratio) for ratio in ratios], "apart": max(values) / min(values)}
        )
    return found


def main() -> None:
    """Compares and writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="DIR")
    parser.add_argument("--seconds", type=float, nargs="+", required=True, help="how long each run took")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    runs = [read_results(path) for path in arguments.runs]
    if len(arguments.seconds) != len(runs):
        parser.error(f"expected --seconds for each of {len(runs)} runs, found {len(arguments.seconds)}")
    rows = compare_runs(runs)
    sets = json.loads(arguments.output.read_text("utf-8"))["sets"] if arguments.output.exists() else []
    sets.append({"environment": dict(runs[0].environment), "seconds": arguments.seconds, "rows": rows})
    write_json(arguments.output, {"sets": sets})
    for row in rows:
        ratios = "  ".join(
            f"{ratio['value']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]" for ratio in row["ratios"]
        )
        print(f"{row['name']:32s} {ratios}  {100 * (row['apart'] - 1):.0f} % apart")


if __name__ == "__main__":
    main()
