from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgetext.errors import InputError
from edgetext.runtime.prediction import Scores, Scoring, check_top_k
from edgetext.task import MultiLabel, SingleLabel

logits = arrays(np.float32, (3, 4), elements=st.floats(-(2.0**126), 2.0**126, width=32))


def test_softmax_by_hand() -> None:
    given_logits = np.log(np.array([[1, 2, 5]], np.float32))
    found = Scoring(SingleLabel(("a", "b", "c"))).probabilities(given_logits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0.125, 0.25, 0.625]], rtol=1e-6)


def test_sigmoid_by_hand() -> None:
    found = Scoring(MultiLabel(("a", "b", "c"))).probabilities(np.log(np.array([[1, 3, 1 / 3]], np.float32)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0.5, 0.75, 0.25]], rtol=1e-6)


@given(logits)
def test_any_finite_logits_give_probabilities(values: np.ndarray) -> None:
    single = Scoring(SingleLabel(tuple("abcd"))).probabilities(values)
    np.testing.assert_allclose(single.sum(axis=1), 1, rtol=1e-5)
    multi = Scoring(MultiLabel(tuple("abcd"))).probabilities(values)
    assert np.all((multi >= 0) & (multi <= 1)) and np.all((single >= 0) & (single <= 1))


def test_single_label_prediction() -> None:
    found = Scoring(SingleLabel(("a", "b", "c"))).prediction(
        np.array([0.25, 0.625, 0.125], np.float32), truncated=True
    )
    assert (found.label, found.score, found.labels, found.truncated) == ("b", 0.625, ("b",), True)
    assert list(found.scores.items()) == [("b", 0.625), ("a", 0.25), ("c", 0.125)]


def test_top_k_keeps_the_highest() -> None:
    found = Scoring(SingleLabel(("a", "b", "c"))).prediction(np.array([0.25, 0.625, 0.125], np.float32), False, 2)
    assert list(found.scores) == ["b", "a"]


def test_equal_scores_go_to_the_first_label_as_argmax_does() -> None:
    assert Scoring(SingleLabel(("a", "b"))).prediction(np.array([0.5, 0.5], np.float32), False).label == "a"


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [
        ([0.9, 0.2, 0.8], ("a", "c")),
        ([0.6, 0.2, 0.1], ()),
        ([0.1, 0.3, 0.9], ("c", "b")),
        ([0.7, 0.1, 0.1], ("a",)),
    ],
)
def test_multi_label_has_a_threshold_a_label(probabilities: list[float], labels: tuple[str, ...]) -> None:
    scoring = Scoring(MultiLabel(("a", "b", "c"), thresholds=(0.7, 0.3, 0.5)))
    assert scoring.prediction(np.array(probabilities, np.float32), False, 1).labels == labels


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "2", True])
def test_top_k_must_be_a_positive_whole_number(wrong: object) -> None:
    with pytest.raises(InputError, match="top_k must be a whole number from 1 on"):
        check_top_k(wrong)  # type: ignore[arg-type]


def test_scores_behave_like_the_dictionary_they_stand_for():
    probabilities = np.array([0.25, 0.625, 0.125], np.float32)
    scores = Scores(("a", "b", "c"), probabilities)
    expected = {"b": 0.625, "a": 0.25, "c": 0.125}
    assert scores == expected
    assert list(scores.items()) == list(expected.items())
    assert (len(scores), scores["a"], repr(scores)) == (3, 0.25, repr(expected))
    assert len(Scores(("a", "b", "c"), probabilities, 2)) == 2
    assert "c" not in Scores(("a", "b", "c"), probabilities, 2)
    assert len(Scores(("a", "b", "c"), probabilities, 9)) == 3
    with pytest.raises(KeyError):
        scores["d"]
    assert pickle.loads(pickle.dumps(scores)) == expected


def test_an_answer_is_sure_from_the_least_confidence_on():
    scoring = Scoring(SingleLabel(("a", "b")), 0.75)
    assert scoring.prediction(np.array([0.75, 0.25], np.float32), False).sure
    unsure = scoring.prediction(np.array([0.5, 0.5], np.float32), False)
    assert (unsure.label, unsure.sure) == ("a", False)
    assert Scoring(SingleLabel(("a", "b"))).prediction(np.array([0.5, 0.5], np.float32), False).sure
    several = Scoring(MultiLabel(("a", "b")), 0.75)
    assert several.prediction(np.array([0.875, 0.125], np.float32), False).sure
    assert not several.prediction(np.array([0.875, 0.375], np.float32), False).sure
