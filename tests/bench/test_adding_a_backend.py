"""The example of docs/benchmarking.md is a backend that the bench measures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgetext.bench.heldout import describe_data, find_held_out
from edgetext.bench.models import Measured
from edgetext.bench.plan import plan_rows
from edgetext.bench.registry import BUNDLE, Backend
from edgetext.bench.run import measure_plans
from edgetext.bench.settings import BenchSettings
from edgetext.runtime.bundle import open_bundle

PAGE = Path(__file__).parents[2] / "docs" / "benchmarking.md"


def test_the_example_is_measured(
    tiny_bundle: Path, tiny_rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example, line = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(example.splitlines()) <= 35
    (tmp_path / "first_label.py").write_text(example, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    backend = eval(line.replace("{_HERE}.", ""), {"Backend": Backend, "BUNDLE": BUNDLE})
    bundle = open_bundle(tiny_bundle)
    rows = find_held_out(None, str(tiny_rows))
    settings = BenchSettings(threads=1, rounds=1, latency_texts=5, throughput_texts=8, batch=8)
    data = describe_data(rows, bundle.manifest.decides, "the bundle")
    found = measure_plans(plan_rows([Measured(bundle)], [backend], BenchSettings(threads=1)), rows, data, settings)
    assert [(row.backend, row.variant, row.status) for row in found.rows] == [
        ("first-label", variant.name, "measured") for variant in bundle.manifest.variants
    ]
    (first, *_) = found.rows
    assert set(first.predictions) == {0}
    assert first.accuracy and first.accuracy.value == data.expected.count(0) / data.rows
    assert first.warm_up["texts"] >= 5 and len(first.warm_up["passes_ms"]) == 12
    assert first.tokenization_ms == {}
