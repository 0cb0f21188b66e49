"""Do three runs of the whole bench agree? An interval of a ratio should hold the ratios of the other runs.

``edgetext bench ... --backends all`` run several times; then::

    python benchmarks/repeatability.py DIR DIR DIR --seconds S S S -o FILE

Such a set of runs is added to those that the file holds: one set alone says little, since what it finds is chance
in part, and a set that disappoints must not make room for the next.

A row is the ratio of the baseline's latency to a program's, with the interval that the report gives it: that in
which both of two further runs of as many rounds find theirs in 95 of 100 cases (see ``edgetext.measure.pooled``).
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
from edgetext.measure.ratios import Ratio


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
        pairs = [(one, other) for one in ratios for other in ratios if one is not other]
        found.append(
            {
                "name": f"{row.backend} {row.variant}",
                "ratios": [asdict(ratio) for ratio in ratios],
                "holds_others": [_holds(one, ratios) for one in ratios],
                "pairs": len(pairs),
                "pairs_held": sum(_holds(one, [other]) for one, other in pairs),
            }
        )
    return found


def _holds(one: Ratio, others: list[Ratio]) -> bool:
    return all(one.low <= other.value <= one.high for other in others)


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
        print(f"{row['name']:32s} {ratios}  {row['pairs_held']} of {row['pairs']} held")
    for number in range(len(runs)):
        held = sum(row["holds_others"][number] for row in rows)
        print(f"run {number + 1}: its intervals hold the other runs' ratios in {held} of {len(rows)} rows")


if __name__ == "__main__":
    main()
