"""What the noise check reads on a machine, with two kinds of work.

SHA3-256 is what ``edgetext.measure.noise`` times; SHA-256 stands beside it to show that not every work tells. Run
it for as long as the state of the machine may change, with and without other load::

    python benchmarks/noise_probe.py --seconds 240 -o benchmarks/results/noise_probe.json
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

from edgetext.files import write_json
from edgetext.measure.environment import capture_environment
from edgetext.measure.noise import TOLERANCE, NoiseCheck, Reading, best_of, disturbed
from edgetext.runtime.threads import usable_threads

PAUSE_S = 0.3
WORKS = ("sha3_256", "sha256")


def probe(seconds: float, threads: int) -> dict[str, list[Reading]]:
    """Takes readings of each work in turns."""
    checks = {work: NoiseCheck(threads, work) for work in WORKS}
    found: dict[str, list[Reading]] = {work: [] for work in WORKS}
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        for work, check in checks.items():
            found[work].append(check.read())
        time.sleep(PAUSE_S)
    return found


def summary(readings: list[Reading]) -> dict[str, Any]:
    """Gives the tenths of both figures as multiples of the best, and how many readings count as disturbed."""
    best = best_of(readings)
    alone = [reading.alone_ms / best.alone_ms for reading in readings]
    together = [reading.together_ms / best.together_ms for reading in readings]
    return {
        "readings": len(readings),
        "best_alone_ms": best.alone_ms,
        "best_together_ms": best.together_ms,
        "alone_tenths": [round(value, 3) for value in quantiles(alone, n=10, method="inclusive")],
        "together_tenths": [round(value, 3) for value in quantiles(together, n=10, method="inclusive")],
        "disturbed": sum(disturbed(readings, best)),
    }


def main() -> None:
    """Probes and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--threads", type=int, default=usable_threads())
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    found = probe(arguments.seconds, arguments.threads)
    document = {
        "environment": capture_environment(arguments.threads, usable_threads()),
        "tolerance": TOLERANCE,
        "works": {work: summary(readings) for work, readings in found.items()},
    }
    write_json(arguments.output, document)


if __name__ == "__main__":
    main()
