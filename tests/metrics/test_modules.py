"""The metric modules that ship inside the package, run by ``evaluate``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgetext.metrics.load import load_metric
from edgetext.metrics.report import full_report, overall

RIGHT = [0, 0, 0, 1, 1, 2]
GIVEN = [0, 0, 1, 1, 0, 2]


def test_accuracy_by_hand() -> None:
    assert load_metric("accuracy").compute(predictions=GIVEN, references=RIGHT) == {"accuracy": 4 / 6}


@pytest.mark.parametrize(
    ("name", "each", "macro"),
    [
        ("precision", [2 / 3, 1 / 2, 1.0], (2 / 3 + 1 / 2 + 1) / 3),
        ("recall", [2 / 3, 1 / 2, 1.0], (2 / 3 + 1 / 2 + 1) / 3),
        ("f1", [2 / 3, 1 / 2, 1.0], (2 / 3 + 1 / 2 + 1) / 3),
    ],
)
def test_figures_a_class_and_their_mean(name: str, each: list[float], macro: float) -> None:
    metric = load_metric(name)
    found = metric.compute(predictions=GIVEN, references=RIGHT, labels=[0, 1, 2], average=None)
    assert found[name] == pytest.approx(each)
    assert metric.compute(predictions=GIVEN, references=RIGHT)[name] == pytest.approx(macro)


def test_the_report_has_every_label_even_one_without_rows() -> None:
    report = full_report([0, 1, 1], [0, 1, 0], ("a", "b", "absent"))
    assert report["rows"] == 3
    assert report["accuracy"] == pytest.approx(2 / 3)
    assert report["macro_f1"] == pytest.approx(2 / 3)  # of the two that occur
    assert report["per_label"] == {
        "a": {"precision": 1.0, "recall": 0.5, "rows": 2},
        "b": {"precision": 0.5, "recall": 1.0, "rows": 1},
        "absent": {"precision": 0.0, "recall": 0.0, "rows": 0},
    }


def test_overall_is_one_when_all_is_right() -> None:
    assert overall([0, 1], [0, 1], ("a", "b", "c")) == {"accuracy": 1.0, "macro_f1": 1.0}


@pytest.mark.slow
def test_processes_may_begin_together_with_an_empty_cache_and_no_network(tmp_path: Path) -> None:
    code = "from edgetext.metrics.report import overall; print(overall([0, 1], [0, 0], ('a', 'b'))['accuracy'])"
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    started = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate()[0].strip() for process in started] == ["0.5", "0.5"]
