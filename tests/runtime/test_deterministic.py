from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgetext import Predictor

TEXTS = [" ".join(["soup", "dog", "road", "egg"] * (1 + number % 12))[: 3 + number] for number in range(150)]


@pytest.mark.parametrize("profile", ["latency", "throughput", "background"])
@pytest.mark.parametrize("truncation", ["head", "head_tail", "windows"])
def test_any_company_gives_the_answer_of_one_alone(tiny_bundle: Path, profile: str, truncation: str) -> None:
    with (
        Predictor(tiny_bundle, profile=profile, threads=3, truncation=truncation, deterministic=True) as predictor,
        Predictor(tiny_bundle, threads=1, truncation=truncation, deterministic=True) as alone,
    ):
        assert predictor.variant.name == "int8"
        expected = [alone(text) for text in TEXTS]
        assert predictor.predict(TEXTS) == expected
        assert list(predictor.stream(iter(TEXTS[::-1]), window=7)) == expected[::-1]
        np.testing.assert_array_equal(
            predictor.logits(TEXTS), np.concatenate([alone.logits([text]) for text in TEXTS])
        )


def test_without_it_int8_depends_on_the_company(tiny_bundle: Path) -> None:
    with Predictor(tiny_bundle, threads=1) as predictor:
        alone = np.concatenate([predictor.predict_proba([text]) for text in TEXTS])
        together = predictor.predict_proba(TEXTS)
    assert not np.array_equal(alone, together)
    np.testing.assert_allclose(alone, together, atol=0.2)
