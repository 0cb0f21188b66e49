"""What the recipe chooses, and which choices are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgetext.errors import InputError, ModelError
from edgetext.train import hardware
from edgetext.train.arguments import TrainArguments
from edgetext.train.base import resolve_base
from edgetext.train.encode import check_max_length, choose_max_length, encode
from edgetext.train.load import load_tokenizer
from edgetext.train.recipe import Recipe, epochs_for, learning_rate_for, make_recipe


def test_what_is_given_is_kept() -> None:
    given = TrainArguments(epochs=1, learning_rate=1e-3, batch_size=4, max_length=24, bf16=False, seed=3)
    recipe = make_recipe(given, rows=10_000, labels=77, hidden_size=384, max_length=64, bf16=True)
    assert recipe == Recipe(1, 1e-3, 4, 24, False, 0.1, "cosine", 0.01, 3)


@pytest.mark.parametrize(
    ("steps", "labels", "epochs"),
    [
        (1, 2, 20),
        (4, 2, 20),
        (20, 2, 10),
        (38, 2, 7),
        (33, 77, 12),
        (266, 77, 7),
        (500, 2, 5),
        (1000, 2, 3),
        (10**6, 2, 3),
    ],
)
def test_few_rows_get_more_epochs_and_many_fewer(steps: int, labels: int, epochs: int) -> None:
    assert epochs_for(steps, labels) == epochs


@pytest.mark.parametrize(
    "bad",
    [
        {"epochs": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"batch_size": -1},
        {"max_length": 3},
        {"seed": -1},
        {"seed": 2**32},
    ],
)
def test_values_outside_their_range_are_named(bad: dict[str, float]) -> None:
    (name, value), *_ = bad.items()
    with pytest.raises(InputError, match=rf"the {name.replace('_', ' ')} is {value}, expected "):
        TrainArguments(**bad)  # type: ignore[arg-type]


def test_the_length_follows_the_texts(tiny_base: Path) -> None:
    tokenizer = load_tokenizer(resolve_base(str(tiny_base)))
    assert choose_max_length(["a dog"] * 10, tokenizer, 128) == 64
    assert choose_max_length(["dog " * 70] * 10, tokenizer, 128) == 72
    assert choose_max_length(["dog " * 500] * 10, tokenizer, 128) == 128
    assert choose_max_length(["a dog"] * 5000 + ["dog " * 100], tokenizer, 128) == 64
    assert choose_max_length(["a dog"] * 10, tokenizer, 32) == 32


def test_a_length_that_the_model_does_not_take_is_refused() -> None:
    check_max_length(128, 128, "tiny")
    with pytest.raises(ModelError, match="the max length is 129 tokens, and tiny takes 128 at most"):
        check_max_length(129, 128, "tiny")


def test_rows_are_encoded_and_cut(tiny_base: Path) -> None:
    from edgetext.data.example import Example

    tokenizer = load_tokenizer(resolve_base(str(tiny_base)))
    rows = encode([Example("a dog", ("y",), 1), Example("dog " * 50, ("x",), 2)], ("x", "y"), tokenizer, 8)
    assert rows["labels"][:] == [1, 0]
    assert [len(ids) for ids in rows["input_ids"]] == [4, 8]


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"avx512_bf16": False, "avx2": True}, False),
        ({}, False),
    ],
)
def test_bf16_follows_the_processor(
    features: dict[str, bool], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(hardware, "device", lambda: "cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    assert hardware.bf16_pays() is expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    monkeypatch.setattr(hardware, "_linux_flags", lambda: [name for name, there in features.items() if there])
    assert hardware.bf16_pays() is expected


@pytest.mark.parametrize(
    ("hidden_size", "rows", "labels", "rate"),
    [
        (384, 600, 2, 5e-5),
        (384, 5000, 6, 1e-4),
        (384, 8500, 77, 2.5e-4),
        (384, 600, 77, 2.5e-4),
        (768, 600, 2, 5e-5),
        (768, 8500, 77, 5e-5),
        (1024, 8500, 77, 2e-5),
    ],
)
def test_the_learning_rate_follows_width_labels_and_rows(
    hidden_size: int, rows: int, labels: int, rate: float
) -> None:
    assert learning_rate_for(hidden_size, rows, labels) == rate
