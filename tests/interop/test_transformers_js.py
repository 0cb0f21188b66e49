"""transformers.js, in Node on the CPU, opens both models of a bundle and gives the same probabilities."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ask_node import ask_node
from interop_texts import TEXTS

from edgetext import Predictor

HERE = Path(__file__).parent
DTYPES = {"fp32": "fp32", "int8": "q8"}  # our variants by transformers.js' names: model.onnx, model_quantized.onnx
MISSING = [name for name in ("node", "npm") if shutil.which(name) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(MISSING), reason=f"{' and '.join(MISSING)} not installed: no transformers.js to compare"
    ),
    pytest.mark.skipif(
        not (HERE / "node_modules/@huggingface/transformers").is_dir(),
        reason="transformers.js is not installed: run  make tests/interop/node_modules",
    ),
]


@pytest.mark.parametrize("made", ["tiny_bundle", "exported_bundle"])
def test_it_gives_the_same_probabilities(made: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(made)
    theirs = transformers_js(folder)
    for variant, dtype in DTYPES.items():
        with Predictor(folder, variant=variant, first_stage="off") as classify:  # which others do not know
            # One text a call: dynamic int8 depends a little on what else is in the batch.
            ours = np.array([classify.predict_proba([text])[0] for text in TEXTS])
            rows = np.array([by_label(answer, classify.labels) for answer in theirs[dtype]])
            rows = rows ** (1 / classify.task.temperature)  # transformers.js knows of none
            rows /= rows.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(rows, ours, rtol=0, atol=1e-4)
        assert np.ptp(ours, axis=0).max() > 0.01, "texts that get the same scores prove nothing"


def transformers_js(folder: Path) -> dict[str, list[list[dict[str, Any]]]]:
    """Gives, by dtype, for each text the scores of all labels."""
    question = {"folder": str(folder), "dtypes": list(DTYPES.values()), "texts": TEXTS}
    answer: Any = ask_node("classify.mjs", question)
    return answer


def by_label(answer: list[Mapping[str, Any]], labels: tuple[str, ...]) -> list[float]:
    scores = {entry["label"]: float(entry["score"]) for entry in answer}
    assert set(scores) == set(labels)
    return [scores[label] for label in labels]
