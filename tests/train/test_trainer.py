"""What the Trainer lacks: slower lower layers, passes that must agree, and a head that begins with the shares."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edgetext.data.example import Example
from edgetext.progress import Silent
from edgetext.task import MultiLabel, SingleLabel
from edgetext.train.arguments import TrainArguments
from edgetext.train.base import load_base, load_model, resolve_base
from edgetext.train.encode import HINTS, encode
from edgetext.train.quiet import quiet
from edgetext.train.recipe import Facts, make_recipe
from edgetext.train.trainer import (
    Rows,
    disagreement,
    epoch_figures,
    hinted_loss,
    layer_depths,
    make_trainer,
    set_prior,
)

RECIPE = make_recipe(TrainArguments(bf16=False), Facts(rows=2, labels=3, hidden_size=32, max_length=16))


class Named:
    """A model as far as names go."""

    def __init__(self, prefix: str, *names: str) -> None:
        self.base_model_prefix = prefix
        self._names = names

    def named_parameters(self) -> list[tuple[str, None]]:
        return [(name, None) for name in self._names]


@pytest.mark.parametrize(
    ("model", "depths"),
    [
        (Named("bert", "bert.embeddings.w", "bert.encoder.layer.0.w", "bert.encoder.layer.1.b", "bert.pooler.w",
               "classifier.w"), [3, 2, 1, 0, 0]),
        (Named("model", "model.embeddings.w", "model.layers.0.mlp.1.w", "model.norm", "head.w"), [2, 1, 0, 0]),
        (Named("plain", "plain.embeddings.w", "classifier.w"), [0, 0]),
    ],
)  # fmt: skip
def test_depths_are_counted_from_the_head(model: Named, depths: list[int]) -> None:
    assert list(layer_depths(model).values()) == depths


def test_equal_halves_agree_and_the_divergence_is_that_of_the_paper() -> None:
    logits = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    assert disagreement(torch.cat([logits, logits]), one_label=True) == 0
    p, q = logits[:1].softmax(-1), logits[1:].softmax(-1)
    symmetric = ((p * (p / q).log()).sum() + (q * (q / p).log()).sum()) / 2
    assert disagreement(logits, one_label=True).item() == pytest.approx(symmetric.item() / 2)
    assert disagreement(logits, one_label=False).item() > 0


def test_a_hint_takes_its_part_of_the_target() -> None:
    recipe = replace(RECIPE, hints=0.2, label_smoothing=0.05)
    logits, hints = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([[0.1, 0.6, 0.3]])
    target = torch.tensor([[0.75 + 0.02, 0.12, 0.06]]) + 0.05 / 3
    expected = -(target * logits.log_softmax(-1)).sum()
    assert hinted_loss(logits, hints, torch.tensor([0]), recipe).item() == pytest.approx(expected.item())


def test_hints_reach_the_loss(tiny_base: Path, tmp_path: Path) -> None:
    task, recipe = SingleLabel(("a", "b", "c")), replace(RECIPE, hints=0.2)
    base = resolve_base(str(tiny_base))
    with quiet():
        tokenizer, model = load_base(base, task)
        rows = encode([Example("a bowl of ramen", ("a",), 0), Example("a dog", ("c",), 1)], task, tokenizer, 16)
        hinted = rows.add_column(HINTS, [[0.2, 0.7, 0.1], [0.1, 0.2, 0.7]])
        trainer = make_trainer(model, tokenizer, Rows(hinted, rows), task, recipe, tmp_path, Silent())
        (batch,) = trainer.get_train_dataloader()
        loss, outputs = trainer.compute_loss(model.eval(), dict(batch), return_outputs=True)
        hints = batch[HINTS]
        assert loss.item() == pytest.approx(hinted_loss(outputs["logits"], hints, batch["labels"], recipe).item())
        assert {tuple(hint) for hint in hints.round(decimals=1).tolist()} == {
            tuple(torch.tensor(hint).tolist()) for hint in ([0.2, 0.7, 0.1], [0.1, 0.2, 0.7])
        }


def test_a_head_for_several_labels_begins_with_their_shares(tiny_base: Path) -> None:
    task = MultiLabel(("a", "b"))
    with quiet():
        model = load_model(resolve_base(str(tiny_base)), task)
    set_prior(model, {"labels": [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]}, task)  # type: ignore[arg-type]
    chances = torch.sigmoid(model.classifier.bias).tolist()
    assert chances == pytest.approx([0.25, 0.001], abs=1e-4)


def test_epochs_that_are_equally_good_are_told_apart_by_how_sure_they_were() -> None:
    task, truth = SingleLabel(("a", "b")), np.array([0, 1])
    unsure, sure = (epoch_figures(task, np.eye(2, dtype=np.float32) * size, truth) for size in (1, 5))
    assert unsure["accuracy"] == sure["accuracy"] == 1
    assert sure["rank"] > unsure["rank"] > 0.999


def test_an_epoch_of_several_labels_is_judged_at_its_best_threshold() -> None:
    logits = np.array([[-1.0, -3.0], [-3.0, -1.0]], np.float32)  # below a half, all of them
    assert epoch_figures(MultiLabel(("a", "b")), logits, np.eye(2))["micro_f1"] == 1
