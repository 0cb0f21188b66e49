"""What the model card says of figures, those of labels that no row bears among them."""

from __future__ import annotations

from edgetext.export.card import _figures, _teacher

LACKING = {
    "accuracy": 1.0,
    "macro_f1": None,
    "mean_f1_of_labels_with_rows": 1.0,
    "labels_without_rows": ["rare"],
    "per_label": {
        "common": {"precision": 1.0, "recall": 1.0, "rows": 9},
        "rare": {"precision": None, "recall": None, "rows": 0},
    },
}


def test_a_label_without_rows_has_no_figures_and_there_is_no_macro_f1() -> None:
    card = _figures({"validation": LACKING})
    assert "macro F1 none: 1.0000 over 1 of 2 labels" in card
    assert "| rare | – | – |" in card and "| common | 1.000 | 1.000 |" in card


def test_figures_of_before_are_shown_as_they_are() -> None:
    card = _figures({"test": {"accuracy": 0.5, "macro_f1": 0.25, "per_label": {}}})
    assert "- test: accuracy 0.5000, macro F1 0.2500" in card


def test_figures_that_anybody_wrote_do_no_harm() -> None:
    assert _figures({"test": {"accuracy": "x"}, "validation": 3}) == ""
    assert "none" in _figures({"test": {"accuracy": 1, "macro_f1": [], "per_label": {"a": 3}}})


def test_f1_calibration_and_the_simple_model_are_told_beside_one_another() -> None:
    figures = {"micro_f1": 0.75, "macro_f1": 0.5, "baseline": 0.7, "calibration": {"before": 0.25, "after": 0.125}}
    card = _figures({"test": figures})
    assert "- test: micro F1 0.7500, macro F1 0.5000; TF-IDF with logistic regression" in card
    assert "0.7000; calibration error 0.250, with the temperature 0.125" in card


def test_a_student_names_its_teacher_and_what_it_lost_to_it() -> None:
    found = {"rows": 9, "teacher": 0.75, "student": 0.5, "difference": -0.25, "low": -0.5, "high": 0.125}
    metrics = {"test": {**found, "same_answers": 0.625}}
    card = _teacher({"teacher": {"name": "big", "kept": [2, 4, 6], "sha256": "ab" * 32, "metrics": metrics}})
    assert "the layers 2, 4, 6 of `big`" in card and "abab" in card
    assert "| test | 9 | 0.750 | 0.500 | -0.250 (-0.500 to 0.125) | 0.625 |" in card
    assert _teacher({}) == _teacher({"teacher": 3}) == ""
    assert "of `None`" in _teacher({"teacher": {"kept": 1, "metrics": {"test": 2}}})  # written by anybody
