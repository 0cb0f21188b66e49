"""Two runs compared: what got worse is found by its interval, what cannot be compared is refused."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from edgetext.bench.compare import METRICS, Change, Limit, compare, read_limit, regressions
from edgetext.bench.results import Latency, Results, Throughput, read_results
from edgetext.errors import DataError, InputError

RECORDED = read_results(Path(__file__).parents[1] / "data" / "bench" / "recorded.json")
ROUNDS, TEXTS = 8, 20


def run(*, factor=1.0, spread=0.01, seed=0, states=(1.0,) * ROUNDS, **fields) -> Results:
    """One row, in rounds whose latencies differ by ``spread``, on a machine that is slower by ``states``."""
    chance = random.Random(seed)
    samples = []
    for slower in states:
        state = factor * slower * chance.lognormvariate(0, spread)
        samples += [state * chance.lognormvariate(0, 0.2) for _ in range(TEXTS)]
    rates = tuple(1000 / (factor * slower * chance.lognormvariate(0, spread)) for slower in states)
    latency = Latency(factor, 1.3 * factor, 1.6 * factor, tuple(samples), (TEXTS,) * ROUNDS)
    row = replace(
        RECORDED.row("edgetext", "int8"),
        latency_ms=latency,
        throughput_per_s=Throughput(1000 / factor, 32, 256, rates),
        about={"starts_ms": [160.0 * slower for slower in states]},
    )
    return replace(RECORDED, rows=(replace(row, **fields),))


def only(old, new, metric) -> Change:
    (pair,) = compare(old, new).pairs
    assert pair.name == "edgetext int8 cpu"
    return pair.change(metric)


def test_a_slower_program_is_found_in_latency_and_throughput():
    old, new = run(), run(factor=1.3, seed=1)
    for metric in ("p50", "throughput"):
        change = only(old, new, metric)
        assert change.low < 30 < change.high and change.verdict == "worse"
        assert only(new, old, metric).verdict == "better"


@pytest.mark.parametrize("same_rounds", [False, True])
def test_the_same_program_shows_no_difference_in_any_figure(same_rounds):
    """Some figure is called changed in 5 of 100 rows at most; with 95 % for each by itself it is in 60 of 400."""
    wrong = 0
    for seed in range(400):
        old, new = (replace(run(seed=each), run="the same" if same_rounds else "") for each in (seed, 400 + seed))
        (pair,) = compare(old, new).pairs
        wrong += any(change.verdict != "no difference shown" for change in pair.changes)
    assert wrong <= 26


def test_rounds_of_one_run_are_compared_one_by_one():
    states = (1.0, 1.6, 0.9, 2.1, 1.2, 1.0, 1.8, 1.4)
    old, new = run(states=states), run(states=states, factor=1.2, seed=1)
    together = [replace(results, run="the same") for results in (old, new)]
    for metric in ("p50", "throughput"):
        assert only(old, new, metric).verdict == "no difference shown"
        change = only(*together, metric)
        assert 4 < change.low < 20 < change.high < 35 and change.verdict == "worse"
    assert only(old, new, "first").low < -10 and only(old, new, "first").high > 10
    assert only(*together, "first") == Change("first", 0.0, 0.0, 0.0)
    assert (
        compare(*together).notes[0] == "both were measured in the same rounds: each round is compared with itself"
    )
    assert compare(old, new).notes[0].startswith("measured in different runs: what moved the machine in between")
    assert compare(old, replace(new, run="another")).notes == compare(old, new).notes


def timed(samples, work):
    """A row whose texts, and whose slices of one text each, took so long."""
    took = tuple(work * sample for sample in samples)
    rounds, rates = (TEXTS,) * ROUNDS, tuple(1 / each for each in took)
    latency = Latency(1.0, 1.0, 1.0, took, rounds)
    medians = (1.0,) * ROUNDS
    return replace(
        run().rows[0], latency_ms=latency, throughput_per_s=Throughput(1.0, 1, 1, medians, rates, rounds)
    )


def test_rounds_of_one_run_are_compared_text_by_text():
    """Texts whose lengths differ by far, and 5 percent more time for each: the medians of rounds do not show it."""
    chance = random.Random(3)
    lengths = [chance.lognormvariate(0, 1) for _ in range(ROUNDS * TEXTS)]
    times = [[length * chance.lognormvariate(0, 0.05) for length in lengths] for _ in range(2)]
    rows = [timed(samples, work) for samples, work in zip(times, (1.0, 1.05), strict=True)]
    old, new = (replace(run(), rows=(row,), run="the same") for row in rows)
    for metric in ("p50", "throughput"):
        change = only(old, new, metric)
        assert 1 < change.low < 5 < change.high < 8 and change.verdict == "worse"
    apart = [replace(results, run="") for results in (old, new)]
    assert only(*apart, "p50").verdict == "no difference shown"


def test_rounds_that_one_of_both_lacks_are_left_out():
    old = replace(run(), run="the same")
    latency = old.rows[0].latency_ms
    short = replace(latency, samples=latency.samples[: 5 * TEXTS], rounds=latency.rounds[:5])
    new = replace(old, rows=(replace(old.rows[0], latency_ms=short),))
    assert only(old, new, "p50") == Change("p50", 0.0, 0.0, 0.0)


def test_a_limit_is_broken_when_the_whole_interval_lies_beyond_it():
    comparison = compare(run(), run(factor=1.5, seed=1))
    change = comparison.pairs[0].change("p50")
    assert regressions(comparison, [Limit("p50", change.low + 0.01)]) == []
    (said,) = regressions(comparison, [Limit("p50", 10), Limit("accuracy", 0)])
    assert said.startswith("edgetext int8 cpu: p50 +") and said.endswith("] worse, beyond p50>10%")


def test_every_metric_is_compared():
    (pair,) = compare(run(), run(peak_memory_mb=110.2, seed=1)).pairs
    assert [change.metric for change in pair.changes] == [name for name in METRICS if name != "micro_f1"]
    memory = pair.change("peak_memory")
    assert memory.worse == memory.low == memory.high == pytest.approx(10, abs=0.5)


def test_lost_answers_are_points_of_accuracy():
    right = RECORDED.data.expected
    wrong = tuple(1 - label if place < 30 else label for place, label in enumerate(right))
    change = only(run(predictions=right), run(predictions=wrong), "accuracy")
    assert change.worse == pytest.approx(3000 / len(right)) and change.low > 0


def test_a_busy_machine_is_told_of_either_run():
    calm = run()
    busy = replace(calm, environment={**calm.environment, "other_load_cores": 0.5})
    assert compare(calm, busy).notes[-1].startswith("NEW: Other programs took 25 % of the machine's time")
    assert compare(busy, calm).notes[-1].startswith("OLD: Other programs took 25 %")
    assert not any("Other programs" in note for note in compare(calm, calm).notes)
    once = replace(busy, run="the same")
    (note,) = (note for note in compare(once, once).notes if "Other programs" in note)
    assert note.startswith("Other programs took 25 %")


def test_a_row_that_fails_now_is_a_regression():
    new = run(status="failed", reason="it crashed")
    both = replace(RECORDED, rows=(*run().rows,))
    comparison = compare(both, new)
    assert regressions(comparison, []) == []
    assert regressions(comparison, [Limit("p50", 10)]) == [
        "edgetext int8 cpu was measured in OLD and failed in NEW: it crashed"
    ]


def test_what_differs_beside_the_figures_is_told():
    new = run(seed=1)
    libraries = {**new.environment["libraries"], "numpy": "3.0"}
    other = replace(
        new, environment={**new.environment, "libraries": libraries}, settings={**new.settings, "batch": 8}
    )
    notes = compare(RECORDED, other).notes
    assert "the setting batch is 32 in OLD and 8 in NEW" in notes
    assert "numpy: 2.4.6 in OLD, 3.0 in NEW" in notes
    assert "torch-cpu fp32 cpu is in OLD only" in notes


def test_incomparable_runs_are_refused():
    old = run()
    with pytest.raises(DataError, match="measured on different rows"):
        compare(old, replace(old, data=replace(old.data, fingerprint="cd" * 32)))
    with pytest.raises(InputError, match="compare runs of the same machine"):
        compare(old, replace(old, environment={**old.environment, "host": "another"}))
    with pytest.raises(InputError, match="with 2 threads and NEW with 1: compare runs with the same --threads"):
        compare(old, run(threads=1))
    with pytest.raises(InputError, match="no measured row in common"):
        compare(old, run(variant="fp32"))
    with pytest.raises(InputError, match="more than once: compare files that are not merged"):
        compare(replace(old, rows=old.rows * 2), old)
    with pytest.raises(InputError, match=r"--fail-if p50>5%: no row has p50 in both runs, with its rounds"):
        regressions(compare(RECORDED, RECORDED), [Limit("p50", 5)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p50", "is not of the form"), ("p50>ten%", "is not of the form"), ("p50<5%", "is not of the form"),
        ("p51>5%", "there is no metric 'p51': choose from p50, p90"),
    ],
)  # fmt: skip
def test_a_limit_of_another_form_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        read_limit(text)


def test_a_limit_is_read():
    assert read_limit(" p99 > 2.5 % ") == Limit("p99", 2.5)
    assert str(Limit("p99", 2.5)) == "p99>2.5%"
