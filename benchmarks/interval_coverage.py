"""How often each kind of 95 % interval of a ratio holds the truth, by simulation.

Rounds of texts of log-normal length, with noise of single calls and a state of the machine in each round; the truth
is known. Compared: Student's t interval of the rounds' log ratios, which is the bench's; the percentile interval of
a hierarchical bootstrap over rounds and over the texts in them; and scipy's percentile and BCa bootstrap over
rounds::

    python benchmarks/interval_coverage.py -o benchmarks/results/interval_coverage.json
"""

from __future__ import annotations

import argparse
import math
import warnings
from pathlib import Path

import numpy as np
from scipy.stats import DegenerateDataWarning, bootstrap

from edgetext.files import write_json
from edgetext.measure.stats import paired_ratio

TRUTH, TEXTS, RESAMPLES = 4.0, 60, 399
Interval = tuple[float, float]


def simulate(random: np.random.Generator, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws the latencies of a slow and of a fast program, rounds x texts each, of the same texts."""
    length = random.lognormal(0, 0.3, (rounds, TEXTS))

    def program(state: float) -> np.ndarray:
        in_round = np.exp(random.normal(0, state, (rounds, 1)))
        return np.asarray(length * random.lognormal(0, 0.1, length.shape) * in_round)

    return TRUTH * program(0.05), program(0.03)


def student(slow: np.ndarray, fast: np.ndarray) -> Interval:
    """The interval of the bench."""
    found = paired_ratio(np.median(slow, axis=1).tolist(), np.median(fast, axis=1).tolist())
    return found.low, found.high


def hierarchical(slow: np.ndarray, fast: np.ndarray, random: np.random.Generator) -> Interval:
    """Draws rounds, then texts in each drawn round, the same for both programs."""
    rounds, texts = slow.shape
    which = random.integers(rounds, size=(RESAMPLES, rounds, 1))
    text = random.integers(texts, size=(RESAMPLES, rounds, texts))
    logs = np.log(np.median(slow[which, text], axis=2) / np.median(fast[which, text], axis=2)).mean(axis=1)
    low, high = np.exp(np.percentile(logs, (2.5, 97.5)))
    return float(low), float(high)


def of_scipy(slow: np.ndarray, fast: np.ndarray, random: np.random.Generator, method: str) -> Interval:
    """The bootstrap of scipy over the rounds' log ratios."""
    logs = np.log(np.median(slow, axis=1) / np.median(fast, axis=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateDataWarning)
        found = bootstrap((logs,), np.mean, n_resamples=RESAMPLES, method=method, rng=random).confidence_interval
    return math.exp(found.low), math.exp(found.high)


def coverage(rounds: int, runs: int, seed: int) -> dict[str, float]:
    """Counts the share of runs whose interval holds the truth, for each kind."""
    random = np.random.default_rng(seed)
    hits = {"student_t": 0, "hierarchical_percentile": 0, "scipy_percentile": 0, "scipy_bca": 0}
    for _ in range(runs):
        slow, fast = simulate(random, rounds)
        intervals = {
            "student_t": student(slow, fast),
            "hierarchical_percentile": hierarchical(slow, fast, random),
            "scipy_percentile": of_scipy(slow, fast, random, "percentile"),
            "scipy_bca": of_scipy(slow, fast, random, "BCa"),
        }
        for kind, (low, high) in intervals.items():
            hits[kind] += low <= TRUTH <= high
    return {kind: round(count / runs, 4) for kind, count in hits.items()}


def main() -> None:
    """Simulates and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    found = {str(rounds): coverage(rounds, arguments.runs, arguments.seed) for rounds in (5, 10, 20)}
    write_json(arguments.output, {"runs": arguments.runs, "seed": arguments.seed, "coverage_by_rounds": found})


if __name__ == "__main__":
    main()
