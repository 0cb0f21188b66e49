"""The steps before the first epoch, in which the first token learns to stand for the whole text."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2ForSequenceClassification

from edgetext.data.split import Split
from edgetext.errors import ModelError
from edgetext.pipeline import read_split
from edgetext.progress import Silent
from edgetext.train import TrainArguments, fit
from edgetext.train.base import in_clean_room, load_base, reads_mean, resolve_base
from edgetext.train.encode import encode
from edgetext.train.first_token import learn_mean
from edgetext.train.recipe import PRESETS, Facts, make_recipe
from heard import Heard


@pytest.fixture(scope="module")
def split(tiny_rows: Path) -> Split:
    return read_split(str(tiny_rows))


@pytest.fixture(scope="module")
def sentences(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives the tiny model as sentence-transformers saves one that pools by the mean."""
    folder = tmp_path_factory.mktemp("sentences") / "base"
    shutil.copytree(tiny_base, folder)
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), "utf-8")
    return folder


def likeness(model: torch.nn.Module, body: torch.nn.Module, rows: dict[str, torch.Tensor]) -> float:
    """How alike the head's input and the mean of ``body``'s vectors are, as the mean of cosines."""
    seen = []
    with torch.no_grad(), model.classifier.register_forward_pre_hook(lambda _, given: seen.append(given[0])):
        model.eval()(**rows)
        hidden, mask = body.eval()(**rows).last_hidden_state, rows["attention_mask"].unsqueeze(-1)
    mean = (hidden * mask).sum(1) / mask.sum(1)
    return float(torch.nn.functional.cosine_similarity(seen[0], mean).mean())


def test_the_head_reads_the_mean_afterwards(split: Split, sentences: Path, tmp_path: Path) -> None:
    facts = Facts(rows=42, labels=2, hidden_size=32, max_length=64, means=True)
    recipe = replace(make_recipe(TrainArguments(bf16=False), facts), mean_steps=100)
    with in_clean_room(resolve_base(str(sentences))) as base:
        assert reads_mean(base)
        tokenizer, model = load_base(base, split.task)
        _, before = load_base(base, split.task)
    head, forward = model.classifier.weight.clone(), model.forward
    texts = [example.text for example in split.validation]
    rows = dict(tokenizer(texts, padding=True, return_tensors="pt"))
    begun = likeness(model, before.bert, rows)
    learn_mean(model, tokenizer, encode(split.train, split.task, tokenizer, 64), recipe, tmp_path, Silent())
    assert begun < 0.3
    assert likeness(model, before.bert, rows) > 0.9
    assert torch.equal(model.classifier.weight, head)
    assert model.forward == forward  # and not the mixed-precision wrapper of a Trainer


def test_a_head_that_reads_every_token_is_left_alone(split: Split, sentences: Path, tmp_path: Path) -> None:
    with in_clean_room(resolve_base(str(sentences))) as base:
        tokenizer, _ = load_base(base, split.task)
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=1, n_head=2, pad_token_id=0, num_labels=2)
    model = GPT2ForSequenceClassification(config)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    recipe = make_recipe(TrainArguments(bf16=False), Facts(42, 40, 32, 64, means=True))
    learn_mean(model, tokenizer, encode(split.train, split.task, tokenizer, 64), recipe, tmp_path, Silent())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_base_that_does_not_mean_by_the_mean_is_left_alone(tiny_base: Path, sentences: Path) -> None:
    with in_clean_room(resolve_base(str(tiny_base))) as base:
        assert not reads_mean(base)
    facts = Facts(rows=42, labels=40, hidden_size=32, max_length=64, means=True)
    assert make_recipe(TrainArguments(), facts).mean_steps == PRESETS["default"].mean_steps
    for change in ({"means": False}, {"taught": True}, {"rows": 9000}, {"labels": 2}):
        assert make_recipe(TrainArguments(), replace(facts, **change)).mean_steps == 0
    (sentences / "1_Pooling" / "config.json").write_text("[]", "utf-8")
    with in_clean_room(resolve_base(str(sentences))) as base, pytest.raises(ModelError, match="1_Pooling"):
        reads_mean(base)


def test_few_rows_of_many_labels_learn_it_before_the_first_epoch(sentences: Path, tmp_path: Path) -> None:
    pooling = {"pooling_mode_mean_tokens": True}
    (sentences / "1_Pooling" / "config.json").write_text(json.dumps(pooling), "utf-8")
    lines = [
        f"{word} of the {place},label {place}"
        for place in range(21)
        for word in ("dog", "soup", "road", "bus", "cat")
    ]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *lines]), "utf-8")
    heard, arguments = Heard(), TrainArguments(epochs=1, bf16=False, preset="quick")
    trained = fit(read_split(str(tmp_path / "rows.csv")), str(sentences), tmp_path / "c", arguments, heard)
    assert trained.training["arguments"]["mean_steps"] == PRESETS["quick"].mean_steps
    assert {"learn the mean", "train"} <= {name for name, _, _ in heard.steps}
