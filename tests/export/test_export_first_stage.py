"""The first stage in an export: taken, left out, required, kept by a tuning, and refused where it is sabotaged."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from edgetext.cli.main import main
from edgetext.data.example import Example
from edgetext.errors import InputError, ModelError
from edgetext.export.export import export_bundle
from edgetext.export.first_stage import add_first_stage
from edgetext.export.search import search
from edgetext.export.settings import ExportSettings
from edgetext.export.tune import tune_bundle
from edgetext.export.tuning import CalibrationTexts, Tuning
from edgetext.export.workshop import from_checkpoint
from edgetext.progress import Silent
from edgetext.runtime.held import Held
from edgetext.runtime.predictor import Predictor
from edgetext.runtime.static import FIRST_STAGE_FILE, read_static

FUSED = ("dynamic-int8-fused",)
SETTINGS = ExportSettings(max_drop=0.1, schemes=FUSED, first_stage="require")


@pytest.fixture(scope="module")
def held_out(tiny_checkpoint, tiny_rows):
    """400 texts made of two that it learned, labelled as it answers them."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    with tiny_rows.open(encoding="utf-8", newline="") as stream:
        learned = [row["text"] for row in csv.DictReader(stream)][:20]
    texts = [f"{first} {second}" for first in learned for second in learned]
    batch = AutoTokenizer.from_pretrained(tiny_checkpoint.path)(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        answers = AutoModelForSequenceClassification.from_pretrained(tiny_checkpoint.path)(**batch).logits.argmax(
            -1
        )
    return [
        Example(text, (tiny_checkpoint.labels[answer],), row)
        for row, (text, answer) in enumerate(zip(texts, answers.tolist(), strict=True), 1)
    ]


@pytest.fixture(scope="module")
def exported(tiny_checkpoint, held_out, tmp_path_factory):
    return export_bundle(tiny_checkpoint, held_out, tmp_path_factory.mktemp("first") / "bundle", SETTINGS)


def outcome(made):
    return made.record.row("first-stage")


def test_it_is_let_through_by_the_gate(exported):
    row = outcome(exported)
    assert row.status == "taken", row.reason
    assert row.verdict.decision == "passed"
    assert row.verdict.comparisons == exported.manifest.variant().evaluation["comparisons"] == 1  # it costs no look
    assert row.bytes == (exported.path / FIRST_STAGE_FILE).stat().st_size


def test_the_manifest_says_what_was_shown(exported):
    first = exported.manifest.first_stage
    content = (exported.path / first.file).read_bytes()
    assert first.sha256 == hashlib.sha256(content).hexdigest()
    assert first.bytes == len(content) <= 8e6
    assert first.variant == exported.manifest.default_variant == "int8"
    assert 0.1 <= first.coverage <= 1
    assert first.evaluation["verdict"] == "passed"
    assert first.evaluation["answered"]["texts"] == round(400 * first.coverage)
    assert first.evaluation["answered"]["loss"] < 0.1
    latency = first.evaluation["latency"]
    assert 0 < latency["together"]["p50_ms"] < latency["together"]["p99_ms"]


def test_card_and_record_say_it(exported):
    first = exported.manifest.first_stage
    card = (exported.path / "README.md").read_text("utf-8")
    assert first.evaluation["sentence"] in card
    assert FIRST_STAGE_FILE in card
    rows = {row["scheme"]: row for row in json.loads((exported.path / "export.json").read_text("utf-8"))["rows"]}
    assert rows["first-stage"]["status"] == "taken"


def test_the_predictor_answers_as_was_judged(exported, held_out):
    with Predictor(exported.path) as classify:
        found = [classify(row.text) for row in held_out]
    evaluation = exported.manifest.first_stage.evaluation
    assert sum(one.stage == "first" for one in found) == evaluation["answered"]["texts"]
    right = np.mean([one.label == row.label for one, row in zip(found, held_out, strict=True)])
    assert right == pytest.approx(evaluation["accuracy"])


def test_a_tuning_takes_it_over(exported, tmp_path):
    tuned = tune_bundle(exported.path, tmp_path / "tuned", SETTINGS)
    first = tuned.manifest.first_stage
    assert first.sha256 == exported.manifest.first_stage.sha256
    assert first.variant == tuned.manifest.default_variant
    assert outcome(tuned).verdict.decision == "passed"


def test_a_tuning_of_a_bundle_without_one_says_so(exported, tmp_path):
    plain = tmp_path / "plain"
    shutil.copytree(exported.path, plain)
    manifest = json.loads((plain / "bundle.json").read_text("utf-8"))
    manifest.pop("first_stage")
    (plain / "bundle.json").write_text(json.dumps(manifest), "utf-8")
    tuned = tune_bundle(plain, tmp_path / "tuned", replace(SETTINGS, first_stage="auto"))
    assert tuned.manifest.first_stage is None
    assert outcome(tuned).status == "left_out"
    assert not (tmp_path / "tuned" / FIRST_STAGE_FILE).exists()


@pytest.fixture(scope="module")
def searched(tiny_checkpoint, held_out, tmp_path_factory):
    """A workshop whose search is done, so that a first stage can be tried in it."""
    folder = tmp_path_factory.mktemp("searched")
    texts = Tuning(CalibrationTexts((), "none"), tuple(held_out))
    shop = from_checkpoint(folder, tiny_checkpoint, texts, SETTINGS, Silent())
    return shop, search(shop)


@pytest.fixture
def table(exported):
    with closing(Held(exported.path / FIRST_STAGE_FILE)) as held:
        return read_static(held)


def swapped(table):
    """Both labels in each other's place."""
    return replace(table, weight=table.weight[:, ::-1].copy(), bias=table.bias[::-1].copy())


def always(table):
    """One label, whatever the text."""
    return replace(table, weight=np.zeros_like(table.weight), bias=np.array([9, -9], np.float32))


@pytest.mark.parametrize("spoil", [swapped, always])
def test_a_spoiled_one_is_refused(searched, table, spoil):
    made = add_first_stage(*searched, lambda _: (spoil(table), ()))
    assert made.stage is None
    row = made.record.row("first-stage")
    assert row.status == "left_out"
    assert row.verdict.decision == "failed"


def test_labels_that_are_withheld_are_left_to_the_model(searched, table, tiny_checkpoint):
    made = add_first_stage(*searched, lambda _: (table, tiny_checkpoint.labels))
    assert made.stage is None
    assert "sure of fewer" in made.record.row("first-stage").reason


def test_what_cannot_be_made_is_said(searched):
    def nothing(_):
        raise ModelError("its encoder cannot read single tokens")

    made = add_first_stage(*searched, nothing)
    assert made.stage is None
    assert "single tokens" in made.record.row("first-stage").reason


def test_where_it_is_required_and_not_let_through_the_command_ends_with_3(
    tiny_checkpoint, tmp_path, capsys, held_out
):
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps({"text": row.text, "label": row.label}) + "\n" for row in held_out[:60]))
    words = ["export", str(tiny_checkpoint.path), "-o", str(tmp_path / "out"), "--data", str(data)]
    code = main([*words, "--scheme", *FUSED, "--first-stage", "require", "--max-drop", "0.01"])
    assert code == 3
    assert "first stage" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "bundle.json").read_text("utf-8")).get("first_stage") is None


def test_nothing_is_put_before_a_model_that_is_undecided(tiny_checkpoint, held_out, tmp_path):
    settings = replace(SETTINGS, first_stage="auto", max_drop=0.05)
    made = export_bundle(tiny_checkpoint, held_out[:60], tmp_path / "bundle", settings)
    assert made.manifest.variant().evaluation["verdict"] == "undecided"
    assert outcome(made).status == "left_out"
    assert "int8 itself is not shown to lose less than the margin on 60 held-out texts" in outcome(made).reason


@pytest.mark.parametrize("settings", [{"first_stage": "maybe"}, {"first_stage_mb": 0.0}])
def test_settings_that_are_none_are_refused(settings):
    with pytest.raises(InputError, match="--first-stage"):
        ExportSettings(**settings)


def test_a_search_for_size_goes_without():
    assert not ExportSettings(objective="size").wants_first_stage
    assert ExportSettings(objective="size", first_stage="require").wants_first_stage
    assert not ExportSettings(first_stage="off").wants_first_stage
