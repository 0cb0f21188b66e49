"""Do three runs of the whole bench agree? An interval of a ratio should hold the ratios of the other runs.

``edgetext bench ... --backends all`` run several times; then::

    python benchmarks/repeatability.py DIR DIR DIR -o benchmarks/results/repeatability.json

A row is the ratio of the baseline's median latency to a program's, with the interval that the report gives it. The
ratio of another run has an error of its own: an exact 95 % interval of n rounds holds that of another m rounds only
with the probability that Student's t of n - 1 degrees of freedom stays below its 95 % quantile over
sqrt(1 + n / m): 88 % for five rounds. Source: G. Cumming and R. Maillardet, "Confidence intervals and replication",
Psychological Methods 11 (2006), who have 83 % for many.

The interval that does hold it in 95 of 100 cases is that interval, wider by sqrt(1 + n / m) on the logarithmic
scale: a prediction interval, counted beside the other. Source: G. J. Hahn, "Factors for calculating two-sided
prediction intervals for samples from a normal distribution", Journal of the American Statistical Association 64
(1969).
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from math import log, sqrt
from pathlib import Path
from typing import Any

from scipy.stats import t as student

from edgetext.bench.accuracy import baseline
from edgetext.bench.results import MEASURED, Results, read_results
from edgetext.bench.rounds import speedup
from edgetext.errors import InputError
from edgetext.files import write_json
from edgetext.measure.ratios import CONFIDENCE, Ratio
from edgetext.measure.student_t import two_sided_quantile


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
                "holds_others_as_predicted": [_predicts(one, ratios) for one in ratios],
                "pairs_held_as_predicted": sum(_predicts(one, [other]) for one, other in pairs),
                "pairs_expected": sum(_expected(one, other) for one, other in pairs),
            }
        )
    return found


def _holds(one: Ratio, others: list[Ratio]) -> bool:
    return all(one.low <= other.value <= one.high for other in others)


def _predicts(one: Ratio, others: list[Ratio]) -> bool:
    """Says whether the interval for what another run finds holds what the others found."""
    return all(
        abs(log(other.value / one.value)) <= log(one.high / one.value) * sqrt(1 + one.rounds / other.rounds)
        for other in others
    )


def _expected(one: Ratio, other: Ratio) -> float:
    """Gives how likely an exact interval of ``one`` holds the ratio of ``other``."""
    freedom = one.rounds - 1
    reach = two_sided_quantile(CONFIDENCE, freedom) / sqrt(1 + one.rounds / other.rounds)
    return float(1 - 2 * student.sf(reach, freedom))


def main() -> None:
    """Compares and writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="DIR")
    parser.add_argument("--seconds", type=float, nargs="+", required=True, help="how long each run took")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    runs = [read_results(path) for path in arguments.runs]
    rows = compare_runs(runs)
    value = {"environment": dict(runs[0].environment), "seconds": arguments.seconds, "rows": rows}
    write_json(arguments.output, value)
    for row in rows:
        ratios = "  ".join(
            f"{ratio['value']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]" for ratio in row["ratios"]
        )
        print(f"{row['name']:32s} {ratios}  {row['pairs_held']} of {row['pairs']} held")
    for number in range(len(runs)):
        held, predicted = (
            sum(row[kind][number] for row in rows) for kind in ("holds_others", "holds_others_as_predicted")
        )
        print(
            f"run {number + 1}: its intervals hold the other runs' ratios in {held} of {len(rows)} rows, "
            f"those for another run's ratio in {predicted}"
        )


if __name__ == "__main__":
    main()
