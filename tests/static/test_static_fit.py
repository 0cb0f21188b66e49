"""Tables of word vectors: what they begin with, what they learn, how they are rounded, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from edgetext.checkpoint import Checkpoint
from edgetext.data.held_out import held_out
from edgetext.errors import InputError, ModelError
from edgetext.progress import Silent
from edgetext.runtime.encode import Encoder, load_tokenizer
from edgetext.runtime.graph import Graph
from edgetext.runtime.static import StaticModel
from edgetext.static.fit import (
    Fitted,
    Lesson,
    StaticSettings,
    Weights,
    check_quantized,
    fit_static,
    make_targets,
    places,
    quantize,
    table_size,
)
from edgetext.static.vectors import principal, token_vectors, zipf_weights
from edgetext.task import MultiLabel, SingleLabel

NAN = float("nan")


@pytest.fixture(scope="module")
def tokenizer(tiny_checkpoint: Checkpoint) -> bytes:
    return (tiny_checkpoint.path / "tokenizer.json").read_bytes()


@pytest.fixture(scope="module")
def lesson(tiny_checkpoint: Checkpoint) -> Lesson:
    assert tiny_checkpoint.split is not None
    rows = held_out(tiny_checkpoint.split, "train")
    answers = np.array([[0.9, 0.1] if row.labels == (tiny_checkpoint.labels[0],) else [0.1, 0.9] for row in rows])
    return Lesson([row.text for row in rows], [row.labels for row in rows], answers.astype(np.float32))


@pytest.fixture(scope="module")
def fitted(tiny_checkpoint: Checkpoint, tokenizer: bytes, lesson: Lesson) -> Fitted:
    return fit_static(tiny_checkpoint, tokenizer, lesson, StaticSettings(), Silent())


@pytest.fixture(scope="module")
def ids(tiny_checkpoint: Checkpoint, tokenizer: bytes) -> Callable[[str], list[int]]:
    encoder = Encoder(
        load_tokenizer(tokenizer), tiny_checkpoint.max_length, Graph(("input_ids",), "int64", "logits")
    )
    return lambda text: encoder.encode(text).ids


def right(fitted: Fitted, lesson: Lesson, ids: Callable[[str], list[int]], task: SingleLabel) -> float:
    logits = StaticModel(fitted.table).logits([ids(str(text)) for text in lesson.texts])
    truth = lesson.answers.argmax(axis=1)
    return float((task.answers(task.probabilities(logits)) == truth).mean())


def test_it_learns_what_the_model_answers(
    fitted: Fitted, lesson: Lesson, ids: Callable[[str], list[int]], tiny_checkpoint: Checkpoint
) -> None:
    task = tiny_checkpoint.task
    assert isinstance(task, SingleLabel)
    assert right(fitted, lesson, ids, task) > 0.95
    assert (
        fitted.table.vocabulary
        == max(load_tokenizer((tiny_checkpoint.path / "tokenizer.json").read_bytes()).get_vocab().values()) + 1
    )


def test_texts_without_labels_teach_by_the_answer_alone(
    tiny_checkpoint: Checkpoint, tokenizer: bytes, lesson: Lesson, ids: Callable[[str], list[int]]
) -> None:
    unlabelled = replace(lesson, labels=[None] * len(lesson.texts))
    found = fit_static(tiny_checkpoint, tokenizer, unlabelled, StaticSettings(), Silent())
    assert isinstance(tiny_checkpoint.task, SingleLabel)
    assert right(found, lesson, ids, tiny_checkpoint.task) > 0.95


def test_the_same_seed_makes_the_same_table(
    tiny_checkpoint: Checkpoint, tokenizer: bytes, lesson: Lesson, fitted: Fitted
) -> None:
    again = fit_static(tiny_checkpoint, tokenizer, lesson, StaticSettings(), Silent()).table
    assert np.array_equal(again.table, fitted.table.table)
    assert np.array_equal(again.weight, fitted.table.weight)


def test_tokens_are_found_by_their_names_where_the_ids_differ(tiny_checkpoint: Checkpoint) -> None:
    known = load_tokenizer((tiny_checkpoint.path / "tokenizer.json").read_bytes()).get_vocab()
    some = sorted(known, key=known.__getitem__)[-40:]
    whole = token_vectors(
        tiny_checkpoint, {token: known[token] for token in some}, sorted(known.values())[-40:], 8, Silent()
    )
    other = {token: place for place, token in enumerate(some)}
    trimmed = token_vectors(tiny_checkpoint, other, range(40), 8, Silent())
    assert trimmed.shape == (40, 8)
    assert np.allclose(trimmed, whole[[known[token] for token in some]], atol=1e-4)


def test_a_vocabulary_of_another_model_is_refused(tiny_checkpoint: Checkpoint) -> None:
    with pytest.raises(ModelError, match="no token"):
        token_vectors(tiny_checkpoint, {"qqq-not-there": 0}, [0], 8, Silent())


def test_principal_components_are_centred_and_of_unit_deviation() -> None:
    states = np.random.default_rng(2).normal(3, [5, 1, 0.1], (500, 3))
    reduced = principal(states, 2)
    assert reduced.shape == (500, 2)
    assert np.allclose(reduced.mean(axis=0), 0, atol=1e-4)
    assert reduced.std() == pytest.approx(1, abs=1e-3)
    assert reduced[:, 0].std() > 4 * reduced[:, 1].std()


def test_frequent_tokens_weigh_less() -> None:
    weights = zipf_weights(np.array([0, 10, 30_000]), 30_522)
    assert weights[0] < weights[1] < weights[2]
    assert weights[0] == pytest.approx(0.001 / (0.001 + 1 / (2 * np.log(30_522))), rel=1e-4)


def test_a_target_is_half_the_label_and_half_the_answer() -> None:
    answers = np.array([[0.6, 0.4], [0.6, 0.4], [NAN, NAN]], np.float32)
    lesson = Lesson(["x"] * 3, [("b",), None, ("a",)], answers)
    found = make_targets(SingleLabel(("a", "b")), lesson)
    assert np.allclose(found, [[0.3, 0.7], [0.6, 0.4], [1, 0]])
    several = make_targets(MultiLabel(("a", "b")), replace(lesson, labels=[("a", "b"), None, ()]))
    assert np.allclose(several, [[0.8, 0.7], [0.6, 0.4], [0, 0]])
    with pytest.raises(ModelError):
        make_targets(SingleLabel(("a", "b")), replace(lesson, labels=[("b",), None, None]))


@pytest.mark.parametrize(
    ("vocabulary", "megabytes", "dimensions"), [(30_522, 8, 128), (30_522, 4, 80), (250_002, 8, 24)]
)
def test_the_size_is_kept(vocabulary: int, megabytes: float, dimensions: int) -> None:
    found, buckets = table_size(vocabulary, 77, megabytes)
    assert found == dimensions
    assert (vocabulary + buckets) * (found + 4) <= megabytes * 1e6


def test_a_size_that_holds_nothing_is_refused() -> None:
    with pytest.raises(ModelError, match="--first-stage-mb"):
        table_size(30_522, 77, 0.1)
    with pytest.raises(InputError):
        StaticSettings(megabytes=0)


def test_quantized_logits_agree_and_damage_is_found() -> None:
    random = np.random.default_rng(4)
    vectors = random.normal(size=(63, 16)).astype(np.float32)
    weights = Weights(vectors, random.normal(size=(16, 3)).astype(np.float32), np.zeros(3, np.float32), 13)
    rows = [random.integers(0, 50, 9).tolist() for _ in range(50)]
    table = quantize(weights)
    assert table.scale.shape == (63,)
    check_quantized(weights, table, rows)
    with pytest.raises(ModelError):
        check_quantized(weights, replace(table, scale=table.scale * np.float32(1.2)), rows)


def test_places_are_those_of_the_runtime() -> None:
    assert places([3, 4], 50, 13).tolist() == [3, 4, 50 + (1_000_003 * 3 + 4) % 13]
    assert places([3, 4], 50, 0).tolist() == [3, 4]


def test_several_labels_are_learned(tiny_checkpoint: Checkpoint, tokenizer: bytes, lesson: Lesson) -> None:
    several = replace(tiny_checkpoint, task=MultiLabel(tiny_checkpoint.labels, 1.0, (0.5, 0.5)))
    found = fit_static(several, tokenizer, lesson, StaticSettings(), Silent())
    assert found.table.weight.shape[1] == 2


def test_too_few_texts_are_refused(tiny_checkpoint: Checkpoint, tokenizer: bytes, lesson: Lesson) -> None:
    few = Lesson(lesson.texts[:5], lesson.labels[:5], lesson.answers[:5])
    with pytest.raises(ModelError, match="5 texts"):
        fit_static(tiny_checkpoint, tokenizer, few, StaticSettings(), Silent())
