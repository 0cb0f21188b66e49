from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgetext import BundleError, Predictor
from edgetext.runtime.bundle import open_bundle


@pytest.fixture
def folder(tiny_bundle: Path, tmp_path: Path) -> Path:
    """Gives a plain Hugging Face ONNX folder: the tiny bundle without its manifest."""
    shutil.copytree(tiny_bundle, tmp_path / "plain")
    (tmp_path / "plain/bundle.json").unlink()
    return tmp_path / "plain"


def configure(folder: Path, **values: Any) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8")) | values
    (folder / "config.json").write_text(json.dumps(config), "utf-8")


def test_it_opens_as_the_bundle_does(folder: Path, tiny_bundle: Path) -> None:
    with Predictor(folder) as plain, Predictor(tiny_bundle) as bundle:
        assert plain.labels == bundle.labels
        assert (plain.variant.name, plain.variant.file) == ("int8", "onnx/model_quantized.onnx")
        np.testing.assert_array_equal(plain.logits(["a dog"]), bundle.logits(["a dog"]))
    assert plain.max_length == 128  # the tokenizer's own limit, and the model's


def test_models_beside_the_tokenizer_are_found_too(folder: Path) -> None:
    shutil.move(folder / "onnx/model.onnx", folder / "model.onnx")
    shutil.rmtree(folder / "onnx")
    shutil.copy(folder / "model.onnx", folder / "model_fp16.onnx")
    manifest = open_bundle(folder).manifest
    assert [(item.name, item.file) for item in manifest.variants] == [
        ("fp32", "model.onnx"),
        ("fp16", "model_fp16.onnx"),
    ]
    assert manifest.default_variant == "fp32"


def test_labels_that_transformers_leaves_out_are_its_defaults(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    del config["id2label"]
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    assert open_bundle(folder).manifest.labels == ("LABEL_0", "LABEL_1")
    with pytest.raises(BundleError, match="gives 3 scores a text, and there are 2 labels"):
        Predictor(folder)


def test_multi_label_is_read_from_the_problem_type(folder: Path) -> None:
    configure(folder, problem_type="multi_label_classification")
    manifest = open_bundle(folder).manifest
    assert (manifest.task, manifest.thresholds) == ("multi_label", (0.5, 0.5, 0.5))


def test_roberta_counts_its_positions_from_the_padding_token_on(folder: Path) -> None:
    (folder / "tokenizer_config.json").unlink()
    configure(folder, model_type="roberta", max_position_embeddings=514, pad_token_id=1)
    assert open_bundle(folder).manifest.max_length == 512


def test_no_limit_known_means_512(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 10**30}), "utf-8")
    configure(folder, max_position_embeddings=None)
    assert open_bundle(folder).manifest.max_length == 512


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"architectures": ["BertForMaskedLM"]}, "holds a BertForMaskedLM, not a text classifier"),
        ({"problem_type": "regression"}, "problem_type is 'regression'"),
        ({"problem_type": ["a"]}, "problem_type is"),
        ({"id2label": {"0": "a", "2": "b"}}, "id2label must map"),
        ({"id2label": ["a", "b"]}, "id2label must map"),
        ({"id2label": {"0": "a"}}, "at least two different labels"),
        ({"id2label": {"0": "a", "1": "a"}}, "at least two different labels"),
    ],
)
def test_another_model_is_refused(folder: Path, values: dict[str, Any], message: str) -> None:
    configure(folder, **values)
    with pytest.raises(BundleError, match=message):
        open_bundle(folder)


def test_links_into_the_hubs_cache_are_followed(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "models--someone--something"
    snapshot = cache / "snapshots/0123"
    (cache / "blobs").mkdir(parents=True)
    shutil.move(folder, snapshot)
    for number, file in enumerate([path for path in snapshot.rglob("*") if path.is_file()]):
        shutil.move(file, cache / f"blobs/{number}")
        file.symlink_to(cache / f"blobs/{number}")
    with Predictor(snapshot) as predictor:
        assert predictor("a dog").label in predictor.labels


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"vocab_size": 300}, "the tokenizer has 305 tokens, and .* has embeddings for 300"),
        ({"pad_token_id": 305}, "pad_token_id is 305, and vocab_size, .* is 305"),
    ],
)
def test_a_tokenizer_that_the_model_is_too_small_for_is_refused(
    folder: Path, values: dict[str, Any], message: str
) -> None:
    configure(folder, **{"vocab_size": 305, **values})
    with pytest.raises(BundleError, match=message):
        Predictor(folder)


def test_a_vocabulary_that_is_larger_than_the_tokenizer_is_fine(folder: Path) -> None:
    configure(folder, vocab_size=320)
    with Predictor(folder) as predictor:
        assert predictor("a dog").label in predictor.labels


@pytest.mark.parametrize("name", ["onnx/model_quantized.onnx", "tokenizer.json"])
@pytest.mark.parametrize("has_manifest", [True, False])
def test_a_git_lfs_pointer_is_called_one(folder: Path, tiny_bundle: Path, name: str, has_manifest: bool) -> None:
    if has_manifest:
        shutil.copy(tiny_bundle / "bundle.json", folder)
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 90888945\n")
    with pytest.raises(BundleError, match=f"{name} is a Git LFS pointer"):
        Predictor(folder)
