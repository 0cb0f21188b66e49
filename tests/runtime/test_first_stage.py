"""The first stage: who answers which text, with which numbers, in any company; and a file that does not fit."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from edgetext import BundleError, InputError, IntegrityError, Predictor
from edgetext.runtime.bundle import open_bundle, write_manifest
from edgetext.runtime.held import Held
from edgetext.runtime.static import FIRST_STAGE_FILE, MAX_STATIC_BYTES, StaticModel, read_static, write_static
from tiny_onnx import LABELS, MARGIN, TEMPERATURE, THRESHOLDS, make_first, make_table

WORDS = ("soup", "dog", "road", "egg", "rice", "park", "a bowl of ramen", "rain", "the city", "fish")
TEXTS = [" ".join(WORDS[(3 * number + step) % 10] for step in range(1 + number % 7)) for number in range(120)]
TEXTS += ["", "Crème brûlée 🍮", "x", "pizza " * 60]


def by_hand(folder: Path, text: str, *, several: bool = False) -> np.ndarray[Any, Any]:
    """Computes the first stage's probabilities with none of the predictor's code."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(32)
    with closing(Held(folder / FIRST_STAGE_FILE)) as held:
        (logits,) = StaticModel(read_static(held)).logits([tokenizer.encode(text).ids]).astype(np.float64)
    powers = np.exp(logits)
    return powers / (1 + powers) if several else powers / powers.sum()


def stages(predictions: Any) -> list[str]:
    return [prediction.stage for prediction in predictions]


def test_the_sure_get_its_probabilities_and_the_others_those_of_the_model(tiny_first: Path) -> None:
    with Predictor(tiny_first) as predictor, Predictor(tiny_first, first_stage="off") as model:
        assert predictor.task.temperature == TEMPERATURE and model.first_stage is None
        assert predictor.first_stage is not None and predictor.first_stage.margin == MARGIN
        for text in TEXTS:
            expected = by_hand(tiny_first, text)
            least, best = np.sort(expected)[-2:]
            answer = predictor(text)
            if best - least >= MARGIN:
                assert answer.stage == "first"
                assert answer.scores == pytest.approx(dict(zip(LABELS, expected, strict=True)), abs=1e-6)
                assert (answer.label, answer.labels) == (LABELS[expected.argmax()], (answer.label,))
                np.testing.assert_allclose(predictor.predict_proba([text])[0], expected, atol=1e-6)
            else:
                assert answer == model(text)
                np.testing.assert_array_equal(predictor.logits([text]), model.logits([text]))
            assert answer.truncated == model(text).truncated
        found = stages(predictor(text) for text in TEXTS)
        assert 20 < found.count("first") < 100
        assert stages(model(text) for text in TEXTS) == ["model"] * len(TEXTS)


def test_it_can_be_asked_alone(tiny_first: Path, tiny_bundle: Path) -> None:
    with Predictor(tiny_first, deterministic=True) as predictor, Predictor(tiny_bundle) as without:
        expected = predictor.predict(TEXTS)
        before = predictor.answered
        found = [predictor.by_first_stage(text) for text in TEXTS]
        assert found == [one if one.stage == "first" else None for one in expected]
        assert predictor.answered.first - before.first == sum(one is not None for one in found) > 0
        assert predictor.answered.model == before.model
        assert without.by_first_stage("soup") is None
        with pytest.raises(InputError, match="Unicode"):
            predictor.by_first_stage("a \ud800")


@pytest.mark.parametrize("profile", ["latency", "throughput", "background"])
def test_many_texts_keep_their_order_and_their_stage(tiny_first: Path, profile: str) -> None:
    texts = TEXTS * 5
    with Predictor(tiny_first, profile=profile, threads=3) as predictor, Predictor(tiny_first) as alone:
        expected = [alone(text) for text in TEXTS] * 5
        for found in (
            predictor.predict(texts),
            list(predictor.stream(iter(texts), window=7)),
            asyncio.run(predictor.apredict(texts, 2)),
        ):
            assert stages(found) == stages(expected)
            for one, other in zip(found, expected, strict=True):
                if one.stage == "first":  # int8 depends on the company, the first stage does not
                    assert one.score == pytest.approx(other.score, abs=1e-6) and one.label == other.label
        scores = [prediction.score for prediction in predictor.predict(texts)]
        np.testing.assert_allclose(predictor.predict_proba(texts).max(axis=1), scores, atol=1e-6)


def test_32_threads_get_the_answers_of_one(tiny_first: Path) -> None:
    with Predictor(tiny_first) as predictor, ThreadPoolExecutor(32) as pool:
        expected = [predictor(text) for text in TEXTS]
        assert list(pool.map(predictor, TEXTS * 4)) == expected * 4
        first = stages(expected).count("first")
        assert predictor.answered == (5 * first, 5 * (len(TEXTS) - first))


@pytest.mark.parametrize("truncation", ["head", "windows"])
def test_deterministic_gives_the_same_in_any_company(tiny_first: Path, truncation: str) -> None:
    with Predictor(tiny_first, threads=2, deterministic=True, truncation=truncation) as predictor:
        expected = [predictor(text) for text in TEXTS]
        assert {"first", "model"} == set(stages(expected))
        assert predictor.predict(TEXTS) == expected
        assert list(predictor.stream(TEXTS[::-1], window=9)) == expected[::-1]
        np.testing.assert_array_equal(
            predictor.logits(TEXTS), np.concatenate([predictor.logits([text]) for text in TEXTS])
        )


def test_a_text_of_several_windows_goes_to_the_model(tiny_first: Path) -> None:
    with Predictor(tiny_first, truncation="windows") as predictor, Predictor(tiny_first) as head:
        long = next(text for word in WORDS if head(text := f"{word} " * 60).stage == "first")
        assert predictor(long).stage == "model"
        assert stages(predictor.predict(["soup", long])) == ["first", "model"]
        with Predictor(tiny_first, truncation="windows", first_stage="off") as model:
            assert predictor(long) == model(long)


def test_a_withheld_label_is_never_its_answer(tiny_first: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    folder = make_first(tiny_bundle, tmp_path / "bundle", withheld=("unclear",))
    with Predictor(folder) as predictor, Predictor(tiny_first) as trusting:
        before, after = trusting.predict(TEXTS), predictor.predict(TEXTS)
        assert stages(after) == stages(map(predictor, TEXTS))
    changed = [one.stage == "first" and one.label == "unclear" for one in before]
    assert any(changed)
    assert any(prediction.stage == "first" for prediction in after)
    expected = ["model" if own else one.stage for own, one in zip(changed, before, strict=True)]
    assert stages(after) == expected


@pytest.mark.parametrize("withheld", [(), ("food",)])
def test_several_labels_are_trusted_away_from_every_threshold(
    tiny_several: Path, tmp_path: Path, withheld: tuple[str, ...]
) -> None:
    folder = make_first(tiny_several, tmp_path / "bundle", margin=0.1, withheld=withheld)
    with Predictor(folder) as predictor:
        many = predictor.predict(TEXTS)
        for text, answer in zip(TEXTS, many, strict=True):
            expected = by_hand(folder, text, several=True)
            given = expected >= THRESHOLDS
            trusted = (np.abs(expected - THRESHOLDS) >= 0.1).all() and not (withheld and given[0])
            assert answer.stage == predictor(text).stage == ("first" if trusted else "model")
            if trusted:
                assert set(answer.labels) == {label for label, own in zip(LABELS, given, strict=True) if own}
                assert answer.scores == pytest.approx(dict(zip(LABELS, expected, strict=True)), abs=1e-6)
    assert {"first", "model"} == set(stages(many))


def test_only_the_variant_that_it_was_tried_with_has_it(tiny_first: Path) -> None:
    with Predictor(tiny_first, variant="fp32") as predictor:
        assert predictor.first_stage is None
        assert set(stages(predictor.predict(TEXTS))) == {"model"}
    for wrong in ("on", "", None, True):
        with pytest.raises(InputError, match=r"first_stage .*auto, off"):
            Predictor(tiny_first, first_stage=wrong)  # type: ignore[arg-type]


def test_the_confidence_and_top_k_hold_for_both(tiny_first: Path) -> None:
    with Predictor(tiny_first, min_confidence=0.8) as predictor:
        for prediction in predictor.predict(TEXTS, top_k=1):
            assert prediction.sure == (prediction.score >= 0.8)
            assert len(prediction.scores) == 1
        with pytest.raises(InputError, match="text 1 is 3"):
            predictor.predict(["soup", 3])  # type: ignore[list-item]


def test_it_counts_who_answered(tiny_first: Path) -> None:
    with Predictor(tiny_first) as predictor:
        assert predictor.answered == (0, 0) and predictor.answered.coverage == 0
        first = stages(predictor.predict(TEXTS)).count("first")
        predictor.predict_proba(TEXTS)
        predictor(next(text for text in TEXTS if predictor(text).stage == "model"))
        answered = predictor.answered
        assert answered.first >= 2 * first
        assert answered.coverage == answered.first / (answered.first + answered.model)
        copy = pickle.loads(pickle.dumps(predictor))
        with copy:
            assert copy.answered == (0, 0)
            assert stages(copy.predict(TEXTS)) == stages(predictor.predict(TEXTS))
        with pickle.loads(pickle.dumps(Predictor(tiny_first, first_stage="off"))) as off:
            assert off.first_stage is None and stages(off.predict(["soup"])) == ["model"]
            assert off.answered == (0, 1)


FORK = """
import os, sys
from edgetext import Predictor
classify = Predictor(sys.argv[1], threads=2)
texts = ["soup", "dog", "rice", "the road", "fish and egg"] * 9
expected = classify.predict(texts)
child = os.fork()
if child == 0:
    same = classify.answered == (0, 0) and [p.stage for p in classify.predict(texts)] == [p.stage for p in expected]
    os._exit(0 if same and sum(classify.answered) == len(texts) else 1)
assert os.waitpid(child, 0)[1] == 0
assert sum(classify.answered) == len(texts) and classify("soup") == expected[0]
print({p.stage for p in expected} == {"first", "model"})
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_one_of_its_own(tiny_first: Path) -> None:
    command = [sys.executable, "-c", FORK, str(tiny_first)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.fixture
def folder(tiny_first: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_first, tmp_path / "bundle")
    return tmp_path / "bundle"


def test_another_file_is_refused_by_its_checksum(folder: Path) -> None:
    file = folder / FIRST_STAGE_FILE
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(IntegrityError, match=FIRST_STAGE_FILE):
        Predictor(folder)
    Predictor(folder, verify=False).close()
    Predictor(folder, first_stage="off").close()
    file.write_bytes(content[:200])
    with pytest.raises(BundleError, match="no table of word vectors"):
        Predictor(folder, verify=False)


def test_a_missing_one_is_told_when_the_bundle_is_opened(folder: Path) -> None:
    manifest = open_bundle(folder).manifest
    (folder / FIRST_STAGE_FILE).unlink()
    with pytest.raises(BundleError, match=f"{FIRST_STAGE_FILE} is missing"):
        open_bundle(folder)
    with pytest.raises(BundleError, match=f"{FIRST_STAGE_FILE} is missing"):
        write_manifest(folder, manifest)


def test_one_larger_than_any_is_not_read(folder: Path) -> None:
    with (folder / FIRST_STAGE_FILE).open("r+b") as stream:
        stream.truncate(MAX_STATIC_BYTES + 1)  # sparse: no disk is used
    with pytest.raises(BundleError, match="larger than any"):
        Predictor(folder, verify=False)


@pytest.mark.parametrize("path", ["../first_stage.safetensors", "/tmp/first_stage.safetensors", "a\\b"])
def test_a_path_that_leaves_the_folder_is_refused(folder: Path, path: str) -> None:
    document = json.loads((folder / "bundle.json").read_text("utf-8"))
    document["first_stage"]["file"] = path
    (folder / "bundle.json").write_text(json.dumps(document), "utf-8")
    with pytest.raises(BundleError, match="leaves the bundle's folder"):
        Predictor(folder)


@pytest.mark.parametrize(("change", "message"), [({"labels": 4}, "4 scores a text"), ({"tokens": 50}, "50 tokens")])
def test_one_of_another_model_is_refused(folder: Path, change: dict[str, int], message: str) -> None:
    write_static(folder / FIRST_STAGE_FILE, make_table(folder, **change))
    with pytest.raises(BundleError, match=f"{FIRST_STAGE_FILE} .*{message}.*another model"):
        Predictor(folder, verify=False)


def test_numbers_that_leave_float32_are_refused(folder: Path) -> None:
    table = make_table(folder)
    for name in ("scale", "weight", "bias"):
        with pytest.raises(ValueError, match="finite"):
            write_static(folder / "t", replace(table, **{name: getattr(table, name) * np.float32(1e30)}))


def test_a_folder_without_a_manifest_has_none(folder: Path) -> None:
    (folder / "bundle.json").unlink()
    with Predictor(folder) as predictor:
        assert predictor.first_stage is None
        assert predictor("soup").stage == "model"


def test_closing_holds_for_the_texts_that_it_would_answer(tiny_first: Path) -> None:
    predictor = Predictor(tiny_first, threads=2)
    assert predictor("soup").stage == "first"
    stream = predictor.stream(["soup"] * 100, window=8)
    next(stream)
    predictor.close()
    for call in (lambda: predictor("soup"), lambda: predictor.predict(["soup"]), lambda: list(stream)):
        with pytest.raises(InputError, match="closed"):
            call()
