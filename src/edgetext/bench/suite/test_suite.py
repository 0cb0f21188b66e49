"""Latency and throughput of every row, each with how good the answers are that it goes with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import cycle
from typing import Any

from edgetext.bench.suite.conftest import Loaded
from edgetext.task import Text

_THROUGHPUT_TEXTS = 256


def test_latency(benchmark: Any, loaded: Loaded) -> None:
    """Times one text at a time, tokenization inside, over the held-out texts again and again."""
    texts = cycle(loaded.texts)
    benchmark.group = "latency"
    _describe(benchmark, loaded, texts=1)
    benchmark(lambda: loaded.runner.one(next(texts)))


def test_throughput(benchmark: Any, loaded: Loaded) -> None:
    """Times many texts in batches."""
    texts: Sequence[Text] = loaded.texts[:_THROUGHPUT_TEXTS]
    benchmark.group = "throughput"
    _describe(benchmark, loaded, texts=len(texts))
    benchmark.pedantic(loaded.runner.many, args=(texts, loaded.batch), rounds=5, warmup_rounds=1)
    if benchmark.stats is not None:  # none under --benchmark-disable
        benchmark.extra_info["texts_per_s"] = round(len(texts) / benchmark.stats.stats.median, 2)


def _describe(benchmark: Any, loaded: Loaded, texts: int) -> None:
    found = asdict(loaded.score)
    benchmark.extra_info.update(
        texts=texts,
        **{loaded.metric: {name: found[name] for name in ("value", "low", "high")}},
        **{name: value for name, value in loaded.runner.about().items() if isinstance(value, str | int | float)},
    )
