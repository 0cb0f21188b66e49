"""Optimum opens both models of a bundle and gives the same labels and probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from interop_texts import TEXTS, TOO_LONG

from edgetext import Predictor


@pytest.mark.slow
@pytest.mark.parametrize("made", ["tiny_bundle", "tiny_first", "exported_bundle"])
@pytest.mark.parametrize(("variant", "file"), [("fp32", "model.onnx"), ("int8", "model_quantized.onnx")])
def test_it_gives_the_same_labels_and_probabilities(
    made: str, variant: str, file: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(made)
    with Predictor(folder, variant=variant, first_stage="off") as classify:
        labels, logits = optimum(folder, file, classify.max_length)
        theirs = classify.task.probabilities(np.array(logits, np.float32))  # Optimum knows of no temperature
        # One text a call: dynamic int8 depends a little on what else is in the batch.
        ours = np.array([classify.predict_proba([text])[0] for text in (*TEXTS, TOO_LONG)])
    assert labels == classify.labels
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-4)
    assert np.ptp(ours, axis=0).max() > 0.01, "texts that get the same scores prove nothing"


def optimum(folder: Path, file: str, max_length: int) -> tuple[tuple[str, ...], list[list[float]]]:
    """Gives the labels by class index, and the logits of each text."""
    from optimum.onnxruntime import ORTModelForSequenceClassification
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = ORTModelForSequenceClassification.from_pretrained(folder, subfolder="onnx", file_name=file)
    rows = []
    for text in (*TEXTS, TOO_LONG):
        batch = tokenizer(text, truncation=True, max_length=max_length, return_tensors="pt")
        rows.append(model(**batch).logits[0].tolist())
    return tuple(model.config.id2label[index] for index in range(model.config.num_labels)), rows
