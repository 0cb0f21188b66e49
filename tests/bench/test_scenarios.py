"""MLPerf's scenarios: LoadGen's own figures against numpy's, and the search for the highest rate."""

import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from edgetext.bench.scenarios import (
    SCENARIOS,
    Known,
    choose_scenarios,
    run_scenarios,
    server,
    single_stream,
)
from edgetext.bench.settings import BenchSettings
from edgetext.errors import InputError, MissingExtraError
from edgetext.measure.loadgen import LoadTest, run_load_test
from edgetext.measure.process import WorkerError

TEXTS = [f"text {number}" for number in range(10)]
SETTINGS = BenchSettings(
    scenarios=("offline", "single_stream"), scenario_seconds=0.3, p99_bound_ms=20.0, batch=4, seed=1
)


class Sleeper:
    """Takes one or two milliseconds a text, and keeps what it was asked."""

    def __init__(self):
        self.asked, self.batches = [], []

    def one(self, text):
        time.sleep(0.001 + 0.001 * (len(self.asked) % 2))
        self.asked.append(text)
        return "label"

    def many(self, texts, batch):
        self.batches.append(batch)
        return [self.one(text) for text in texts]


class Broken(Sleeper):
    def one(self, text):
        super().one(text)
        raise ValueError("the text is odd")


@pytest.mark.parametrize("scenario", ["single_stream", "server"])
def test_loadgens_percentiles_are_numpys_on_its_samples(scenario):
    runner = Sleeper()
    test = LoadTest(scenario, 0.3, 300.0, bound_ms=100.0, seed=3, trace=True)
    found = run_load_test(runner, TEXTS, test)
    samples = found["latencies_ms"]
    assert len(samples) == found["queries"] == len(runner.asked) >= 64
    for name, value in found["percentiles_ms"].items():
        assert value == pytest.approx(np.percentile(samples, float(name), method="higher"), abs=1e-4)
    assert {"50", "90", "99"} <= found["percentiles_ms"].keys()
    assert found["mean_ms"] == pytest.approx(np.mean(samples), abs=1e-3)
    assert min(samples) >= 1 and set(runner.asked) <= set(TEXTS) and len(set(runner.asked)) > 5


def test_early_stopping_estimates_are_above_the_percentile_that_was_seen():
    found = run_load_test(Sleeper(), TEXTS, LoadTest("single_stream", 0.2, 1000.0))
    assert found["early_stopping_ms"]["90"] >= found["percentiles_ms"]["90"] > 1


def test_offline_is_one_query_of_many_texts_in_batches():
    runner = Sleeper()
    found = run_load_test(runner, TEXTS, LoadTest("offline", 0.2, 500.0, batch=4))
    assert runner.batches == [4]
    assert len(runner.asked) >= 100 and 300 < found["per_s"] < 667  # 1.5 ms a text on average, at least


@pytest.mark.parametrize("scenario", ["single_stream", "offline", "server"])
def test_what_the_runner_raises_is_raised_and_nothing_is_left(scenario, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    runner = Broken()
    with pytest.raises(ValueError, match="the text is odd"):
        run_load_test(runner, TEXTS, LoadTest(scenario, 0.1, 500.0, bound_ms=10.0))
    assert len(runner.asked) == 1
    assert list(Path(tmp_path).iterdir()) == []


def queue_that_bends_at(limit):
    """Gives a worker whose p99 is 10 ms up to a rate and 30 ms above it."""
    tests = []

    def ask(test):
        tests.append(test)
        return {"percentiles_ms": {"99": 10.0 if test.expected_per_s <= limit else 30.0}, "queries": 100}

    return ask, tests


@pytest.mark.parametrize("limit", [3.0, 333.0, 900.0])
def test_the_highest_rate_is_found_to_a_64th(limit):
    ask, tests = queue_that_bends_at(limit)
    found = server(ask, Known(mean_ms=1.0, per_s=0.0), SETTINGS)
    best = found["rate_per_s"] or 0.0
    assert best <= limit < best + 1000 / 64 + 1e-3
    assert [test.bound_ms for test in tests] == [20.0] * 6
    assert [entry["rate_per_s"] for entry in found["tried"]] == [round(test.expected_per_s, 3) for test in tests]
    assert (found["at"] is None) == (limit < 1000 / 64)


def test_single_stream_expects_more_texts_than_the_turns_had():
    asked = []
    single_stream(lambda test: asked.append(test) or {}, Known(mean_ms=4.0, per_s=0.0), SETTINGS)
    assert asked == [LoadTest("single_stream", 0.3, 500.0, seed=1)]


def test_a_scenario_that_fails_costs_itself_only():
    def ask(test):
        if test.scenario == "offline":
            raise WorkerError("it ran out of memory")
        return {"percentiles_ms": {"99": 1.0}}

    found = run_scenarios(ask, Known(1.0, 1000.0), SETTINGS)
    assert found["offline"] == {"status": "failed", "reason": "it ran out of memory"}
    assert found["single_stream"] == {"percentiles_ms": {"99": 1.0}}
    assert (found["seconds"], found["note"]) == (0.3, "not MLPerf-compliant durations")


def test_scenarios_are_chosen_by_name(monkeypatch):
    assert choose_scenarios(None) == ()
    assert choose_scenarios("server, offline") == ("server", "offline")
    with pytest.raises(InputError, match="no scenario 'multi_stream': choose from single_stream, offline, server"):
        choose_scenarios("multi_stream")
    monkeypatch.setattr("edgetext.bench.scenarios.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"mlperf_loadgen.*edgetext\[bench\]"):
        choose_scenarios(",".join(SCENARIOS))
