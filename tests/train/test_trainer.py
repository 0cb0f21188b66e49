"""What the Trainer lacks: slower lower layers, passes that must agree, and a head that begins with the shares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edgetext.task import MultiLabel, SingleLabel
from edgetext.train.base import load_model, resolve_base
from edgetext.train.quiet import quiet
from edgetext.train.trainer import disagreement, epoch_figures, layer_depths, set_prior


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
