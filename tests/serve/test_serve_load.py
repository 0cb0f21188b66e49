"""``benchmarks/serve_load.py``: the search for a capacity, what is read of LoadGen, and a second of load."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))

pytest.importorskip("mlperf_loadgen", reason="MLPerf's LoadGen is not installed")
from open_loop import NO_ANSWER, PATH, Client, summed_up  # noqa: E402
from serve_load import (  # noqa: E402
    BISECTIONS,
    LEAST_PER_S,
    MOST_PER_S,
    Candidate,
    Load,
    Running,
    Step,
    find_capacity,
    growth,
    ratios,
    record,
)
from serve_peers import Question, make_app  # noqa: E402

from edgetext.measure.loadgen import LoadTest, read_latencies  # noqa: E402

TRACE = """{"traceEvents":[
{"name":"Scheduling","ph":"X","pid":26546,"tid":26546,"ts":163.212,"dur":0.060,"args":{}},
{"name":"Latency","ph": "C","pid":26546,"ts":4655.853,"args":{ "issue_delay":2285222,"issue_to_done":626871}},
{"name":"Sample","cat":"default","ph":"b","pid":26546,"id":1,"ts":4655.853,"args":{"sample_seq":1,"query_seq":1,\
"sample_idx":1,"issue_start_ns":2285222,"complete_ns":2912093}},
{"name":"Sample","cat":"default","ph":"e", "pid":26546,"id":1,"ts":7567.946},
{"name":"Sample","cat":"default","ph":"b","pid":26546,"id":0,"ts":163.052,"args":{"sample_seq":0,"query_seq":0,\
"sample_idx":2,"issue_start_ns":180,"complete_ns":1569851}},
{"name":"Sample","cat":"default","ph":"e", "pid":26546,"id":0,"ts":1732.903},
"""
"""Of LoadGen 6.0, the second request answered before the first."""

GOOD = {"count": 100, "p50_ms": 5.0, "p99_ms": 20.0, "max_ms": 30.0}


@pytest.mark.parametrize("true", [13.0, 49.0, 50.0, 51.0, 333.0, 12_345.0])
def test_the_capacity_is_found_to_nine_percent(true: float) -> None:
    tried: list[float] = []
    found = find_capacity(lambda per_s: tried.append(per_s) or per_s <= true)
    assert found <= true < found * 2 ** (1 / 2**BISECTIONS)
    assert found in tried and len(tried) == len(set(tried)) <= 14


def test_the_search_ends_where_nothing_or_everything_passes() -> None:
    tried: list[float] = []
    assert find_capacity(lambda per_s: tried.append(per_s)) == 0  # type: ignore[func-returns-value]
    assert min(tried) >= LEAST_PER_S and len(tried) < 5
    assert MOST_PER_S / 2 < find_capacity(lambda _: True) <= MOST_PER_S


def test_a_rate_passes_only_where_all_is_answered_in_time() -> None:
    step = Step(100.0, {"200": GOOD}, [1.0])
    assert step.passes(50.0) and not step.passes(20.0)
    for status in ("503", "500", "0"):
        assert not replace(step, answers={"200": GOOD, status: GOOD}).passes(50.0)
    assert not replace(step, answers={"503": GOOD}).passes(50.0)


def test_latencies_are_read_in_the_order_of_the_arrivals() -> None:
    assert read_latencies(TRACE.splitlines()) == [1.5699, 2.9121]


def test_latencies_are_summed_up_by_status() -> None:
    found = summed_up([200, 503, 200, NO_ANSWER], [10.0, 1.0, 30.0, 10_000.0])
    assert [(status, one.count, one.max_ms) for status, one in found.items()] == [
        (NO_ANSWER, 1, 10_000.0),
        (200, 2, 30.0),
        (503, 1, 1.0),
    ]
    assert found[200].p50_ms == 20 and found[200].p99_ms == pytest.approx(29.8)


def test_growth_is_a_line_through_the_samples() -> None:
    assert growth([100.0, 102.0, 101.0, 103.0]) == {
        "rss_start_mb": 100.0,
        "rss_end_mb": 103.0,
        "rss_max_mb": 103.0,
        "rss_slope_mb_per_min": pytest.approx(48.0),
    }


def test_ratios_are_of_rounds() -> None:
    ours, other, hopeless = (
        Candidate("ours", (), [100, 80, 90]),
        Candidate("b", (), [10, 20, 30]),
        Candidate("c", ()),
    )
    hopeless.capacity_per_s = [1, 0, 1]
    assert ratios([ours, other, hopeless]) == {"b": {"median": 4.0, "low": 3.0, "high": 10.0}}


def test_a_peer_answers_what_its_pipeline_says() -> None:
    def classify(text: str, truncation: bool) -> list[dict[str, object]]:
        return [{"label": text, "score": 0.5}]

    endpoint = next(route.endpoint for route in make_app(classify).routes if route.path == PATH)
    assert endpoint(Question(text="ramen")).model_dump() == {"label": "ramen", "score": 0.5}


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    bodies = tmp_path_factory.mktemp("load") / "bodies.jsonl"
    bodies.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("a slice of pizza", "Straße 🍜")))
    return Load(bodies, 0.3, 10_000.0)


@pytest.fixture(scope="module")
def running(tiny_bundle: Path, load: Load) -> Iterator[Running]:
    words = ("-m", "edgetext", "serve", str(tiny_bundle), "--threads", "1", "--queue", "1")
    with Running(words, load.bodies.read_text().splitlines()[0]) as found:
        yield found
    with pytest.raises(RuntimeError, match="the service ended"):
        found.rss_mb()


def test_every_request_is_answered_and_the_surplus_told_so(running: Running, load: Load) -> None:
    begun = time.monotonic()
    step = running.ask(load, 2000.0, 1.0)
    assert time.monotonic() - begun < 30
    assert step.answers.keys() == {"200", "503"}
    assert sum(answered["count"] for answered in step.answers.values()) > 1500
    assert all(0 < answered["p50_ms"] <= answered["max_ms"] for answered in step.answers.values())
    assert step.rss_mb and min(step.rss_mb) > 10


def test_a_service_that_is_not_there_answers_none() -> None:
    client = Client(1, ["{}"])
    found = asyncio.run(client.run(LoadTest("server", 0.1, 1000.0, bound_ms=1.0, trace=True)))
    assert found.keys() == {NO_ANSWER} and found[NO_ANSWER].count >= 64


def test_what_is_recorded_becomes_a_table(load: Load, tmp_path: Path) -> None:
    spec = spec_from_file_location("docs_build", ROOT / "docs/build.py")
    assert spec and spec.loader
    docs = module_from_spec(spec)
    spec.loader.exec_module(docs)
    table = docs.serve_load
    assert list(table(tmp_path / "none.json")) == ["Not recorded yet."]
    step = Step(300.0, {"0": GOOD, "200": GOOD}, [100.0, 101.0])
    ours, other = Candidate("ours", ("secret",), [100.0], [[step]]), Candidate("theirs", (), [10.0], [[step]])
    overload = {"seconds": 60, "per_s": 300.0, "answers": step.answers, **growth(step.rss_mb)}
    file = tmp_path / "record.json"
    file.write_text(json.dumps(record([ours, other], load, overload)))
    assert "secret" not in file.read_text()
    lines = list(table(file))
    assert "| theirs | 10 | 10.00× (10.00 to 10.00) |" in lines
    assert "| none | 100 | 5.0 | 20.0 | 30.0 |" in lines
    assert any("100 MB at the start, 101 MB at the end" in line for line in lines)
