"""The paired statistics against published figures, and their coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from edgetext.metrics.paired import (
    PairedCounts,
    count_pairs,
    mcnemar_exact,
    paired_difference,
    score_difference,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        # Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014), the airway example: Tango's interval.
        (PairedCounts(both=1, only_reference=7, only_candidate=1, neither=12), -0.517, -0.026),
        # No changed answer in n texts: z^2 / (n + z^2), whatever share of them is right.
        (PairedCounts(both=190, only_reference=0, only_candidate=0, neither=10), -0.018845, 0.018845),
        (PairedCounts(both=400, only_reference=0, only_candidate=0, neither=0), -0.009512, 0.009512),
    ],
)
def test_score_interval_matches_published_figures(counts, low, high):
    found = score_difference(counts)
    assert found.low == pytest.approx(low, abs=5e-4)
    assert found.high == pytest.approx(high, abs=5e-4)


def test_the_two_directions_mirror_each_other():
    one = score_difference(PairedCounts(80, 9, 4, 7))
    other = score_difference(PairedCounts(80, 4, 9, 7))
    assert one.value == pytest.approx(-0.05)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)


@pytest.mark.parametrize(("lost", "won", "n"), [(0.0102, 0.0, 400), (0.0152, 0.005, 400), (0.0302, 0.02, 3000)])
def test_interval_covers_the_truth_at_the_stated_rate(lost, won, n):
    rng = np.random.default_rng(7)
    tables = rng.multinomial(n, [0.93 - lost, lost, won, 0.07 - won], size=2000)
    differences = [score_difference(PairedCounts(*map(int, table))) for table in tables]
    covered = np.mean([found.low <= won - lost <= found.high for found in differences])
    assert 0.94 <= covered <= 0.98


def test_wilson_interval_matches_the_formula_and_its_ends():
    # Agresti and Coull (1998): 0 of 10 gives 0 to z^2 / (10 + z^2).
    assert (wilson_interval(0, 10).low, wilson_interval(0, 10).high) == pytest.approx((0, 0.27753), abs=1e-5)
    assert wilson_interval(10, 10).high == 1.0
    assert (wilson_interval(81, 263).low, wilson_interval(81, 263).high) == pytest.approx(
        (0.2553, 0.3662), abs=1e-4
    )


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_wilson_interval_refuses_what_is_no_proportion(successes, n):
    with pytest.raises(ValueError, match="successes"):
        wilson_interval(successes, n)


def test_pairs_are_counted_cell_by_cell():
    counts = count_pairs([True, True, True, False, False], [True, True, False, True, False])
    assert counts == PairedCounts(both=2, only_reference=1, only_candidate=1, neither=1)
    assert paired_difference([True] * 4, [True] * 3 + [False]).value == pytest.approx(-0.25)
    with pytest.raises(ValueError, match="same texts"):
        count_pairs([True], [])


def test_scaled_counts_round_against_the_candidate():
    assert PairedCounts(95, 1, 1, 3).scaled(150) == PairedCounts(142, 2, 1, 5)


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (0, 5), (3, 9), (7, 7), (1200, 1310), (0, 2000)])
def test_mcnemars_p_is_that_of_the_binomial_test(lost, won):
    expected = binomtest(won, won + lost).pvalue if won + lost else 1.0
    assert mcnemar_exact(PairedCounts(5, lost, won, 3)) == pytest.approx(expected, rel=1e-9)
