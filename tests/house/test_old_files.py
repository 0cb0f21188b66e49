"""A checkpoint and a bundle as they were first written open with today's code.

``tests/data/old`` was made by the code of the first day (commit 96ea3dc): ``train`` and ``export`` of the tiny
model on ``rows.csv``. Nothing in it is ever made again; ``tests/data/bench/oldest.json`` is the results of then.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edgetext import Predictor
from edgetext.bench.heldout import find_held_out
from edgetext.checkpoint import open_checkpoint
from edgetext.cli.main import main
from edgetext.ours import BUNDLE, CHECKPOINT, why_not_ours
from edgetext.runtime.bundle import open_bundle

OLD = Path(__file__).parents[1] / "data" / "old"
SCORES = {  # as the code of then answered, label and probability
    "fp32": [("food", 0.51706), ("not_food", 0.52873), ("not_food", 0.51144), ("not_food", 0.53225)],
    "int8": [("food", 0.51703), ("not_food", 0.52874), ("not_food", 0.51149), ("not_food", 0.53213)],
}
TEXTS = ["a bowl of ramen", "a half baked plan", "grilled fish near the window", "the road"]


@pytest.mark.parametrize(("variant", "tolerance"), [("fp32", 1e-5), ("int8", 1e-3)])
def test_an_old_bundle_answers_as_it_did(variant: str, tolerance: float) -> None:
    with Predictor(OLD / "bundle", variant=variant) as classify:
        found = classify.predict(TEXTS)
    assert [one.label for one in found] == [label for label, _ in SCORES[variant]]
    assert [one.score for one in found] == pytest.approx([score for _, score in SCORES[variant]], abs=tolerance)


def test_an_old_bundle_is_read_whole_and_written_back_the_same() -> None:
    manifest = open_bundle(OLD / "bundle").manifest
    written = json.loads((OLD / "bundle" / "bundle.json").read_text("utf-8"))
    assert manifest.to_json() == {**written, "text_column": ""}  # a field that came later
    assert (manifest.labels, manifest.max_length, manifest.default_variant) == (("food", "not_food"), 64, "int8")


def test_an_old_bundle_can_be_inspected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(OLD / "bundle")]) == 0
    shown = capsys.readouterr().out
    assert shown.count("checksum  ok") == 2 and "tokenizer   checksum ok" in shown
    assert "gate      passed: int8 lost 0.00 points" in shown


def test_an_old_checkpoint_tells_what_it_was_trained_on() -> None:
    checkpoint = open_checkpoint(OLD / "checkpoint")
    assert (checkpoint.labels, checkpoint.max_length) == (("food", "not_food"), 64)
    assert (checkpoint.base_model, checkpoint.text_column) == ("./tiny", "text")
    assert checkpoint.training["metrics"]["test"]["accuracy"] == pytest.approx(7 / 9)
    assert checkpoint.split is not None
    assert {name: len(part.rows) for name, part in checkpoint.split.parts.items()} == {
        "train": 42, "validation": 9, "test": 9,
    }  # fmt: skip


def test_an_old_checkpoint_finds_its_held_out_rows_again(tmp_path: Path) -> None:
    folder = shutil.copytree(OLD / "checkpoint", tmp_path / "checkpoint")
    split = (folder / "split.json").read_text("utf-8")
    (folder / "split.json").write_text(split.replace("/data/rows.csv", (OLD / "rows.csv").as_posix()), "utf-8")
    assert len(find_held_out(open_checkpoint(folder)).examples) == 9  # by the fingerprint of then


def test_old_folders_may_still_be_replaced() -> None:
    assert why_not_ours(OLD / "bundle", BUNDLE) is None
    assert why_not_ours(OLD / "checkpoint", CHECKPOINT) is None
