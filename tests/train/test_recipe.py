"""What the recipe chooses, and which choices are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgetext.data.example import Example
from edgetext.errors import InputError, ModelError
from edgetext.foreign.versions import transformers_version
from edgetext.task import MultiLabel, SingleLabel
from edgetext.train import recipe as recipe_module
from edgetext.train.arguments import TrainArguments, as_known, read_options
from edgetext.train.base import load_tokenizer, resolve_base
from edgetext.train.encode import check_max_length, choose_max_length, encode
from edgetext.train.recipe import Facts, best_precision, epochs_for, learning_rate_for, make_recipe, pieces_for

FACTS = Facts(rows=10_000, labels=77, hidden_size=384, max_length=64, precision="bf16")


def test_what_is_given_is_kept() -> None:
    given = TrainArguments(epochs=1, learning_rate=1e-3, batch_size=4, max_length=24, bf16=False, seed=3)
    recipe = make_recipe(given, FACTS, {"weight_decay": 0.3}, {"adam_beta2": 0.98})
    kept = recipe.epochs, recipe.learning_rate, recipe.batch_size, recipe.max_length, recipe.bf16, recipe.seed
    assert kept == (1, 1e-3, 4, 24, False, 3)
    assert (recipe.weight_decay, recipe.options) == (0.3, {"adam_beta2": 0.98})


def test_presets_buy_accuracy_with_epochs() -> None:
    quick, usual, best = (make_recipe(TrainArguments(preset=name), FACTS) for name in ("quick", "default", "best"))
    assert quick.epochs < usual.epochs == 7 < best.epochs
    assert best.consistency and not usual.consistency and not quick.consistency
    assert make_recipe(TrainArguments(preset="best", epochs=2), FACTS).epochs == 2


def test_label_smoothing_needs_one_label_a_text() -> None:
    assert make_recipe(TrainArguments(), FACTS).label_smoothing > 0
    assert make_recipe(TrainArguments(), replace(FACTS, one_label=False)).label_smoothing == 0


def test_hints_are_for_many_labels_one_a_text() -> None:
    usual, best, quick = (make_recipe(TrainArguments(preset=name), FACTS) for name in ("default", "best", "quick"))
    assert (usual.hints, best.hints, quick.hints) == (0.2, 0.2, 0)
    assert usual.label_smoothing == quick.label_smoothing / 2
    for other in ({"labels": 20}, {"rows": 76}, {"one_label": False}, {"taught": True}):
        assert make_recipe(TrainArguments(), replace(FACTS, **other)).hints == 0


@pytest.mark.parametrize(
    ("precision", "choice", "bf16", "fp16"),
    [
        ("bf16", None, True, False),
        ("fp16", None, False, True),
        ("fp16", False, False, False),
        ("fp32", True, True, False),
    ],
)
def test_the_precision_is_the_machines_unless_one_is_chosen(
    precision: str, choice: bool | None, bf16: bool, fp16: bool
) -> None:
    recipe = make_recipe(TrainArguments(bf16=choice), replace(FACTS, precision=precision))
    assert (recipe.bf16, recipe.fp16) == (bf16, fp16)


@pytest.mark.parametrize(("batch", "length", "pieces"), [(32, 64, 1), (32, 256, 1), (32, 512, 2), (1, 8192, 1)])
def test_long_texts_go_through_in_pieces(batch: int, length: int, pieces: int) -> None:
    assert pieces_for(batch, length) == pieces


def test_options_are_read_by_the_types_of_their_fields() -> None:
    given = {"adam_beta2": "0.98", "warmup_steps": "5", "dataloader_drop_last": "true", "weight_decay": "0.3"}
    assert read_options(given) == (
        {"weight_decay": 0.3},
        {"adam_beta2": 0.98, "warmup_steps": 5, "dataloader_drop_last": True},
    )
    assert read_options({"max_grad_norm": 2.0}) == ({}, {"max_grad_norm": 2.0})
    assert read_options({"warmup_ratio": "0.2"}) == ({"warmup_ratio": 0.2}, {}), "whatever transformers calls it"


@pytest.mark.parametrize("grouped", [True, False])
def test_options_are_said_as_the_installed_transformers_calls_them(tmp_path: Path, grouped: bool) -> None:
    from transformers import TrainingArguments

    given = as_known({"output_dir": str(tmp_path), "warmup_ratio": 0.1, "group_by_length": grouped})
    made = TrainingArguments(**given, use_cpu=True, report_to="none")
    assert made.get_warmup_steps(200) == 20
    if transformers_version() >= (5, 0):
        assert made.train_sampling_strategy == ("group_by_length" if grouped else "random")
        with pytest.raises(InputError, match="did you mean train_sampling_strategy"):
            read_options({"group_by_length": "false"})
    else:
        assert made.group_by_length == grouped


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("weight_decy", "1", "did you mean weight_decay"),
        ("warmup_steps", "many", "warmup_steps=many: invalid (int|float) value"),
        ("lr_scheduler_type", "bent", "invalid choice|bent"),
        ("learning_rate", "1", "give --learning-rate"),
        ("seed", "1", "give --seed"),
        ("report_to", "wandb", "nothing is sent"),
        ("save_strategy", "no", "every epoch is saved"),
        ("zzzzz", "1", "has no such option"),
    ],
)
def test_options_that_cannot_be_taken_say_why(name: str, value: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_options({name: value})


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


def test_several_labels_a_text_take_more_steps() -> None:
    assert epochs_for(43, 40, one_label=False) == 38 > epochs_for(43, 40)


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
        {"preset": "fast"},
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
    tokenizer = load_tokenizer(resolve_base(str(tiny_base)))
    texts = [Example("a dog", ("y",), 1), Example("dog " * 50, ("x",), 2)]
    rows = encode(texts, SingleLabel(("x", "y")), tokenizer, 8)
    assert rows["labels"][:] == [1, 0]
    assert [len(ids) for ids in rows["input_ids"]] == [4, 8]


def test_pairs_and_several_labels_are_encoded(tiny_base: Path) -> None:
    tokenizer = load_tokenizer(resolve_base(str(tiny_base)))
    pairs = [Example(("a dog", "a cat"), (), 1), Example(("dog", "cat " * 50), ("x", "y"), 2)]
    rows = encode(pairs, MultiLabel(("x", "y")), tokenizer, 8)
    assert rows["labels"][:] == [[0.0, 0.0], [1.0, 1.0]]
    assert [len(ids) for ids in rows["input_ids"]] == [7, 8]
    assert [sum(segments) for segments in rows["token_type_ids"]] == [3, 5]
    assert choose_max_length([("dog " * 40, "cat " * 40)], tokenizer, 128) == 88


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({"avx512_bf16": True}, "bf16"),
        ({"amx_bf16": True}, "bf16"),
        ({"avx512_bf16": False, "avx2": True}, "fp32"),
        ({}, "fp32"),
    ],
)
def test_bf16_follows_the_processor(
    features: dict[str, bool], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(recipe_module, "device", lambda: "cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    assert best_precision() == expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    monkeypatch.setattr(recipe_module, "_linux_flags", lambda: [name for name, there in features.items() if there])
    assert best_precision() == expected


@pytest.mark.parametrize(
    ("hidden_size", "labels", "rate"),
    [(384, 2, 1e-4), (384, 6, 1e-4), (384, 77, 2.5e-4), (768, 2, 5e-5), (768, 77, 5e-5), (1024, 77, 2e-5)],
)
def test_the_learning_rate_follows_width_and_labels(hidden_size: int, labels: int, rate: float) -> None:
    assert learning_rate_for(hidden_size, labels) == rate


def test_many_labels_of_any_number_take_larger_steps() -> None:
    assert learning_rate_for(384, 40, one_label=False) > learning_rate_for(384, 40)
