"""The first stage in an export: taken, left out, required, kept by a tuning, and refused where it is sabotaged."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from edgetext.cli.main import main
from edgetext.data.example import Example
from edgetext.export import first_stage
from edgetext.export.export import export_bundle
from edgetext.export.settings import ExportSettings
from edgetext.export.tune import tune_bundle
from edgetext.runtime.predictor import Predictor
from edgetext.runtime.static import FIRST_STAGE_FILE

FUSED = ("dynamic-int8-fused",)
SETTINGS = ExportSettings(max_drop=0.1, schemes=FUSED, first_stage="require")
WORDS = "bowl ramen egg red car road fried rice salad old bridge winter".split()


@pytest.fixture(scope="module")
def held_out(tiny_checkpoint):
    """400 texts of words that it learned, labelled as it answers them."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from conftest import FOOD, NOT_FOOD

    texts = [f"{first} {second}" for side in (FOOD, NOT_FOOD) for first in side for second in (*side, *side)]
    batch = AutoTokenizer.from_pretrained(tiny_checkpoint.path)(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        answers = AutoModelForSequenceClassification.from_pretrained(tiny_checkpoint.path)(**batch).logits.argmax(-1)
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
    assert row.verdict is not None, row.reason
    assert row.verdict.decision == "passed", row.reason
    assert row.verdict.comparisons == 2
    assert exported.manifest.variant("int8").evaluation["comparisons"] == 2
    assert row.reason
