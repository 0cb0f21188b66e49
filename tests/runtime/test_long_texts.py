from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from edgetext import InputError, Predictor
from edgetext.runtime import long_texts
from edgetext.runtime.prediction import Scoring
from edgetext.task import MultiLabel, SingleLabel

ROOM = 30  # tokens that fit between the two special ones of the tiny bundle
STEP = ROOM - ROOM // 4
SENTENCE = "a bowl of ramen with bread and a dog in the park near the river by the sea over a city"
WORDS = SENTENCE.split()
LONG = " ".join(WORDS * 6)


def content(folder: Path, text: str) -> list[int]:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


def run(predictor: Predictor, folder: Path, ids: list[int]) -> np.ndarray:
    """Runs the graph on tokens, with the special ones put around them by hand."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    whole = np.array([[tokenizer.token_to_id("[CLS]"), *ids, tokenizer.token_to_id("[SEP]")]])
    arrays = {"input_ids": whole, "attention_mask": np.ones_like(whole), "token_type_ids": np.zeros_like(whole)}
    return predictor._scheduler.open().model._session.run(["logits"], arrays)[0][0]


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(np.float64(logits) - logits.max())
    return powers / powers.sum()


def hand_made_windows(ids: list[int]) -> list[list[int]]:
    windows, start = [], 0
    while not windows or start + ROOM - STEP < len(ids):
        windows.append(ids[start : start + ROOM])
        start += STEP
    return windows


def test_head_reads_the_beginning(tiny_bundle: Path) -> None:
    with Predictor(tiny_bundle, variant="fp32") as predictor:
        expected = run(predictor, tiny_bundle, content(tiny_bundle, LONG)[:ROOM])
        np.testing.assert_allclose(predictor.logits([LONG])[0], expected, atol=1e-6)


@pytest.mark.parametrize("text", [LONG, " ".join(WORDS * 400)])
def test_head_tail_reads_both_ends(tiny_bundle: Path, text: str) -> None:
    ids = content(tiny_bundle, text)
    with Predictor(tiny_bundle, variant="fp32", truncation="head_tail") as predictor:
        expected = run(predictor, tiny_bundle, ids[:15] + ids[-15:])
        np.testing.assert_allclose(predictor.logits([text])[0], expected, atol=1e-6)
        assert predictor(text).truncated
        assert predictor(text).score == pytest.approx(softmax(expected).max(), abs=1e-6)


@pytest.mark.parametrize("times", [2, 3, 6, 20])
def test_windows_average_the_probabilities_of_hand_made_ones(tiny_bundle: Path, times: int) -> None:
    text = " ".join(WORDS * times)
    cut = hand_made_windows(content(tiny_bundle, text))
    with Predictor(tiny_bundle, variant="fp32", truncation="windows") as predictor:
        expected = np.mean([softmax(run(predictor, tiny_bundle, ids)) for ids in cut], axis=0)
        assert 1 < len(cut) <= long_texts.MAX_WINDOWS
        prediction = predictor(text)
        assert not prediction.truncated
        assert prediction.scores == pytest.approx(dict(zip(predictor.labels, expected, strict=True)), abs=1e-6)
        texts = ["a dog", text, "soup", text]
        many = predictor.predict_proba(texts)
        np.testing.assert_allclose(many[1], expected, atol=1e-5)
        np.testing.assert_array_equal([item.score for item in predictor.predict(texts)], many.max(axis=1))
        np.testing.assert_allclose(predictor.logits(texts)[3], np.log(expected), atol=1e-4)


def test_windows_are_bounded_in_number(tiny_bundle: Path) -> None:
    most = ROOM + (long_texts.MAX_WINDOWS - 1) * STEP
    fits, longer = " ".join(["soup"] * most), " ".join(["soup"] * (most + 1))
    with Predictor(tiny_bundle, truncation="windows") as predictor:
        assert [item.truncated for item in predictor.predict([fits, longer])] == [False, True]
        assert not predictor(fits).truncated and predictor(longer).truncated


def test_windows_of_multi_label_average_each_label(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_bundle, folder)
    manifest = json.loads((folder / "bundle.json").read_text("utf-8"))
    manifest |= {"task": "multi_label", "thresholds": [0.5, 0.5, 0.5]}
    (folder / "bundle.json").write_text(json.dumps(manifest), "utf-8")
    with Predictor(folder, variant="fp32", truncation="windows") as predictor:
        logits = [run(predictor, folder, ids) for ids in hand_made_windows(content(folder, LONG))]
        expected = np.mean([1 / (1 + np.exp(-np.float64(row))) for row in logits], axis=0)
        np.testing.assert_allclose(predictor.predict_proba([LONG])[0], expected, atol=1e-6)


@pytest.mark.parametrize("multi_label", [False, True])
def test_averaging_is_finite_and_exact(multi_label: bool) -> None:
    scoring = Scoring((MultiLabel if multi_label else SingleLabel)(("a", "b", "c")))
    logits = np.array([[1e30, -1e30, 0], [-80, 90, 3], [0, 0, 0]], np.float32)
    assert np.isfinite(scoring.join(logits)).all()
    assert scoring.join(logits).dtype == np.float32
    same = scoring.join(np.array([[1, 2, 3]] * 4, np.float32))
    np.testing.assert_allclose(same - same[0], [0, 1, 2], atol=1e-6)


@pytest.mark.parametrize("truncation", long_texts.TRUNCATIONS)
def test_short_texts_are_the_same_and_enormous_ones_bounded(tiny_bundle: Path, truncation: str) -> None:
    exact = " ".join(["pizza"] * ROOM)
    with (
        Predictor(tiny_bundle, variant="fp32", truncation=truncation) as cut,
        Predictor(tiny_bundle, variant="fp32") as head,
    ):
        for text in ("", "a dog", exact):
            assert cut(text) == head(text) and not cut(text).truncated
        assert cut("a bowl of ramen " * 700_000).truncated
        assert cut("\u3000" * 10_000_000).truncated
        assert cut("x" * 10_000_000).truncated
        sparse = cut("a dog" + "\u3000" * 5_000 + "soup")
        assert not sparse.truncated and sparse.scores == pytest.approx(head("a dog soup").scores, abs=1e-6)
        both_ends = cut("a dog" + "\u3000" * 100_000 + "soup")
        assert both_ends.truncated
    if truncation == "head_tail":
        assert both_ends.scores == pytest.approx(sparse.scores, abs=1e-6)


def test_a_wrong_truncation_is_named(tiny_bundle: Path) -> None:
    with pytest.raises(InputError, match="no truncation 'tail': choose one of head, head_tail, windows"):
        Predictor(tiny_bundle, truncation="tail")
