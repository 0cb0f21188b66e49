"""Many texts get a second session, of the very files that the first was loaded from; single ones never do."""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from edgetext import InputError, Predictor
from edgetext.runtime.scheduler import BULK_AFTER, BULK_CALL

TEXTS = [" ".join(["soup", "dog", "road", "egg"] * (1 + number % 9))[: 3 + number % 50] for number in range(400)]


def sessions(predictor: Predictor) -> int:
    return len({id(lane.model) for lane in predictor._scheduler._lanes()})


@pytest.fixture
def folder(tiny_bundle: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_bundle, tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.mark.parametrize("variant", ["fp32", "int8"])
def test_the_default_profile_answers_many_as_throughput_does(tiny_bundle: Path, variant: str) -> None:
    with (
        Predictor(tiny_bundle, variant=variant, threads=2) as default,
        Predictor(tiny_bundle, variant=variant, profile="throughput", threads=2) as throughput,
    ):
        for _ in range(2):  # the second session opens within the first call
            np.testing.assert_array_equal(default.logits(TEXTS), throughput.logits(TEXTS))
        assert default.predict(TEXTS) == throughput.predict(TEXTS)
        assert list(default.stream(iter(TEXTS))) == list(throughput.stream(iter(TEXTS)))
        assert (sessions(default), sessions(throughput)) == (2, 1)


@pytest.mark.parametrize("options", [{"threads": 1}, {"profile": "background"}, {"profile": "throughput"}])
def test_where_it_would_change_nothing_there_is_one_session(tiny_bundle: Path, options: dict[str, object]) -> None:
    with Predictor(tiny_bundle, **options) as predictor:  # type: ignore[arg-type]
        predictor.predict(TEXTS)
        assert sessions(predictor) == 1


def test_single_texts_and_small_calls_open_no_second_session(tiny_bundle: Path) -> None:
    small = TEXTS[: BULK_CALL - 1]
    with Predictor(tiny_bundle, threads=2) as predictor:
        for _ in range(BULK_AFTER // len(small) + 1):
            predictor.predict(small)
        for text in TEXTS:
            predictor(text)
        assert len(list(predictor.stream(TEXTS, window=1))) == len(TEXTS)
        assert sessions(predictor) == 1
        for _ in range(BULK_AFTER // BULK_CALL):
            assert sessions(predictor) == 1
            predictor.predict(TEXTS[:BULK_CALL])
        assert sessions(predictor) == 2


@pytest.mark.skipif(os.name != "posix", reason="a loaded file cannot be replaced on Windows")
@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_a_bundle_that_changed_since_it_was_loaded_is_not_opened_again(
    folder: Path, change: str, verify: bool
) -> None:
    file = folder / "onnx/model_quantized.onnx"
    with Predictor(folder, threads=2, verify=verify) as predictor:
        expected = predictor(TEXTS[0])
        if change == "removed":
            shutil.rmtree(folder)
        else:
            shutil.copy(file.with_name("model.onnx"), folder / "new")
            (folder / "new").replace(file)
        for _ in range(2):
            assert len(predictor.predict(TEXTS)) == len(TEXTS)
        assert sessions(predictor) == 1
        assert predictor(TEXTS[0]) == expected


def test_many_threads_open_one_second_session(tiny_bundle: Path) -> None:
    together = threading.Barrier(8)
    with Predictor(tiny_bundle, threads=2) as predictor:
        expected = predictor.predict(TEXTS[:250])

        def call(_: int) -> bool:
            together.wait(10)
            return predictor.predict(TEXTS[:250]) == expected

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(call, range(8)))
        assert sessions(predictor) == 2


def test_closing_ends_both_sessions(tiny_bundle: Path) -> None:
    predictor = Predictor(tiny_bundle, threads=2)
    predictor.predict(TEXTS)
    stream = predictor.stream(iter(TEXTS * 9))
    next(stream)
    predictor.close()
    for call in (lambda: predictor.predict(TEXTS), lambda: list(stream), lambda: predictor("a dog")):
        with pytest.raises(InputError, match="closed"):
            call()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("edgetext")]
