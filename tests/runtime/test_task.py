"""What single label and multi label decide: encodings, probabilities, answers, confidence, averages of windows."""

import numpy as np
import pytest

from edgetext.task import PROBLEM_TYPES, TASKS, MultiLabel, SingleLabel

ONE = SingleLabel(("a", "b", "c"))
MANY = MultiLabel(("a", "b", "c"), thresholds=(0.5, 0.2, 0.9))
LOGITS = np.log(np.array([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]], np.float32))


def test_single_label_is_softmax_and_argmax():
    found = ONE.probabilities(LOGITS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.exp(LOGITS), rtol=1e-6)
    assert ONE.answers(found).tolist() == [1, 0]
    assert ONE.chosen(found[0]) == ("b",)
    np.testing.assert_allclose(ONE.confidence(found), [0.5, 0.7], rtol=1e-6)
    assert ONE.names(ONE.answers(found)) == [("b",), ("a",)]


def test_multi_label_is_a_sigmoid_and_a_threshold_each():
    logits = np.array([[0.0, -1.0, 2.0], [-5.0, -5.0, -5.0]], np.float32)
    found = MANY.probabilities(logits)
    np.testing.assert_allclose(found[0], [0.5, 0.268941, 0.880797], rtol=1e-5)
    assert MANY.answers(found).tolist() == [[True, True, False], [False, False, False]]
    assert MANY.chosen(found[0]) == ("a", "b")
    assert MANY.chosen(found[1]) == ()
    assert MANY.names(MANY.answers(found)) == [("a", "b"), ()]
    np.testing.assert_allclose(MANY.confidence(found[0]), 1 - 0.880797, rtol=1e-4)


def test_an_answer_gives_the_labels_that_it_has():
    first, last = np.array([True, False, False]), np.array([False, False, True])
    probabilities = np.array([[0.5, 0.1, 0.4], [0.1, 0.1, 0.95], [0.4, 0.1, 0.6]], np.float32)
    assert ONE.gives(probabilities, first).tolist() == [True, False, False]
    assert ONE.gives(probabilities, last).tolist() == [False, True, True]
    assert MANY.gives(probabilities, first).tolist() == [True, False, False]
    assert MANY.gives(probabilities, last).tolist() == [False, True, False]
    assert not MANY.gives(probabilities[1], first) and ONE.gives(probabilities[0], first)


def test_labels_without_thresholds_are_given_from_a_half_on():
    assert MultiLabel(("a", "b")).limits.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("task", [ONE, MANY])
def test_huge_logits_stay_finite(task):
    found = task.probabilities(np.array([[8e37, -8e37, 0.0]], np.float32))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[0, :2], [1, 0])


def test_a_temperature_changes_probabilities_and_no_single_label_answer():
    warm = SingleLabel(ONE.labels, temperature=2.0)
    np.testing.assert_allclose(warm.probabilities(LOGITS), ONE.probabilities(LOGITS / 2), rtol=1e-6)
    assert warm.answers(warm.probabilities(LOGITS)).tolist() == [1, 0]
    many = MultiLabel(MANY.labels, 4.0, MANY.thresholds)
    np.testing.assert_allclose(many.probabilities(LOGITS), MANY.probabilities(LOGITS / 4), rtol=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("kind", [SingleLabel, MultiLabel])
def test_windows_average_to_the_mean_of_their_probabilities(kind, temperature):
    task = kind(("a", "b", "c"), temperature)
    windows = np.array([[4.0, -1.0, 0.5], [-2.0, 3.0, 1.0]], np.float32)
    found = task.probabilities(task.average(windows))
    np.testing.assert_allclose(found, task.probabilities(windows).mean(axis=0), rtol=1e-5)


def test_labels_are_encoded_as_the_loss_and_the_answers_want_them():
    assert ONE.encode([("c",), ("a",)]).tolist() == [2, 0]
    assert ONE.targets([("c",)]) == [2]
    assert MANY.encode([("a", "c"), ()]).tolist() == [[True, False, True], [False, False, False]]
    assert MANY.targets([("b",), ()]) == [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    with pytest.raises(KeyError):
        MANY.encode([("d",)])


def test_answers_are_the_same_where_all_labels_are():
    assert ONE.same(np.array([1, 2]), np.array([1, 0])).tolist() == [True, False]
    rows = np.array([[True, False, False], [True, True, False]])
    assert MANY.same(rows, np.array([[True, False, False], [True, False, False]])).tolist() == [True, False]


def test_tasks_are_found_by_both_names():
    assert TASKS["multi_label"] is PROBLEM_TYPES["multi_label_classification"] is MultiLabel
    assert TASKS["single_label"] is PROBLEM_TYPES["single_label_classification"] is SingleLabel
