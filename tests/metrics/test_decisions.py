"""Temperature and thresholds: what is planted is found, and few rows do not carry them away."""

from __future__ import annotations

import numpy as np
import pytest

from edgetext.metrics.calibration import calibration_error
from edgetext.metrics.decisions import best_threshold, cross_fitted, fit_task, fit_temperature, fit_thresholds
from edgetext.task import MultiLabel, SingleLabel, Task

LABELS = tuple("abcd")


def drawn(task: Task, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws logits, and what is right at just the probabilities that they speak of."""
    rng = np.random.default_rng(7)
    logits = rng.normal(0, 2, (rows, len(LABELS))).astype(np.float32)
    chances = task.probabilities(logits)
    if task.one_label:
        return logits, (chances.cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)
    return logits, rng.random(chances.shape) < chances


@pytest.mark.parametrize("kind", [SingleLabel, MultiLabel])
@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_logits_that_are_too_large_or_small_are_put_right(kind: type[Task], factor: float) -> None:
    logits, truth = drawn(kind(LABELS), 4000)
    task = fit_task(kind(LABELS), logits * np.float32(factor), truth)
    assert task.temperature == pytest.approx(factor, rel=0.1)
    before = calibration_error(kind(LABELS), kind(LABELS).probabilities(logits * np.float32(factor)), truth)
    after = calibration_error(task, task.probabilities(logits * np.float32(factor)), truth)
    assert after < 0.03 and (factor == 1 or after < before / 2)


def test_few_rows_that_are_all_right_do_not_ask_for_certainty() -> None:
    logits = np.eye(4, dtype=np.float32)
    assert 0.1 < fit_temperature(SingleLabel(LABELS), logits, np.arange(4)) < 1


def test_a_temperature_changes_no_answer() -> None:
    logits, truth = drawn(SingleLabel(LABELS), 200)
    answers = cross_fitted(SingleLabel(LABELS), logits, truth, seed=1)
    assert (answers == logits.argmax(axis=1)).all()


def test_the_best_threshold_by_hand() -> None:
    given = np.array([0.9, 0.8, 0.4, 0.3, 0.1], np.float32)
    # 3 given: 2 right of 2 there and 3 given, F1 0.8; at 0.35
    assert best_threshold(given, np.array([1, 0, 1, 0, 0], bool)) == pytest.approx(0.35)
    assert best_threshold(given, np.array([1, 1, 0, 0, 0], bool)) == pytest.approx(0.6)
    assert best_threshold(given, np.zeros(5, bool)) == 0.5
    assert best_threshold(np.array([0.5, 0.5, 0.5, 0.1], np.float32), np.array([1, 0, 0, 0], bool)) < 0.5


def test_a_label_with_many_rows_has_its_own_threshold_and_one_with_few_that_of_all() -> None:
    rng = np.random.default_rng(3)
    truth = np.zeros((2000, 3), bool)
    truth[:1000, 0], truth[1000:, 1], truth[0, 2] = True, True, True
    chances = np.where(truth, [0.3, 0.9, 0.6], [0.1, 0.7, 0.01]) + rng.uniform(-0.05, 0.05, truth.shape)
    first, second, rare = fit_thresholds(chances.astype(np.float32), truth)
    assert 0.15 < first < 0.3 and 0.7 < second < 0.9
    shared = best_threshold(chances.astype(np.float32).ravel(), truth.ravel())
    assert abs(rare - shared) < 0.05


def test_figures_are_of_thresholds_that_did_not_see_the_row() -> None:
    """Labels that logits say nothing of: thresholds that saw them find some by chance, and others none."""
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 1, (60, 4)).astype(np.float32)
    truth = rng.random((60, 4)) < 0.1
    task = MultiLabel(LABELS)
    seen = fit_task(task, logits, truth)
    told = cross_fitted(task, logits, truth, seed=1)

    def right(answers: np.ndarray) -> float:
        return 2 * (answers & truth).sum() / (answers.sum() + truth.sum())

    assert right(told) < right(seen.answers(seen.probabilities(logits)))
    assert (cross_fitted(task, logits, truth, seed=1) == told).all()
