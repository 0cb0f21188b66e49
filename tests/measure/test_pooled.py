"""Ratios whose spreads are judged together: exact cases, scipy's functions, and how often further runs are held."""

import math

import numpy as np
import pytest
from scipy import special, stats

from edgetext.measure import pooled
from edgetext.measure.pooled import LEAST_PROGRAMS, ratios_together

RUNS = 1500


@pytest.mark.parametrize("x", [0.05, 0.5, 1, 2, 4.5, 30])
def test_the_functions_are_those_of_scipy(x):
    assert pooled._digamma_less_log(x) == pytest.approx(special.digamma(x) - math.log(x), rel=1e-5)
    assert pooled._trigamma(x) == pytest.approx(special.polygamma(1, x), rel=1e-5)


def half_width(ratio):
    return math.log(ratio.high / ratio.value)


def test_a_few_programs_are_judged_by_their_own_rounds():
    rounds = [[2.0, 2.1, 2.3, 2.2], [5.0, 7.0, 6.0], [1.0, 1.1, 0.9]]
    assert len(rounds) < LEAST_PROGRAMS
    first, second, _ = ratios_together(rounds)
    logs = np.log(rounds[0])
    expected = stats.t.ppf(1 - 0.025 / 2, 3) * math.sqrt(2 / 4) * logs.std(ddof=1)  # two further runs: Bonferroni
    assert (first.value, first.rounds, second.rounds) == (pytest.approx(math.exp(logs.mean())), 4, 3)
    assert half_width(first) == pytest.approx(expected, rel=1e-6)


def test_where_spreads_differ_by_chance_the_others_count_as_much_as_the_own():
    steps = np.array([-2, -1, 0, 1, 2]) / math.sqrt(2.5)  # of variance 1
    spreads = [0.10, 0.11, 0.09, 0.10]
    rounds = [np.exp(spread * steps).tolist() for spread in spreads]
    narrow, *_ = ratios_together([np.exp(0.08 * steps).tolist(), *rounds])
    shared = math.exp(np.log(np.square([0.08, *spreads])).mean())  # d0 = d: what chance takes cancels out
    error = math.sqrt((0.08**2 + shared) / 2 * 2 / 5)
    assert half_width(narrow) == pytest.approx(stats.t.ppf(0.9875, 8) * error, rel=1e-6)


def test_a_quiet_program_among_wild_ones_stays_quiet():
    random = np.random.default_rng(3)
    quiet = random.lognormal(0, 0.001, (6, 5)).tolist()
    wild = random.lognormal(0, 0.3, (9, 5)).tolist()
    widths = [half_width(ratio) for ratio in ratios_together(quiet + wild)]
    own = [half_width(ratios_together([rounds])[0]) for rounds in quiet]
    assert max(widths[:6]) < 2 * max(own) < 0.05 * min(widths[6:])


def test_equal_rounds_and_single_ones_are_no_obstacle():
    same, single, *_ = ratios_together(
        [[2.0] * 5, [3.0], *np.random.default_rng(1).lognormal(0, 0.1, (5, 5)).tolist()]
    )
    assert same.bounded and same.low < 2 < same.high  # the others say that it was chance
    assert not single.bounded and single.value == pytest.approx(3)
    (alone,) = ratios_together([[2.0] * 5])
    assert (alone.low, alone.high) == pytest.approx((2, 2))


@pytest.mark.parametrize("rounds", [[[]], [[1.0], [1.0, 0.0]]])
def test_what_is_no_ratio_is_refused(rounds):
    with pytest.raises(ValueError, match="at least one ratio of every program, all of them positive"):
        ratios_together(rounds)


def simulate(random, spreads, reference, rounds):
    """Gives log ratios, programs x runs of the bench x rounds: the reference's spread is in all."""
    shared = random.normal(0, reference, (1, RUNS, rounds))
    return shared - random.normal(0, 1, (len(spreads), RUNS, rounds)) * np.reshape(spreads, (-1, 1, 1))


@pytest.mark.parametrize("rounds", [3, 5, 10])
@pytest.mark.parametrize(
    "spreads",
    [
        pytest.param([0.1] * LEAST_PROGRAMS, id="few programs"),
        pytest.param([0.1] * 15, id="alike"),
        pytest.param([0.1] * 8 + [0.3] * 7, id="two kinds"),
        pytest.param([0.01] * 5 + [0.15] * 10, id="a quiet device among others"),
    ],
)
def test_both_of_two_further_runs_are_held_in_95_of_100_cases(spreads, rounds):
    random = np.random.default_rng(rounds)
    first, *further = (simulate(random, spreads, spreads[0], rounds) for _ in range(3))
    found = [ratios_together(np.exp(run).tolist()) for run in first.swapaxes(0, 1)]
    low, high = (np.log([[getattr(ratio, end) for ratio in run] for run in found]) for end in ("low", "high"))
    means = [run.mean(axis=2).T for run in further]
    held = np.all([(low <= mean) & (mean <= high) for mean in means], axis=0)
    assert 0.93 <= held.mean() <= 0.97
    assert held.mean(axis=0).min() > 0.85  # of a program that spreads more than most
