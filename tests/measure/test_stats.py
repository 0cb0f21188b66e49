"""Ratios with intervals: exact cases, scipy's quantiles, and how often the intervals hold the truth."""

import math
from dataclasses import astuple

import numpy as np
import pytest
from scipy import stats

from edgetext.measure.stats import (
    mean_ratio,
    paired_ratio,
    percentiles,
    two_sided_quantile,
    typical_ratio,
    unpaired_ratio,
)

RUNS = 3000


@pytest.mark.parametrize("freedom", [1, 1.3, 2, 4, 7.9, 30, 400])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95])
def test_the_quantile_is_that_of_scipy(confidence, freedom):
    expected = stats.t.ppf(0.5 + confidence / 2, freedom)
    assert two_sided_quantile(confidence, freedom) == pytest.approx(expected, rel=1e-6)


def test_a_quantile_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"freedom >= 1, found 0.95 and 0"):
        two_sided_quantile(0.95, 0)


def test_a_paired_ratio_is_the_one_sample_t_interval_of_the_log_ratios():
    over, under = [8.0, 9.1, 7.7, 8.4], [2.0, 2.2, 2.0, 1.9]
    found = paired_ratio(over, under)
    logs = np.log(np.divide(over, under))
    low, high = stats.ttest_1samp(logs, 0).confidence_interval(0.95)
    assert (found.value, found.low, found.high) == pytest.approx(
        (math.exp(logs.mean()), math.exp(low), math.exp(high)), rel=1e-6
    )
    assert found.shows_difference and found.rounds == 4


def test_an_unpaired_ratio_is_welchs_interval_or_a_little_wider():
    over, under = [8.0, 9.1, 7.7, 8.4, 8.2], [7.0, 8.6, 8.1, 9.9]
    found = unpaired_ratio(over, under)
    low, high = stats.ttest_ind(np.log(over), np.log(under), equal_var=False).confidence_interval(0.95)
    assert found.low <= math.exp(low) + 1e-9 and found.high >= math.exp(high) - 1e-9
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)), rel=0.01)
    assert not found.shows_difference


def test_the_same_round_times_have_no_spread():
    found = unpaired_ratio([2.0, 2.0], [1.0, 1.0])
    assert (found.value, found.low, found.high) == pytest.approx((2, 2, 2))


def test_one_round_has_a_ratio_and_no_interval():
    for found in (paired_ratio([3.0], [2.0]), unpaired_ratio([3.0, 3.1], [2.0])):
        assert not found.bounded and not found.shows_difference
    assert paired_ratio([3.0], [2.0]).value == pytest.approx(1.5)


@pytest.mark.parametrize("rounds", [([1.0], [1.0, 2.0]), ([], []), ([1.0, 0.0], [1.0, 1.0])])
@pytest.mark.parametrize("ratio", [paired_ratio, typical_ratio])
def test_rounds_that_cannot_be_paired_are_refused(ratio, rounds):
    with pytest.raises(ValueError, match="expected"):
        ratio(*rounds)


def test_the_mean_of_rounds_ratios_is_their_paired_ratio():
    assert astuple(mean_ratio([4.0, 2.0])) == pytest.approx(astuple(paired_ratio([8.0, 6.0], [2.0, 3.0])))
    assert mean_ratio([4.0, 1.0]).value == pytest.approx(2)


def test_the_typical_ratio_is_not_that_of_the_medians():
    assert typical_ratio([2.0, 30.0, 8.0], [1.0, 10.0, 8.0]) == pytest.approx(2)
    assert typical_ratio([2.0, 3.0], [1.0, 6.0]) == pytest.approx(1)


def round_medians(random, rounds, *, texts=60, round_spread=0.05, skewed=False):
    """Medians of rounds, runs x rounds: text lengths, single calls, and the machine's state all vary."""
    length = random.lognormal(0, 0.3, (RUNS, rounds, texts))
    call = 1 + random.exponential(0.2, length.shape) if skewed else random.lognormal(0, 0.1, length.shape)
    state = np.exp(random.normal(0, round_spread, (RUNS, rounds, 1)))
    return length, np.median(length * call * state, axis=2)


@pytest.mark.parametrize("rounds", [5, 10])
@pytest.mark.parametrize("skewed", [False, True])
def test_95_percent_of_the_paired_intervals_hold_the_truth(rounds, skewed):
    random = np.random.default_rng(rounds)
    length, slow = round_medians(random, rounds, skewed=skewed)
    noise = random.lognormal(0, 0.1, length.shape) * np.exp(random.normal(0, 0.03, (RUNS, rounds, 1)))
    fast = np.median(length * noise, axis=2) / 4
    # A skewed call has no closed form for the median of a product: all simulated rounds together stand for it.
    truth = math.exp(np.log(slow / fast).mean()) if skewed else 4
    found = [paired_ratio(*pair) for pair in zip(slow.tolist(), fast.tolist(), strict=True)]
    assert 0.93 <= np.mean([ratio.low <= truth <= ratio.high for ratio in found]) <= 0.97


@pytest.mark.parametrize(("before", "after"), [(5, 5), (5, 10)])
def test_95_percent_of_the_unpaired_intervals_hold_the_truth(before, after):
    random = np.random.default_rng(before * after)
    _, old = round_medians(random, before)
    _, new = round_medians(random, after, round_spread=0.08)
    found = [unpaired_ratio(*pair) for pair in zip((1.05 * new).tolist(), old.tolist(), strict=True)]
    assert 0.93 <= np.mean([ratio.low <= 1.05 <= ratio.high for ratio in found]) <= 0.97


@pytest.mark.parametrize("rounds", [3, 5, 10])
def test_99_percent_intervals_hold_the_truth_in_99_of_100_cases(rounds):
    """The confidence that ``compare`` asks for, so that a row's figures hold together."""
    ratios = np.random.default_rng(7 * rounds).lognormal(math.log(1.05), 0.1, (RUNS, rounds)).tolist()
    found = [mean_ratio(each, 0.99) for each in ratios]
    assert 0.985 <= np.mean([ratio.low <= 1.05 <= ratio.high for ratio in found]) <= 0.995


@pytest.mark.parametrize("count", [1, 2, 3, 100, 300, 1001])
def test_percentiles_are_numpys(count):
    samples = np.random.default_rng(count).lognormal(size=count).tolist()
    found = percentiles(samples)
    assert [found.p50, found.p90, found.p99] == pytest.approx(np.percentile(samples, [50, 90, 99]).tolist())


def test_no_percentile_without_samples():
    with pytest.raises(ValueError, match="no percentile without samples"):
        percentiles([])
