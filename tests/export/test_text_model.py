"""The text model: string in, label out, the same answers as the bundle that it was made from."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("onnxruntime_extensions", reason="onnxruntime-extensions is not installed: no text model")

from edgetext.errors import ModelError
from edgetext.export.text_model import MANIFEST_FIELD, TEXT_FILE, add_text_model, open_text_model
from edgetext.files import sha256
from edgetext.runtime.bundle import open_bundle, write_manifest
from edgetext.runtime.manifest import Manifest
from edgetext.runtime.predictor import Predictor

TEXTS = (
    "a bowl of ramen with egg",
    "Fried RICE, and a SALAD!",
    "crème brûlée at the CAFÉ, naïvely",
    "寿司 🍣 — 👩‍🍳 half a « plan »",
    "rain\tover\r\nthe\u3000city\u00a0now",
    "soft\u00adhyphen\x7f and\u200bzero width\ufffd",
    "   ",
)


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))


def ask(model: Path, text: str, session: object = None) -> tuple[str, np.ndarray]:
    label, probabilities = open_text_model(model, session).run(None, {"text": np.array([text], object)})
    assert probabilities.dtype == np.float32
    return label[0], probabilities[0]


@pytest.mark.parametrize("variant", ["fp32", "int8"])
def test_it_answers_as_the_predictor(bundle: Path, variant: str) -> None:
    manifest = replace(open_bundle(bundle).manifest, default_variant=variant)
    write_manifest(bundle, manifest)
    made = add_text_model(bundle, manifest, TEXTS).extra[MANIFEST_FIELD]
    answers = []
    with Predictor(bundle) as classify:
        for text in (*TEXTS, "", "a walk over the road to the sea and by the house in winter " * 40):
            label, probabilities = ask(bundle / TEXT_FILE, text, made["session"])
            assert label == classify(text).label
            np.testing.assert_allclose(probabilities, classify.predict_proba([text])[0], rtol=0, atol=1e-6)
            answers.append(probabilities)
    assert np.ptp(answers, axis=0).max() > 0.01, "texts that get the same scores prove nothing"


def test_the_manifest_tells_of_it_and_the_bundle_still_opens(bundle: Path) -> None:
    manifest = add_text_model(bundle, open_bundle(bundle).manifest, TEXTS)
    write_manifest(bundle, manifest)
    told = open_bundle(bundle).manifest.extra[MANIFEST_FIELD]
    path = bundle / told["file"]
    assert (told["sha256"], told["bytes"]) == (sha256(path), path.stat().st_size)
    assert (told["variant"], told["checked"]) == ("int8", len(TEXTS) + 2)
    assert 0 <= told["largest_difference"] < 1e-4
    assert [variant.name for variant in manifest.variants] == ["fp32", "int8"]


def test_the_file_carries_its_labels(bundle: Path) -> None:
    manifest = add_text_model(bundle, open_bundle(bundle).manifest, TEXTS[:1])
    told = {entry.key: json.loads(entry.value) for entry in onnx.load(bundle / TEXT_FILE).metadata_props
            if entry.key != "task"}  # fmt: skip
    assert told == {"labels": list(manifest.labels), "max_length": manifest.max_length}


def test_the_file_is_made_of_unique_names(bundle: Path) -> None:
    add_text_model(bundle, open_bundle(bundle).manifest, TEXTS[:1])
    graph = onnx.load(bundle / TEXT_FILE).graph
    names = [tensor.name for tensor in graph.initializer] + [name for node in graph.node for name in node.output]
    assert len(set(names)) == len(names)
    assert [value.name for value in graph.input] == ["text"]


def test_multi_label_gets_a_sigmoid_each_and_its_thresholds(bundle: Path) -> None:
    manifest = replace(open_bundle(bundle).manifest, task="multi_label", thresholds=(0.5, 0.25, 0.75))
    write_manifest(bundle, manifest)
    add_text_model(bundle, manifest, TEXTS)
    with Predictor(bundle) as classify:
        expected = classify.predict_proba([TEXTS[0]])[0]
    _, found = ask(bundle / TEXT_FILE, TEXTS[0])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    told = {entry.key: entry.value for entry in onnx.load(bundle / TEXT_FILE).metadata_props}
    assert (told["task"], json.loads(told["thresholds"])) == ("multi_label", [0.5, 0.25, 0.75])


def test_a_text_that_is_split_differently_stops_it(bundle: Path) -> None:
    manifest = open_bundle(bundle).manifest
    divergent = "a [SEP] of fried [MASK] rice"  # special tokens in a text are special to tokenizers alone
    with pytest.raises(
        ModelError, match=r'for "a \[SEP\] of fried \[MASK\] rice" it answers .* leave --text-model'
    ):
        add_text_model(bundle, manifest, [TEXTS[0], divergent])
    assert not (bundle / TEXT_FILE).exists()


def test_a_tokenizer_without_an_operator_is_one_sentence(bundle: Path) -> None:
    path = bundle / "tokenizer_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "tokenizer_class": "PreTrainedTokenizerFast"}))
    (bundle / "config.json").write_text(json.dumps({"model_type": "modernbert"}))
    manifest: Manifest = open_bundle(bundle).manifest
    with pytest.raises(
        ModelError, match=r"no operator for the tokenizer (PreTrainedTokenizerFast|TokenizersBackend)"
    ):
        add_text_model(bundle, manifest, TEXTS)
    assert not (bundle / TEXT_FILE).exists()
