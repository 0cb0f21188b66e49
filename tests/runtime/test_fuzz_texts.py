from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from edgetext import InputError, Prediction, Predictor

pytestmark = pytest.mark.slow

EXAMPLES, TEXTS = 500, 20

SURROGATES = st.characters(categories=["Cs"])
CONTROL = st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Co", "Cn"])
MARKS = st.characters(categories=["Mn", "Me", "Mc"])  # a letter may carry any number of them
WORDS = st.sampled_from(
    ["a dog", "ramen", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "##s", "\u3000", "\ufeff", "\0", "🍣"]
)
TEXT = st.one_of(
    st.text(max_size=60),
    st.text(CONTROL, max_size=30),
    st.text(MARKS, max_size=30),
    st.text(st.one_of(st.characters(), SURROGATES), max_size=30),
    st.lists(WORDS, max_size=60).map(" ".join),
    st.just(""),
    st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=4), st.integers(100, 2_000)),
)
ENORMOUS = (
    "a" * 1_000_000,
    " " * 1_000_000,
    "a dog " * 200_000,
    "\u0301" * 200_000,
    "日本" * 200_000,
    "\0" * 500_000,
)


@pytest.fixture(scope="module", params=["latency", "throughput"])
def classify(tiny_bundle: Path, request: pytest.FixtureRequest) -> Iterator[Predictor]:
    with Predictor(tiny_bundle, profile=request.param, threads=2) as predictor:
        yield predictor


def test_every_text_has_an_answer_or_one_line(classify: Predictor, tried: Callable[[str, int], None]) -> None:
    count = 0

    @seed(1)
    @settings(max_examples=EXAMPLES // 2, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(TEXT, min_size=TEXTS, max_size=TEXTS))
    def check(texts: list[str]) -> None:
        nonlocal count
        count += len(texts)
        good = [text for text in texts if is_unicode(text)]
        for prediction in classify.predict(good):
            check_prediction(classify, prediction)
        check_prediction(classify, classify(good[0])) if good else None
        bad = [place for place, text in enumerate(texts) if not is_unicode(text)]
        if bad:
            with pytest.raises(
                InputError, match=rf"^text {bad[0]} is no valid Unicode: character \d+ is"
            ) as caught:
                classify.predict(texts)
            assert "\n" not in str(caught.value)

    check()
    tried("texts", count)
    assert count >= EXAMPLES // 2 * TEXTS


@pytest.mark.parametrize("text", ENORMOUS, ids=lambda text: f"{len(text):,} of {text[:3]!a}")
@pytest.mark.parametrize("truncation", ["head", "head_tail", "windows"])
def test_an_enormous_text_has_an_answer(tiny_bundle: Path, text: str, truncation: str) -> None:
    with Predictor(tiny_bundle, threads=1, truncation=truncation) as classify:
        check_prediction(classify, classify(text))


def is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def check_prediction(classify: Predictor, prediction: Prediction) -> None:
    assert prediction.label in classify.labels
    assert prediction.score == max(prediction.scores.values())
    assert math.isclose(sum(prediction.scores.values()), 1, abs_tol=1e-5)
