"""What went wrong, by value, on answers in which mistakes were planted."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from edgetext.errors import ModelError
from edgetext.metrics.f1 import f1
from edgetext.mistakes.answers import Answered
from edgetext.mistakes.facts import find_mistakes
from edgetext.mistakes.label_errors import out_of_fold, suspects
from edgetext.mistakes.plots import heat
from edgetext.mistakes.words import headlines, sections
from edgetext.progress import Silent

EPOCHS = [{"step": 9 * number, "epoch": number, "loss": 1 / number, "accuracy": 0.8} for number in (1, 2, 3)]
STEPS = [{"step": number, "epoch": number / 3, "loss": 3.0, "learning_rate": 1e-4} for number in range(1, 10)]


def planted_texts(rng, labels: int, rows: int, errors: int):
    """Makes texts of words that belong to one label, and turns some of their labels."""
    truth = rng.integers(0, labels, rows)
    texts = [" ".join(f"w{label}x{word}" for word in rng.integers(0, 12, 8)) for label in truth]
    wrong = rng.choice(rows, errors, replace=False)
    given = truth.copy()
    given[wrong] = (truth[wrong] + 1 + rng.integers(0, labels - 1, errors)) % labels
    return texts, truth, given, set(wrong.tolist())


def test_a_swapped_pair_of_labels_is_the_first_confusion(banking):
    found = find_mistakes(banking, Silent())
    first, second = found.confusions
    assert (first.truth, first.answer, first.count, first.rows) == ("card", "cash", 8, 28)
    assert (second.truth, second.answer, second.count, second.rows) == ("fee", "loan", 3, 23)
    assert [case.text for case in first.examples] == ["swapped 0", "swapped 1", "swapped 2"]
    assert found.scores["accuracy"].value == pytest.approx(100 / 111)
    assert found.scores["accuracy"].low < 100 / 111 < found.scores["accuracy"].high


def test_the_surest_mistake_comes_first_and_every_mistake_is_there(banking):
    cases = find_mistakes(banking, Silent()).cases
    assert len(cases) == 11
    assert (cases[0].row, cases[0].labels, cases[0].answer) == (104, ("card",), ("cash",))
    assert cases[0].confidence == pytest.approx(0.99)
    assert [case.confidence for case in cases] == sorted((case.confidence for case in cases), reverse=True)


def test_the_label_found_least_comes_first_with_wilson_s_interval(banking):
    found = find_mistakes(banking, Silent())
    card = found.per_label[0]
    assert (card.rows, card.given) == (28, 20)
    assert (card.recall.value, card.precision.value) == (pytest.approx(20 / 28), 1.0)
    assert (card.recall.low, card.recall.high) == (pytest.approx(0.529, abs=1e-3), pytest.approx(0.847, abs=1e-3))
    table = next(section for section in sections(found, 10) if section.key == "labels")
    assert [row[0] for row in table.rows] == ["card", "fee"], "only labels of which a row was missed"


def test_one_row_missed_of_two_does_not_lead_the_labels(make):
    rows = [(f"a {number}", ("card",), ("cash" if number < 50 else "card",), 0.9) for number in range(100)]
    rows += [("b", ("rate",), ("rate",), 0.9), ("c", ("rate",), ("fee",), 0.9)]
    table = next(one for one in sections(find_mistakes(make(rows), Silent()), 10) if one.key == "labels")
    assert [row[0] for row in table.rows] == ["card", "rate"]


def test_the_heat_map_holds_the_labels_of_the_confusions_and_their_counts(banking):
    rows = heat(find_mistakes(banking, Silent()))
    assert [row.label for row in rows] == ["card", "cash", "fee", "loan"]
    assert rows[0].cells == ((20, None), (8, 1.0), (0, 0.0), (0, 0.0))
    assert rows[2].cells[3] == (3, pytest.approx(0.375)) and rows[2].others == 0


def test_multi_label_tells_missed_and_extra_labels(topics):
    found = find_mistakes(topics, Silent())
    kinds = {(one.truth, one.answer): (one.count, one.rows) for one in found.confusions}
    assert kinds == {("fee", None): (1, 2), (None, "loan"): (1, 1), ("rate", None): (1, 1), (None, "cash"): (1, 1)}
    assert [(case.text, case.answer) for case in found.cases] == [
        ("extra", ("card", "loan")),
        ("missed", ("card",)),
        ("all wrong", ("cash",)),
    ]
    assert found.scores["micro F1"].value == pytest.approx(2 * 4 / (6 + 6))
    assert heat(found) == ()


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_f1_is_that_of_scikit_learn_and_lies_in_its_interval(average):
    rng = np.random.default_rng(0)
    bears = rng.random((200, 6)) < 0.3
    gets = bears ^ (rng.random((200, 6)) < 0.1)
    found = f1(bears, gets, average)
    assert found.value == pytest.approx(f1_score(bears, gets, average=average))
    assert found.value - 0.08 < found.low < found.value < found.high < found.value + 0.08


def test_calibration_counts_every_answer_and_measures_the_gap(make):
    rows = [(f"{number}", ("card",), ("card" if number < 6 else "fee",), 0.9) for number in range(10)]
    found = find_mistakes(make(rows), Silent()).calibration
    assert found.error == pytest.approx(0.3, abs=1e-6)
    assert [(one.count, one.share) for one in found.bins] == [(10, 0.6)]
    assert "surer than it is right" in next(
        one.about for one in sections(find_mistakes(make(rows), Silent()), 5) if one.key == "calibration"
    )


@pytest.mark.parametrize("seed", range(4))
def test_planted_label_errors_are_found_and_few_others(seed):
    rng = np.random.default_rng(seed)
    _, truth, given, wrong = planted_texts(rng, 5, 300, 10)
    logits = rng.normal(0, 1, (300, 5))
    logits[np.arange(300), truth] += 10
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = [one.place for one in suspects(given, probabilities)]
    assert wrong <= set(found) and len(found) <= 12
    first = suspects(given, probabilities)[0]
    assert first.instead == (truth[first.place],)
    assert suspects(truth, probabilities) == [], "a clean set has none"


def test_planted_label_errors_of_many_labels_a_text_are_found():
    rng = np.random.default_rng(4)
    truth = rng.random((300, 4)) < 0.3
    given = truth.copy()
    wrong = rng.choice(300, 10, replace=False)
    given[wrong, 2] ^= True
    probabilities = 1 / (1 + np.exp(-(np.where(truth, 4, -4) + rng.normal(0, 0.7, truth.shape))))
    found = suspects(given, probabilities)
    assert set(wrong.tolist()) <= {one.place for one in found} and len(found) <= 12
    assert all(one.instead == tuple(np.flatnonzero(truth[one.place])) for one in found if one.place in wrong)


def test_out_of_fold_a_second_opinion_finds_planted_label_errors():
    texts, _, given, wrong = planted_texts(np.random.default_rng(5), 4, 400, 10)
    found = {one.place for one in suspects(given, out_of_fold(texts, given, 4, Silent()))}
    assert len(found & wrong) >= 8 and len(found - wrong) <= 2, "it is less sure than a transformer"


def test_rows_that_the_model_was_trained_on_are_judged_by_another(make):
    texts, _, given, wrong = planted_texts(np.random.default_rng(6), 5, 200, 10)
    names = [("card", "cash", "fee", "loan", "rate")[index] for index in given]
    learned = [(text, (name,), (name,), 0.99) for text, name in zip(texts, names, strict=True)]  # by heart
    found = find_mistakes(make(learned, part="train"), Silent()).label_errors
    assert found.judge.startswith("TF-IDF")
    planted = {place + 1 for place in wrong}
    assert len(planted & {case.row for case in found.cases}) >= 6 and len(found.cases) <= 10
    assert find_mistakes(make(learned), Silent()).label_errors.cases == ()


def test_label_errors_that_the_second_opinion_shares_come_first(make):
    texts, truth, given, wrong = planted_texts(np.random.default_rng(7), 5, 200, 10)
    names = np.array(("card", "cash", "fee", "loan", "rate"))
    rows = [
        (text, (name,), (answer,), 0.98)
        for text, name, answer in zip(texts, names[given], names[truth], strict=True)
    ]
    doubted = next(place for place in range(200) if place not in wrong)  # the words agree with its file
    rows[doubted] = (texts[doubted], rows[doubted][1], ("rate" if rows[doubted][1] != ("rate",) else "card",), 0.98)
    found = find_mistakes(make(rows), Silent()).label_errors
    assert {case.row for case in found.cases if case.seconded} == {place + 1 for place in wrong}
    assert [case.seconded for case in found.cases] == [True] * 10 + [False]
    assert found.cases[-1].row == doubted + 1


@pytest.mark.parametrize(
    "rows",
    [
        [(("a", "b"), ("card",), ("fee",), 0.9), (("c", "d"), ("fee",), ("fee",), 0.9)] * 3,
        [("a", ("card",), ("card",), 0.9), ("b", ("fee",), ("fee",), 0.9)],
    ],
    ids=["pairs", "too few rows"],
)
def test_without_a_second_opinion_rows_of_training_are_left_out_and_why_is_said(make, rows):
    found = find_mistakes(make(rows, part="train"), Silent())
    assert (found.label_errors.judge, found.label_errors.cases) == ("", ())
    said = next(section for section in sections(found, 5) if section.key == "label-errors")
    assert found.label_errors.reason and found.label_errors.reason in said.about


def test_the_epochs_are_told_and_the_best_of_them(make):
    training = {"best_epoch": 3, "history": {"train": STEPS, "validation": EPOCHS}}
    found = find_mistakes(make([("a", ("card",), ("card",), 0.9)], training=training), Silent())
    assert found.learning.values == ((1.0, 0.8), (2.0, 0.8), (3.0, 0.8))
    assert found.learning.validation_losses[2] == (3.0, pytest.approx(1 / 3))
    table = next(section for section in sections(found, 5) if section.key == "learning")
    assert table.rows[0] == ("1", "3.0000", "1.0000", "0.8000") and "epoch 3" in table.about
    assert find_mistakes(make([("a", ("card",), ("card",), 0.9)]), Silent()).learning is None


def test_epochs_that_are_none_are_refused(make):
    training = {"history": {"validation": [{"epoch": 1, "accuracy": "x"}]}}
    with pytest.raises(ModelError, match=r"training\.json.*accuracy"):
        find_mistakes(make([("a", ("card",), ("card",), 0.9)], training=training), Silent())


def test_without_a_mistake_every_part_says_so(make):
    found = find_mistakes(make([("a", ("card",), ("card",), 0.9), ("b", ("fee",), ("fee",), 0.9)]), Silent())
    assert any("0 rows" in sentence for sentence in headlines(found))
    parts = {section.key: section for section in sections(found, 10)}
    for key in ("confusions", "surest", "labels", "label-errors"):
        assert parts[key].rows == () and "There is none" in parts[key].about


def test_no_more_rows_than_asked_for_and_how_many_there_are(banking: Answered):
    table = next(one for one in sections(find_mistakes(banking, Silent()), 4) if one.key == "surest")
    assert len(table.rows) == 4 and "11 mistakes, 4 shown" in table.about
