from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edgetext import InputError, Predictor
from edgetext.runtime.encode import Encoder, load_tokenizer
from edgetext.runtime.graph import KNOWN_INPUTS, Graph

LONG = " ".join(["pizza", "and", "soup"] * 20)
PAIRS = [
    ("a dog in the park", "the cat sits"),
    ("a dog", ""),
    ("", "a dog"),
    (LONG, "a dog"),
    ("a dog", LONG),
    (LONG, "the road to the mountain near the river by the sea and the park"),
    (LONG, LONG + " bread"),
    # The longer part has the odd token, also where both are cut before they are tokenized together.
    ("a dog " * 40, "the road to the mountain " * 30),
    ("the road to the mountain " * 30, "a dog " * 40),
    ("a dog " * 90, "a dog " * 91),
    ("a dog " * 91, "a dog " * 90),
]


@pytest.fixture(scope="module")
def classify(tiny_bundle: Path) -> Iterator[Predictor]:
    with Predictor(tiny_bundle, variant="fp32") as predictor:
        yield predictor


def encoder(bundle: Path) -> Encoder:
    tokenizer = load_tokenizer((bundle / "tokenizer.json").read_bytes())
    return Encoder(tokenizer, 32, Graph(KNOWN_INPUTS, "int64", "logits"))


def by_transformers(bundle: Path, pair: tuple[str, str]) -> dict[str, list[int]]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(bundle)
    found = tokenizer([pair], truncation="longest_first", max_length=32)  # given alone, ("a", "") would be one text
    return {name: values[0] for name, values in found.items()}


@pytest.mark.parametrize("pair", PAIRS)
def test_a_pair_is_encoded_as_transformers_does(
    classify: Predictor, tiny_bundle: Path, pair: tuple[str, str]
) -> None:
    expected = by_transformers(tiny_bundle, pair)
    found = encoder(tiny_bundle).encode(pair)
    assert found.ids == expected["input_ids"]
    assert found.type_ids == expected["token_type_ids"] and 1 in found.type_ids
    session = onnxruntime.InferenceSession(tiny_bundle / "onnx/model.onnx", providers=["CPUExecutionProvider"])
    logits = session.run(["logits"], {name: np.array([expected[name]]) for name in KNOWN_INPUTS})[0]
    np.testing.assert_allclose(classify.logits([pair]), logits, atol=1e-6)
    assert classify(pair).truncated == (LONG in pair or len("".join(pair)) > 200)


def test_pairs_and_texts_may_stand_together(classify: Predictor) -> None:
    texts = ["a dog", *PAIRS, "soup"]
    alone = [classify(text).scores for text in texts]
    for prediction, row, expected in zip(
        classify.predict(texts), classify.predict_proba(texts), alone, strict=True
    ):
        assert prediction.scores == pytest.approx(expected, abs=1e-5)
        assert row.max() == pytest.approx(max(expected.values()), abs=1e-5)
    assert len(list(classify.stream(iter(texts)))) == len(texts)


def test_the_order_counts_and_a_list_is_two_texts(classify: Predictor) -> None:
    first, second = classify.logits([("a dog", "soup"), ("soup", "a dog")])
    assert not np.allclose(first, second)
    assert classify.logits(["a dog", "soup"]).shape == (2, 3)
    with pytest.raises(InputError, match=r"the text is .* of type list: expected a string; a pair is a tuple"):
        classify(["a dog", "soup"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ((), "text 1 is \\(\\) of type tuple, with 0 parts: expected a string, or a pair of two strings"),
        (("a",), "text 1 is .* of type tuple, with 1 parts"),
        (("a", "b", "c"), "text 1 is .* of type tuple, with 3 parts"),
        (("a", None), "the second part of text 1 is None of type NoneType: expected a string"),
        ((3, "b"), "the first part of text 1 is 3 of type int: expected a string"),
        (("a", "b\ud800"), "the second part of text 1 is no valid Unicode: character 1 is the lone surrogate"),
    ],
)
def test_a_wrong_pair_is_one_sentence(classify: Predictor, wrong: tuple[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        classify.predict(["a dog", wrong])
    assert "\n" not in str(caught.value)


def test_other_truncations_refuse_pairs(tiny_bundle: Path) -> None:
    message = "text 1 is a pair, which truncation='windows' cannot cut: choose 'head'"
    with Predictor(tiny_bundle, truncation="windows") as predictor, pytest.raises(InputError, match=message):
        predictor.predict(["a dog", ("a", "b")])


def test_an_enormous_pair_has_the_answer_of_its_beginnings(classify: Predictor) -> None:
    huge = "a bowl of ramen " * 700_000
    expected = classify((huge[:200], huge[:200])).scores
    assert classify((huge, huge)).scores == pytest.approx(expected, abs=1e-6)
    dense = "\u3000" * 400 + "ramen!" * 1_000_000
    assert classify((dense, dense)).truncated
    assert classify(("\u3000" * 10_000_000, "a dog")).truncated
