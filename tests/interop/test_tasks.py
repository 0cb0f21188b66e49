"""Multi label and text pairs: transformers' pipeline over Optimum gives the same probabilities."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from interop_texts import TEXTS

from edgetext import Predictor

LABELS = ("tasty", "outdoors", "wet", "loud")
# No empty second part: the pipeline takes such a pair for one text, see tests/runtime/test_pairs.py.
PAIRS = [
    ("a dog in the park", "the animal is outside"),
    ("the animal is outside", "a dog in the park"),
    ("", "fried rice with egg"),
    ("a very long walk through the city " * 8, "the road to the mountain " * 8),
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def multi_label(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives what Optimum exports of a random multi-label classifier: a folder without a manifest."""
    return export(tiny_base, tmp_path_factory.mktemp("multi_label"), "multi_label_classification")


@pytest.fixture(scope="module")
def single_label(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives the same for a single-label classifier."""
    return export(tiny_base, tmp_path_factory.mktemp("single_label"), "single_label_classification")


def export(base: Path, folder: Path, problem: str) -> Path:
    import torch
    from optimum.exporters.onnx import onnx_export_from_model
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(3)
    names = dict(enumerate(LABELS))
    model = AutoModelForSequenceClassification.from_pretrained(
        base,
        num_labels=len(LABELS),
        id2label=names,
        label2id={name: index for index, name in names.items()},
        problem_type=problem,
    ).eval()
    model.config.architectures = [type(model).__name__]
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(8)  # at its first random weights BERT gives every text nearly the same answer
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, about what it calls in torch
        onnx_export_from_model(model, folder, task="text-classification", do_validation=False)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(base / name, folder / name)
    return folder


def pipeline(folder: Path, inputs: list[object]) -> np.ndarray:
    """Gives the pipeline's probabilities, of shape (inputs, labels)."""
    from optimum.onnxruntime import ORTModelForSequenceClassification
    from transformers import AutoTokenizer
    from transformers import pipeline as make_pipeline

    model = ORTModelForSequenceClassification.from_pretrained(folder)
    classify = make_pipeline(
        "text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder), top_k=None
    )
    rows = []
    for item in inputs:
        answer = classify(item, truncation=True, max_length=128)
        entries = (
            answer[0] if isinstance(answer[0], list) else answer
        )  # a text gives a list in a list, a pair does not
        found = {entry["label"]: entry["score"] for entry in entries}
        rows.append([found[label] for label in LABELS])
    return np.array(rows)


def test_multi_label(multi_label: Path) -> None:
    with Predictor(multi_label) as classify:
        assert (classify.task.name, classify.labels) == ("multi_label", LABELS)
        ours = classify.predict_proba(TEXTS)
        given = [prediction.labels for prediction in classify.predict(TEXTS)]
    np.testing.assert_allclose(pipeline(multi_label, list(TEXTS)), ours, rtol=0, atol=1e-4)
    assert np.ptp(ours, axis=0).max() > 0.01, "texts that get the same scores prove nothing"
    assert not np.allclose(ours.sum(axis=1), 1), "a softmax would pass for a sigmoid"
    for labels, row in zip(given, ours, strict=True):
        assert set(labels) == {label for label, value in zip(LABELS, row, strict=True) if value >= 0.5}


def test_pairs(single_label: Path) -> None:
    theirs = pipeline(single_label, [{"text": first, "text_pair": second} for first, second in PAIRS])
    with Predictor(single_label) as classify:
        ours = np.array([[classify(pair).scores[label] for label in LABELS] for pair in PAIRS])
        together = classify.predict_proba(PAIRS)
        joined = classify.predict_proba([" ".join(pair) for pair in PAIRS])
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-4)
    np.testing.assert_allclose(together, ours, rtol=0, atol=1e-4)
    assert np.abs(ours - joined).max() > 0.01, "token types and separators must count"
