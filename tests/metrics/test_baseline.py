"""TF-IDF with logistic regression: every task, and texts that other models choke on."""

from __future__ import annotations

import numpy as np
import pytest

from edgetext.metrics import baseline
from edgetext.metrics.baseline import FOLDS, cross_fitted_baseline, fit_baseline
from edgetext.task import MultiLabel, SingleLabel
from heard import Heard

SINGLE = [("soup", "food"), ("bread", "food"), ("dog", "pet"), ("cat", "pet"), ("rain", "sky"), ("snow", "sky")]


@pytest.mark.parametrize("count", [4, 6])
def test_one_label_of_two_or_more(count: int) -> None:
    rows = SINGLE[:count]
    task = SingleLabel(tuple(dict.fromkeys(label for _, label in rows)))
    model = fit_baseline(task, [text for text, _ in rows], [(label,) for _, label in rows])
    logits = model.logits(["hot soup", "a dog"])
    assert logits.shape == (2, len(task.labels)) and logits.dtype == np.float32
    assert task.names(task.answers(task.probabilities(logits))) == [("food",), ("pet",)]


def test_several_labels_none_and_one_that_every_row_has() -> None:
    task = MultiLabel(("all", "hot", "wet"))
    texts, labels = (
        ["soup", "rain", "bread", "sun"],
        [("all", "hot", "wet"), ("all", "wet"), ("all",), ("all", "hot")],
    )
    logits = fit_baseline(task, texts, labels).logits(texts)
    assert logits.shape == (4, 3)
    assert (logits[:, 2].argsort()[2:] < 2).all()


def test_pairs_and_texts_without_words() -> None:
    task = SingleLabel(("a", "b"))
    model = fit_baseline(task, [("🍕", "!"), ("🐶", "?")], [("a",), ("b",)])
    assert model.logits([("🍕", "!")]).argmax() == 0


def test_of_too_many_rows_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "MOST_DECISIONS", 12)
    task = SingleLabel(("food", "pet", "sky"))
    model = fit_baseline(task, [text for text, _ in SINGLE], [(label,) for _, label in SINGLE])
    assert model.rows == 4
    assert model.logits(["soup"]).shape == (1, 3)


def test_a_row_is_judged_by_the_others() -> None:
    task, heard = SingleLabel(("food", "pet")), Heard()
    texts = [f"{word} number {place}" for place in range(10) for word in ("soup", "dog")]
    labels = [("food",), ("pet",)] * 10
    labels[0] = ("pet",)  # wrongly: the soups of the other folds say so
    found = cross_fitted_baseline(task, texts, labels, 7, heard)
    assert found.shape == (20, 2) and found.dtype == np.float32
    assert task.names(task.answers(found)) == [("food",), ("pet",)] * 10
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert ("hints", FOLDS, FOLDS) in heard.steps
    np.testing.assert_array_equal(found, cross_fitted_baseline(task, texts, labels, 7, heard))


def test_a_label_of_one_row_is_never_hinted_at_for_it() -> None:
    task = SingleLabel(("food", "pet", "sky"))
    rows = [("soup", "food"), ("bread", "food"), ("dog", "pet"), ("cat", "pet"), ("snow", "sky")]
    found = cross_fitted_baseline(task, [text for text, _ in rows], [(label,) for _, label in rows], 0, Heard())
    assert found[4, 2] == 0 and found[4].sum() == pytest.approx(1)
