"""The metric that ships inside the package, run by ``evaluate``, and the reports made of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgetext.metrics.report import full_report, load_scores, macro_f1_words, metric_words, overall
from edgetext.task import MultiLabel, SingleLabel

RIGHT = [0, 0, 0, 1, 1, 2]
GIVEN = [0, 0, 1, 1, 0, 2]


def of(*labels: str) -> SingleLabel:
    return SingleLabel(labels)


def indices(values: list[int]) -> np.ndarray:
    return np.array(values)


def test_accuracy_by_hand() -> None:
    assert load_scores().compute(predictions=GIVEN, references=RIGHT)["accuracy"] == 4 / 6


@pytest.mark.parametrize(
    ("name", "each", "macro"),
    [
        ("precision", [2 / 3, 1 / 2, 1.0], (2 / 3 + 1 / 2 + 1) / 3),
        ("recall", [2 / 3, 1 / 2, 1.0], (2 / 3 + 1 / 2 + 1) / 3),
        ("f1", [2 / 3, 1 / 2, 1.0], (2 / 3 + 1 / 2 + 1) / 3),
    ],
)
def test_figures_a_class_and_their_mean(name: str, each: list[float], macro: float) -> None:
    metric = load_scores()
    found = metric.compute(predictions=GIVEN, references=RIGHT, labels=[0, 1, 2], average=None)
    assert found[name] == pytest.approx(each)
    assert metric.compute(predictions=GIVEN, references=RIGHT)[name] == pytest.approx(macro)


def test_the_report_has_every_label_even_one_without_rows() -> None:
    report = full_report(of("a", "b", "absent"), indices([0, 1, 1]), indices([0, 1, 0]))
    assert report["rows"] == 3
    assert report["accuracy"] == pytest.approx(2 / 3)
    assert report["macro_f1"] is None
    assert report["mean_f1_of_labels_with_rows"] == pytest.approx(2 / 3)
    assert report["labels_without_rows"] == ["absent"]
    assert report["per_label"] == {
        "a": {"precision": 1.0, "recall": 0.5, "rows": 2},
        "b": {"precision": 0.5, "recall": 1.0, "rows": 1},
        "absent": {"precision": None, "recall": None, "rows": 0},
    }
    assert macro_f1_words(report) == "none: 0.6667 over 2 of 3 labels"


def test_all_right_on_rows_that_lack_a_label_is_no_macro_f1_of_one() -> None:
    assert overall(of("a", "b", "c"), indices([0, 1]), indices([0, 1])) == {
        "accuracy": 1.0, "macro_f1": None, "mean_f1_of_labels_with_rows": 1.0
    }  # fmt: skip


def test_a_label_without_rows_that_is_given_counts_against_the_right_one() -> None:
    # class 0: 1 of 2 found, and all that were called so are: F1 2/3; class 1: F1 1
    found = overall(of("a", "b", "c"), indices([0, 2, 1]), indices([0, 0, 1]))
    assert found["mean_f1_of_labels_with_rows"] == pytest.approx((2 / 3 + 1) / 2)
    report = full_report(of("a", "b", "c"), indices([0, 2, 1]), indices([0, 0, 1]))
    assert report["per_label"]["c"] == {"precision": 0.0, "recall": None, "rows": 0}


def test_macro_f1_with_every_label_there_is_scikit_learns() -> None:
    from sklearn.metrics import f1_score

    report = full_report(of("a", "b", "c"), indices(GIVEN), indices(RIGHT))
    assert report["macro_f1"] == pytest.approx(f1_score(RIGHT, GIVEN, average="macro"))
    assert report["labels_without_rows"] == []
    assert macro_f1_words(report) == "0.7222"


def test_several_labels_a_text_have_micro_f1() -> None:
    # a: 1 of 2 found, 1 more given; b: 1 of 1; c: borne by none, given once
    right = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0]], bool)
    given = np.array([[1, 0, 0], [0, 1, 1], [1, 0, 0]], bool)
    report = full_report(MultiLabel(("a", "b", "c")), given, right)
    assert report["micro_f1"] == pytest.approx(2 * 2 / (4 + 3))
    assert "accuracy" not in report
    assert report["macro_f1"] is None
    assert report["mean_f1_of_labels_with_rows"] == pytest.approx((0.5 + 1) / 2)
    assert report["per_label"]["a"] == {"precision": 0.5, "recall": 0.5, "rows": 2}
    assert report["per_label"]["c"] == {"precision": 0.0, "recall": None, "rows": 0}
    assert metric_words(report) == ("micro F1", "0.5714")


def test_rows_without_any_label_have_figures_too() -> None:
    nothing = np.zeros((3, 2), bool)
    assert overall(MultiLabel(("a", "b")), nothing, nothing) == {
        "micro_f1": 0.0, "macro_f1": None, "mean_f1_of_labels_with_rows": None
    }  # fmt: skip


@pytest.mark.parametrize("figures", [{}, {"macro_f1": "x"}, {"macro_f1": None, "mean_f1_of_labels_with_rows": 1.0}])
def test_words_for_files_of_others(figures: dict[str, object]) -> None:
    assert macro_f1_words(figures) == "none"


def test_neither_a_home_nor_a_cache_nor_a_network_is_needed_and_nothing_is_left(tmp_path: Path) -> None:
    code = (
        "import numpy as np; from edgetext.metrics.report import overall; from edgetext.task import SingleLabel; "
        "print(overall(SingleLabel(('a', 'b')), np.array([0, 1]), np.array([0, 0]))['accuracy'])"
    )
    nowhere = dict.fromkeys(["HOME", "HF_HOME", "XDG_CACHE_HOME", "HF_MODULES_CACHE"], "/dev/null/none")
    environment = {**os.environ, **nowhere, "TMPDIR": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "0.5", done.stderr
    assert not list(tmp_path.iterdir())
