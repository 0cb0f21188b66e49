"""How much memory a first prediction and a long stream take, in a process that does nothing else, as JSON.

``python benchmarks/stream_memory.py BUNDLE LINES [PROFILE]``
"""

from __future__ import annotations

import json
import sys
from itertools import cycle, islice

from edgetext import Predictor
from edgetext.measure.usage import peak_memory_bytes

TEXTS = ("A bowl of ramen", "How do I top up my card with another one?", "The road to the mountain was closed " * 3)


def main(bundle: str, lines: int, profile: str = "throughput") -> None:
    """Classifies that many lines one after another and prints the peak before and after."""
    with Predictor(bundle, profile=profile) as classify:
        classify(TEXTS[0])
        first = peak_memory_bytes() or 0
        done = sum(1 for _ in classify.stream(islice(cycle(TEXTS), lines)))
    peak = peak_memory_bytes() or 0
    print(
        json.dumps(
            {"lines": done, "first_mb": first / 1e6, "peak_mb": peak / 1e6, "grown_mb": (peak - first) / 1e6}
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
