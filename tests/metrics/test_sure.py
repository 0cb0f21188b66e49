"""The confidence from which on answers are sure: what it promises holds, and it is not given away for nothing."""

from __future__ import annotations

import numpy as np
import pytest

from edgetext.metrics.sure import choose_confidence


def draw(rng, texts):
    """Answers that are right as often as they are confident."""
    confidences = rng.beta(6, 0.6, texts).astype(np.float32)
    return confidences, rng.random(texts) < confidences


def test_the_promise_is_kept_in_nineteen_of_twenty_draws():
    rng = np.random.default_rng(1)
    broken = found = 0
    truth = draw(rng, 400_000)
    for _ in range(200):
        sure = choose_confidence(*draw(rng, 1000), 0.97)
        if sure is not None:
            found += 1
            broken += truth[1][truth[0] >= sure.threshold].mean() < 0.97
    assert found >= 150
    assert broken <= 16  # at a true rate of 5 % there are more than 16 of 200 in 2 % of draws


def test_all_right_answers_are_all_sure():
    confidences = np.linspace(0.5, 1, 400, dtype=np.float32)
    sure = choose_confidence(confidences, np.ones(400, bool), 0.98)
    assert (sure.threshold, sure.share, sure.precision) == (0.5, 1.0, 1.0)


def test_wrong_answers_below_are_left_out():
    confidences = np.linspace(0, 1, 1000, dtype=np.float32)
    sure = choose_confidence(confidences, confidences > 0.3, 0.98)
    assert 0.27 < sure.threshold < 0.35
    assert sure.precision >= 0.98


def test_too_few_texts_show_nothing():
    # 0.98 ** n <= 0.05 takes 149 answers without a fault.
    assert choose_confidence(np.ones(140, np.float32), np.ones(140, bool), 0.98) is None
    assert choose_confidence(np.linspace(0, 1, 160, dtype=np.float32), np.ones(160, bool), 0.98) is not None


def test_surest_answers_that_are_wrong_show_nothing():
    confidences = np.linspace(0, 1, 1000, dtype=np.float32)
    assert choose_confidence(confidences, confidences < 0.95, 0.98) is None


@pytest.mark.parametrize("precision", [0.9, 0.99])
def test_equal_confidences_are_sure_together_or_not_at_all(precision):
    confidences = np.repeat(np.array([0.9, 0.5], np.float32), 500)
    right = np.arange(1000) % 500 >= np.where(np.arange(1000) < 500, 1, 200)
    sure = choose_confidence(confidences, right, precision)
    assert (sure.threshold, sure.share) == (pytest.approx(0.9), 0.5)
