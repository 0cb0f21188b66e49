"""Eleven architectures: random classifiers of each, from the checkpoint to a predictor, through every scheme."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from architectures import (
    ARCHITECTURES,
    LABELS,
    MAX_LENGTH,
    PAIRS,
    TEXTS,
    Architecture,
    make_checkpoint,
    make_tokenizer,
    torch_logits,
)
from record_architectures import RECORD, describe
from trying import Tried, precision, try_architecture

from edgetext import Predictor
from edgetext.checkpoint import open_checkpoint
from edgetext.cli.main import main
from edgetext.errors import ModelError
from edgetext.export.onnx_export import check_logits, export_fp32
from edgetext.foreign.versions import transformers_version

# Loading DeBERTa and ModernBERT, transformers and torch call what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

INPUTS = (*TEXTS, *PAIRS)
LOGIT_TOLERANCE = 1e-4
TOLERANCES = {"int8": 0.1, "int4": 0.2}
"""Mean over the texts of the largest change of a probability, by the precision of the weights. They are random and
the labels are close to each other, so that rounding changes far more than in a trained model."""


def named(name: str) -> Architecture:
    return next(item for item in ARCHITECTURES if item.name == name)


@pytest.fixture(scope="module", params=ARCHITECTURES, ids=lambda item: item.name)
def tried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    folder = tmp_path_factory.mktemp("architecture")
    yield try_architecture(request.param, folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def expected(tried: Tried) -> np.ndarray:
    return torch_logits(tried.checkpoint.path, INPUTS).numpy()


@pytest.mark.slow
def test_the_predictor_gives_torchs_logits(tried: Tried, expected: np.ndarray) -> None:
    assert tried.checkpoint.max_length == MAX_LENGTH
    assert tried.agreement.largest_difference < LOGIT_TOLERANCE
    assert np.ptp(expected, axis=0).max() > 0.3, "texts that get the same scores prove nothing"
    for variant in (name for name in ("fp32", *tried.schemes) if precision(name) == "fp32"):
        with Predictor(tried.bundle, variant=variant) as classify:
            found = np.concatenate([classify.logits([text]) for text in INPUTS])
        np.testing.assert_allclose(found, expected, rtol=0, atol=LOGIT_TOLERANCE, err_msg=variant)


@pytest.mark.slow
def test_padding_changes_nothing_but_where_torch_lets_it(tried: Tried, expected: np.ndarray) -> None:
    with Predictor(tried.bundle, variant="fp32") as classify:
        together = classify.logits(INPUTS)
    with Predictor(tried.bundle, variant="fp32", deterministic=True) as classify:
        np.testing.assert_allclose(classify.logits(INPUTS), expected, rtol=0, atol=LOGIT_TOLERANCE)
    assert (np.abs(together - expected).max() > LOGIT_TOLERANCE) == tried.architecture.sees_padding
    padded = torch_logits(tried.checkpoint.path, INPUTS, pad=True).numpy()
    assert (np.abs(padded - expected).max() > LOGIT_TOLERANCE) == tried.architecture.sees_padding


@pytest.mark.slow
def test_every_scheme_that_applies_answers_nearly_like_torch(tried: Tried, expected: np.ndarray) -> None:
    probabilities = torch.from_numpy(expected).softmax(-1).numpy()
    for variant in (name for name in tried.schemes if precision(name) in TOLERANCES):
        with Predictor(tried.bundle, variant=variant) as classify:
            found = np.concatenate([classify.predict_proba([text]) for text in INPUTS])
        change = np.abs(found - probabilities).max(axis=1)
        assert 0 < change.mean() < TOLERANCES[precision(variant)], variant


@pytest.mark.slow
def test_what_applies_is_what_was_recorded(tried: Tried) -> None:
    recorded = {item["name"]: item for item in json.loads(RECORD.read_text("utf-8"))["architectures"]}
    found, known = describe(tried), recorded[tried.architecture.name]
    assert found.pop("largest_difference") < LOGIT_TOLERANCE
    del known["largest_difference"]
    assert found == known, "run  python tests/export/record_architectures.py  and  make docs"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["BERT", "DeBERTa-v3"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_saved_in_half_precision_export_as_fp32(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    checkpoint = open_checkpoint(make_checkpoint(named(name), tmp_path / "checkpoint", dtype))
    (tmp_path / "graph").mkdir()
    export_fp32(checkpoint, tmp_path / "graph")
    assert check_logits(checkpoint, tmp_path / "graph/model.onnx", TEXTS).largest_difference < LOGIT_TOLERANCE


@pytest.mark.slow
def test_a_tokenizer_that_gives_more_than_the_model_takes_does_no_harm(tmp_path: Path) -> None:
    """DistilBERT checkpoints often name BERT's tokenizer, whose token types DistilBERT does not take."""
    folder = make_checkpoint(named("DistilBERT"), tmp_path / "checkpoint")
    make_tokenizer(named("BERT")).save_pretrained(folder)
    checkpoint = open_checkpoint(folder)
    (tmp_path / "graph").mkdir()
    assert export_fp32(checkpoint, tmp_path / "graph") == ("input_ids", "attention_mask")
    assert check_logits(checkpoint, tmp_path / "graph/model.onnx", TEXTS).largest_difference < LOGIT_TOLERANCE


@pytest.mark.parametrize("name", ["BERT", "RoBERTa", "XLM-RoBERTa", "MPNet"])
def test_the_longest_text_fits_the_table_of_positions(name: str, tmp_path: Path) -> None:
    folder = make_checkpoint(named(name), tmp_path / "checkpoint")
    settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    del settings["model_max_length"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    checkpoint = open_checkpoint(folder)
    assert checkpoint.max_length == MAX_LENGTH
    assert torch.isfinite(torch_logits(folder, ["food " * 100])).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model_type", "message"),
    [("longformer", "torch cannot export a 'longformer' model: ")]
    if transformers_version() >= (5, 0)
    else [
        ("fnet", "Optimum cannot export a 'fnet' model: "),
        ("longformer", "a 'longformer' model takes global_attention_mask beside the text"),
    ],
)
def test_an_architecture_that_cannot_be_exported_is_one_sentence(
    model_type: str, message: str, tiny_rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(named("BERT"), model_type=model_type, config={"attention_window": 8}, offset=1)
    folder = make_checkpoint(other, tmp_path / "checkpoint")
    words = ["export", str(folder), "-o", str(tmp_path / "bundle"), "--data", str(tiny_rows)]
    assert main(words) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


@pytest.mark.slow
def test_a_checkpoint_whose_head_was_never_saved_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = make_checkpoint(named("BERT"), tmp_path / "checkpoint")
    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith("classifier.")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "graph").mkdir()
    checkpoint = open_checkpoint(folder)
    with pytest.raises(ModelError, match=r"lacks the weights classifier\.bias, classifier\.weight"):
        export_fp32(checkpoint, tmp_path / "graph")
        check_logits(checkpoint, tmp_path / "graph/model.onnx", TEXTS)
    assert checkpoint.labels == LABELS
