"""Which rows no other beats: made-up points, ties among them, and the words for them."""

from dataclasses import replace
from pathlib import Path

import pytest

from edgetext.bench.cells import FRONTIER, figures, frontier_words, headings
from edgetext.bench.frontier import beats, compared, frontier, is_unbeaten
from edgetext.bench.results import Latency, Proportion, read_results
from edgetext.bench.rounds import mean_latency, mean_speedup
from edgetext.measure.stats import mean_of_rounds, mean_ratio, two_sided_quantile

RECORDED = read_results(Path(__file__).parents[1] / "data" / "bench" / "recorded.json")


def row(name, accuracy, *rounds):
    """A row that is right so often, and whose texts took so many milliseconds in each round."""
    samples = tuple(took for each in rounds for took in each)
    latency = Latency(1.0, 2.0, 3.0, samples, tuple(len(each) for each in rounds))
    figures = Proportion(accuracy, accuracy - 0.02, accuracy + 0.02)
    return replace(RECORDED.rows[1], backend="edgetext", variant=name, accuracy=figures, latency_ms=latency)


def run(*rows):
    return replace(RECORDED, rows=rows)


FAST, EVEN, GOOD = (
    row(name, right, (took,)) for name, right, took in (("a", 0.8, 1), ("b", 0.85, 2), ("c", 0.9, 4))
)
SLOWER, WORSE, BOTH = (
    row(name, right, (took,)) for name, right, took in (("d", 0.9, 5), ("e", 0.84, 2), ("f", 0.7, 9))
)


def test_it_holds_what_no_row_beats_fastest_first():
    assert frontier([BOTH, GOOD, SLOWER, FAST, WORSE, EVEN]) == [FAST, EVEN, GOOD]
    assert [is_unbeaten(run(FAST, EVEN, GOOD, SLOWER, WORSE, BOTH), one) for one in (EVEN, SLOWER, WORSE)] == [
        True, False, False,
    ]  # fmt: skip


def test_of_two_that_are_alike_in_both_neither_is_beaten():
    twin = replace(EVEN, variant="twin")
    assert not beats(EVEN, twin) and not beats(twin, EVEN)
    assert frontier([FAST, EVEN, twin, GOOD]) == [FAST, EVEN, twin, GOOD]


@pytest.mark.parametrize("other", [SLOWER, row("as fast and worse", 0.85, (4,)), BOTH])
def test_a_row_that_is_alike_in_one_and_behind_in_the_other_is_beaten(other):
    assert beats(GOOD, other) and not beats(other, GOOD)
    assert frontier([other, GOOD]) == [GOOD]


def test_the_mean_counts_and_not_the_median():
    mostly_fast = row("first stage", 0.9, (0.1,) * 9 + (50.0,))
    assert frontier([mostly_fast, GOOD]) == [GOOD]


def test_one_row_alone_has_no_frontier_and_unmeasured_ones_are_passed_over():
    unmeasured = RECORDED.rows[0]
    assert compared(run(FAST, unmeasured)) == [] and frontier_words(run(FAST, unmeasured)) == []
    assert FRONTIER not in headings(run(FAST, unmeasured))
    assert is_unbeaten(run(FAST, GOOD, unmeasured), unmeasured) is None


def test_words_and_table_say_which_rows_are_beaten_and_by_which():
    results = run(FAST, GOOD, BOTH, SLOWER)
    first, second = frontier_words(results)
    assert first.startswith("No row beats edgetext a in accuracy") and first.endswith("it beats edgetext f.")
    assert second.startswith("No row beats edgetext c in accuracy") and "edgetext f, edgetext d" in second
    place = headings(results).index(FRONTIER)
    assert [figures(results, one)[place] for one in results.rows] == ["yes", "yes", "beaten", "beaten"]
    assert frontier_words(run(FAST, GOOD))[0].endswith("it beats none.")


def test_a_mean_has_students_interval_of_its_rounds_means():
    one = row("x", 0.9, (1.0, 3.0), (3.0, 5.0), (2.0, 4.0))
    found = mean_latency(one)
    half = two_sided_quantile(0.95, 2) / 3**0.5  # the rounds' means are 2, 4 and 3
    assert (found.value, found.low, found.high) == pytest.approx((3.0, 3 - half, 3 + half))
    assert mean_of_rounds(3.0, [0.1, 9.0]).low == 0.0
    assert not mean_of_rounds(3.0, [3.0]).bounded
    assert one.latency_ms.mean_ms == 3.0 and replace(one.latency_ms, mean=2.5).mean_ms == 2.5


def test_the_mean_ratio_is_that_of_the_rounds_means():
    slow, fast = row("slow", 0.9, (1.0, 9.0), (10.0, 20.0)), row("fast", 0.9, (1.0, 1.0), (2.0, 3.0))
    assert mean_speedup(run(slow, fast), fast, slow) == mean_ratio([5.0, 6.0])
