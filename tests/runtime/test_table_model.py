"""A bundle whose only model is a table of word vectors: all that a predictor does, without onnxruntime."""

from __future__ import annotations

import pickle
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from edgetext import BundleError, InputError, IntegrityError, Predictor
from edgetext.runtime.bundle import open_bundle, write_manifest
from edgetext.runtime.held import Held
from edgetext.runtime.static import STATIC_FILE, StaticModel, read_static, write_static
from tiny_onnx import LABELS, make_table

TEXTS = ["a bowl of ramen", "", "a dog in the park, near the river", "x", "pizza " * 60, "hot soup"] * 20


def by_hand(folder: Path, *texts: str) -> np.ndarray:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(32)
    with closing(Held(folder / STATIC_FILE)) as held:
        return StaticModel(read_static(held)).logits([tokenizer.encode(*texts).ids])[0]


@pytest.mark.parametrize("profile", ["latency", "throughput", "background"])
def test_it_answers_as_the_table_does(tiny_static: Path, profile: str) -> None:
    expected = np.array([by_hand(tiny_static, text) for text in TEXTS])
    with Predictor(tiny_static, profile=profile, threads=2) as predictor:
        assert (predictor.variant.name, predictor.labels) == ("static", LABELS)
        np.testing.assert_allclose(predictor.logits(TEXTS), expected, atol=1e-5)
        many = predictor.predict(TEXTS * 4)
        assert list(predictor.stream(iter(TEXTS * 4), window=5))[3].label == many[3].label
        for text, row, prediction in zip(TEXTS, expected, many, strict=False):
            one = predictor(text)
            assert one.label == prediction.label == LABELS[row.argmax()]
            assert one.scores == pytest.approx(prediction.scores, abs=1e-6)
            assert one.stage == "model" and one.truncated == prediction.truncated == text.startswith("pizza")
        pair = predictor(("a dog", "in the park"))
        assert pair.label == LABELS[by_hand(tiny_static, "a dog", "in the park").argmax()]


def test_windows_are_averaged_and_any_company_gives_the_same(tiny_static: Path) -> None:
    long = "a bowl of ramen and a dog " * 20
    with Predictor(tiny_static, truncation="windows", deterministic=True) as predictor:
        assert predictor.count_tokens(long) > 32
        assert predictor.predict([*TEXTS, long]) == [predictor(text) for text in (*TEXTS, long)]


def test_it_travels_and_closes(tiny_static: Path) -> None:
    predictor = Predictor(tiny_static)
    expected = predictor.predict(TEXTS)
    content = pickle.dumps(predictor)
    predictor.close()
    with pytest.raises(InputError, match="closed"):
        predictor("a dog")
    with pickle.loads(content) as copy:
        assert copy.predict(TEXTS) == expected


def test_what_does_not_fit_is_one_sentence(tiny_static: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(tiny_static, folder)
    write_static(folder / STATIC_FILE, make_table(folder, labels=2))
    with pytest.raises(IntegrityError, match=STATIC_FILE):
        Predictor(folder)
    with pytest.raises(BundleError, match="2 scores a text, and there are 3 labels"):
        Predictor(folder, verify=False)
    (folder / STATIC_FILE).write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    with pytest.raises(BundleError, match="no table of word vectors"):
        Predictor(folder, verify=False)


def test_a_token_beyond_the_table_is_an_error(tiny_static: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(tiny_static, folder)
    tokenizer = (folder / "tokenizer.json").read_text("utf-8")
    (place,) = (Tokenizer.from_str(tokenizer).token_to_id(word) for word in ("soup",))
    (folder / "tokenizer.json").write_text(tokenizer.replace(f'"soup": {place}', '"soup": 99999'), "utf-8")
    write_manifest(folder, replace(open_bundle(folder).manifest, files={}))
    with Predictor(folder) as predictor, pytest.raises(BundleError, match="99999"):
        predictor("soup")
