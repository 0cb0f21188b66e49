from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pandas
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from edgetext import InputError, Prediction, Predictor
from edgetext.runtime.bundle import open_bundle

LONG = "a bowl of ramen and " * 20
TEXTS = ["a bowl of ramen", "", "a dog in the park, near the river", "x", LONG, "Crème brûlée 🍮 — ok?", "   "]


@pytest.fixture(scope="module")
def classify(tiny_bundle: Path) -> Iterator[Predictor]:
    with Predictor(tiny_bundle, variant="fp32") as predictor:
        yield predictor


def by_hand(folder: Path, text: str, file: str = "onnx/model.onnx") -> np.ndarray:
    """Runs the graph on hand-tokenized input, with none of the package's code."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(32)
    encoding = tokenizer.encode(text)
    session = onnxruntime.InferenceSession(folder / file, providers=["CPUExecutionProvider"])
    names = {
        "input_ids": encoding.ids,
        "attention_mask": encoding.attention_mask,
        "token_type_ids": encoding.type_ids,
    }
    return session.run(["logits"], {name: np.array([values]) for name, values in names.items()})[0][0]


@pytest.mark.parametrize("text", TEXTS)
def test_logits_are_those_of_a_hand_run_session(classify: Predictor, tiny_bundle: Path, text: str) -> None:
    expected = by_hand(tiny_bundle, text)
    np.testing.assert_allclose(classify.logits([text])[0], expected, atol=1e-6)
    powers = np.exp(expected - expected.max())
    prediction = classify(text)
    assert prediction.label == classify.labels[int(expected.argmax())]
    assert prediction.scores == pytest.approx(
        dict(zip(classify.labels, powers / powers.sum(), strict=True)), abs=1e-6
    )
    assert prediction.score == max(prediction.scores.values())


def test_the_default_variant_is_the_manifests(tiny_bundle: Path) -> None:
    with Predictor(tiny_bundle) as predictor:
        assert predictor.variant.name == "int8"
        expected = by_hand(tiny_bundle, TEXTS[0], "onnx/model_quantized.onnx")
        np.testing.assert_allclose(predictor.logits(TEXTS[:1])[0], expected, atol=1e-6)


@pytest.mark.parametrize("profile", ["latency", "throughput", "background"])
def test_many_texts_give_the_answers_of_one_in_order(tiny_bundle: Path, classify: Predictor, profile: str) -> None:
    texts = [text[: 1 + number % 40] for number, text in enumerate(TEXTS * 60)]
    with Predictor(tiny_bundle, variant="fp32", profile=profile, threads=3) as predictor:
        many = predictor.predict(texts)
        assert list(predictor.stream(iter(texts))) == many
        probabilities = predictor.predict_proba(texts)
    assert probabilities.dtype == np.float32 and probabilities.shape == (len(texts), 3)
    for text, prediction, row in zip(texts, many, probabilities, strict=True):
        one = classify(text)
        assert prediction.scores == pytest.approx(one.scores, abs=1e-5)
        assert prediction.truncated == one.truncated
        assert prediction.score == pytest.approx(row.max(), abs=1e-6)


def test_truncated_tells_of_a_text_longer_than_the_model_reads(classify: Predictor) -> None:
    words = " ".join(["pizza"] * 30)  # with the two special tokens exactly max_length
    assert classify.max_length == 32
    assert not classify(words).truncated
    assert classify(words + " pizza").truncated
    assert [item.truncated for item in classify.predict(["pizza", LONG])] == [False, True]


def test_a_huge_text_has_the_answer_of_its_beginning_at_once(classify: Predictor) -> None:
    huge = "a bowl of ramen " * 700_000
    assert classify(huge).scores == pytest.approx(classify(huge[:2000]).scores)
    assert classify("\u3000" * 10_000_000).truncated


def test_top_k_and_labels(classify: Predictor) -> None:
    assert classify.labels == ("food", "not_food", "unclear")
    assert classify.task.name == "single_label"
    whole = classify("a dog")
    assert list(classify("a dog", top_k=2).scores.items()) == list(whole.scores.items())[:2]
    assert len(classify.predict(["a dog"], top_k=1)[0].scores) == 1
    assert whole.labels == (whole.label,)


def test_nothing_gives_nothing(classify: Predictor) -> None:
    assert classify.predict([]) == []
    assert classify.predict_proba([]).shape == (0, 3)


def test_multi_label_gives_what_reaches_the_thresholds(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = changed(tiny_bundle, tmp_path, task="multi_label", thresholds=[0.0, 1.0, 0.5])
    logits = by_hand(folder, "a dog")
    expected = 1 / (1 + np.exp(-logits))
    with Predictor(folder, variant="fp32") as predictor:
        prediction = predictor("a dog")
        np.testing.assert_allclose(predictor.predict_proba(["a dog"])[0], expected, atol=1e-6)
    assert set(prediction.labels) == {"food"} | ({"unclear"} if expected[2] >= 0.5 else set())


def test_padding_and_truncation_in_the_tokenizer_file_are_not_used(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = changed(tiny_bundle, tmp_path, files={})
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(length=20)
    tokenizer.enable_truncation(4)
    tokenizer.save(str(folder / "tokenizer.json"))
    text = "a dog in the park near the river"
    with Predictor(folder, variant="fp32") as predictor:
        np.testing.assert_allclose(predictor.logits([text])[0], by_hand(tiny_bundle, text), atol=1e-6)


def test_32_threads_get_the_answers_of_one(classify: Predictor) -> None:
    texts = [text[:30] for text in TEXTS] * 64
    expected = [classify(text) for text in texts]
    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(classify, texts))
    assert found == expected


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["fine", 3], "text 1 is 3 of type int: expected a string"),
        (["fine", None], "text 1 is None of type NoneType"),
        ([float("nan")], "text 0 is nan of type float"),
        (
            ["fine"] * 50 + ["ok \ud83d"],
            r"text 50 is no valid Unicode: character 3 is the lone surrogate '\\ud83d'",
        ),
        (["fine", ["a", "b"]], "text 1 is .* of type list: expected a string; a pair is a tuple"),
        (["fine", ["a"] * 999], "text 1 is .* of type list"),
        ("one text", "expected several texts, found 'one text'"),
        (3, "expected several texts, found an object of type int"),
        (b"bytes", "type bytes: give a list of strings"),
        ({"text": ["a"]}, "type dict: give a list of strings"),
        ({"a", "b"}, "type set: give a list of strings"),
        (pandas.DataFrame({"text": ["a", "b", "c"], "label": [1, 2, 3]}), r"type DataFrame: .*table\['text'\]"),
        (pyarrow.table({"text": ["a"]}), "type Table: give its column"),
    ],
)
def test_what_is_no_text_is_refused_by_its_place(classify: Predictor, texts: object, message: str) -> None:
    for method in (classify.predict, classify.predict_proba, classify.logits):
        with pytest.raises(InputError, match=message):
            method(texts)  # type: ignore[operator]


def test_columns_of_tables_are_texts(classify: Predictor) -> None:
    texts = ["a dog", "a cat", "a bowl of soup"]
    expected = classify.predict_proba(texts)
    for column in (tuple(texts), iter(texts), np.array(texts), pandas.DataFrame({"text": texts})["text"]):
        np.testing.assert_array_equal(classify.predict_proba(column), expected)


@pytest.mark.parametrize("wrong", [None, 3, b"bytes", "\udc80", ["a"], ["a"] * 999])
def test_one_text_that_is_none_is_refused(classify: Predictor, wrong: object) -> None:
    with pytest.raises(InputError, match="the text is"):
        classify(wrong)  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=[]), max_size=200))
def test_any_unicode_gets_an_answer(classify: Predictor, text: str) -> None:
    try:
        prediction = classify(text)
    except InputError:
        assert any("\ud800" <= letter <= "\udfff" for letter in text)
        return
    assert sum(prediction.scores.values()) == pytest.approx(1, abs=1e-5)


def test_a_closed_predictor_says_so(tiny_bundle: Path) -> None:
    for profile in ("latency", "throughput"):
        with Predictor(tiny_bundle, profile=profile, threads=2) as predictor:
            predictor("a dog")
        predictor.close()
        with pytest.raises(InputError, match="closed"):
            predictor("a dog")
        with pytest.raises(InputError, match="closed"):
            predictor.predict(["a dog"])


def test_a_stream_that_is_left_early_does_not_block(tiny_bundle: Path) -> None:
    with Predictor(tiny_bundle, profile="throughput", threads=2) as predictor:
        stream = predictor.stream("a dog" for _ in range(100_000))
        assert isinstance(next(stream), Prediction)
        stream.close()


def test_a_stream_is_read_a_window_ahead_at_most(tiny_bundle: Path) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "a dog"

    with Predictor(tiny_bundle, profile="throughput", threads=2) as predictor:
        stream = predictor.stream(endless(), window=16)
        for _ in range(40):
            next(stream)
        assert taken <= 40 + 2 * 16
        stream.close()
        taken = 0
        next(predictor.stream(endless(), window=1))
        assert taken == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile": "fast"}, "no profile 'fast': choose one of latency, throughput, background"),
        ({"threads": 0}, "threads must be a whole number from 1 on"),
        ({"threads": "2"}, "threads must be a whole number from 1 on"),
        ({"variant": "int4"}, "no variant 'int4': it has fp32, int8"),
    ],
)
def test_wrong_options_are_named(tiny_bundle: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Predictor(tiny_bundle, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "session",
    [
        {"graph_optimization_level": "disable"},
        {"disabled_optimizers": ["SkipLayerNormFusion", "BiasGeluFusion"]},
        {"config": {"session.x64quantprecision": "1"}},
    ],
)
def test_session_options_of_the_variant_are_used(
    tiny_bundle: Path, tmp_path: Path, session: dict[str, object]
) -> None:
    folder = changed(tiny_bundle, tmp_path)
    manifest = json.loads((folder / "bundle.json").read_text("utf-8"))
    manifest["variants"][0]["session"] = session
    (folder / "bundle.json").write_text(json.dumps(manifest), "utf-8")
    with Predictor(folder, variant="fp32") as predictor:
        np.testing.assert_allclose(predictor.logits(["a dog"])[0], by_hand(folder, "a dog"), atol=1e-5)


def test_a_checked_copy_says_what_the_original_says(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = changed(tiny_bundle, tmp_path)
    assert open_bundle(folder).manifest == open_bundle(tiny_bundle).manifest
    rows = [dict(row) for row in csv.DictReader(["text", "a dog"])]
    with Predictor(folder) as copy, Predictor(tiny_bundle) as original:
        assert copy.predict(row["text"] for row in rows) == original.predict(row["text"] for row in rows)


def changed(bundle: Path, place: Path, **fields: object) -> Path:
    """Gives a copy of a bundle with other fields in its manifest."""
    folder = place / "copy"
    shutil.copytree(bundle, folder)
    manifest = json.loads((folder / "bundle.json").read_text("utf-8")) | fields
    (folder / "bundle.json").write_text(json.dumps(manifest), "utf-8")
    return folder
