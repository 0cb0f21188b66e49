"""Calibration error against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgetext.metrics import calibration
from edgetext.task import MultiLabel, SingleLabel

ONE = SingleLabel(("a", "b"))


def calibration_error(probabilities, truth, task=ONE):
    return calibration.calibration_error(task, probabilities, truth)


def two_labels(confidences):
    first = np.array(confidences, np.float32)
    return np.stack([first, 1 - first], axis=1)


def test_each_bin_counts_by_its_texts():
    # Three texts at 0.9, of which two are right, and one at 0.6 that is right: 3/4 * |2/3 - 0.9| + 1/4 * |1 - 0.6|.
    probabilities = two_labels([0.9, 0.9, 0.9, 0.6])
    assert calibration_error(probabilities, np.array([0, 0, 1, 0])) == pytest.approx(0.275, abs=1e-6)


def test_texts_of_one_bin_even_out_and_of_two_do_not():
    # 0.94 and 0.99 share the last of 15 bins (0.933 to 1): half are right, 0.965 was said.
    assert calibration_error(two_labels([0.94, 0.99]), np.array([0, 1])) == pytest.approx(0.465, abs=1e-6)
    # 0.92 lies in the bin below: |1 - 0.92| / 2 + |0 - 0.99| / 2.
    assert calibration_error(two_labels([0.92, 0.99]), np.array([0, 1])) == pytest.approx(0.535, abs=1e-6)


@pytest.mark.parametrize(("truth", "error"), [([0, 0], 0.0), ([1, 1], 1.0)])
def test_certain_answers_err_by_the_share_of_wrong_ones(truth, error):
    assert calibration_error(two_labels([1.0, 1.0]), np.array(truth)) == error


def test_multi_label_holds_every_probability_against_how_often_the_label_is_there():
    probabilities = np.array([[0.1, 0.8], [0.1, 0.8]], np.float32)
    truth = np.array([[False, True], [True, False]])
    # Half of the labels given 0.1 are there, and half of those given 0.8: (0.4 + 0.3) / 2.
    many = MultiLabel(("a", "b"))
    assert calibration_error(probabilities, truth, many) == pytest.approx(0.35, abs=1e-6)
    assert calibration_error(truth.astype(np.float32), truth, many) == 0.0


def test_answers_drawn_at_their_probabilities_are_calibrated():
    rng = np.random.default_rng(5)
    probabilities = two_labels(rng.uniform(0.5, 1, 20_000))
    truth = (rng.random(20_000) >= probabilities[:, 0]).astype(int)
    assert calibration_error(probabilities, truth) < 0.02
    sharpened = probabilities**4 / (probabilities**4).sum(axis=1, keepdims=True)
    assert calibration_error(sharpened, truth) > 0.1
