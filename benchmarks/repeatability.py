"""Do three runs of the whole bench agree? Each interval of a ratio should hold the ratios of the other runs.

``edgetext bench ... --backends all`` run several times; then::

    python benchmarks/repeatability.py DIR DIR DIR -o benchmarks/results/repeatability.json

A row is the ratio of the baseline's median latency to a program's, with the interval that the report gives it.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgetext.bench.accuracy import baseline
from edgetext.bench.results import MEASURED, Results, read_results
from edgetext.bench.rounds import speedup
from edgetext.errors import InputError
from edgetext.files import write_json


def compare_runs(runs: list[Results]) -> list[dict[str, Any]]:
    """Gives each row's ratios, run by run, and whether each interval holds the others' ratios."""
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
        held = all(one.low <= other.value <= one.high for one in ratios for other in ratios)
        found.append(
            {"name": f"{row.backend} {row.variant}", "ratios": [asdict(ratio) for ratio in ratios], "held": held}
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
    rows = compare_runs(runs)
    held = sum(row["held"] for row in rows)
    value = {"environment": dict(runs[0].environment), "seconds": arguments.seconds, "rows": rows}
    write_json(arguments.output, {**value, "held": held, "of": len(rows)})
    for row in rows:
        ratios = "  ".join(
            f"{ratio['value']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]" for ratio in row["ratios"]
        )
        print(f"{row['name']:32s} {ratios}  {'held' if row['held'] else 'not held'}")
    print(f"held for {held} of {len(rows)} rows")


if __name__ == "__main__":
    main()
