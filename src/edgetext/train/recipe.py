"""The recipe: what fine-tuning does where the user leaves the choice to it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgetext.train.arguments import TrainArguments

SMALL_ROWS = 2000
FEW_LABELS = 20
USUAL_EPOCHS = 7
FEWEST_EPOCHS = 3
MOST_EPOCHS = 20
FEWEST_STEPS = 200
STEPS_PER_LABEL = 5
ENOUGH_STEPS = 2500


@dataclass(frozen=True)
class Recipe:
    """Every choice of fine-tuning, made; the attributes are those of ``TrainArguments``."""

    epochs: int
    learning_rate: float
    batch_size: int
    max_length: int
    bf16: bool
    warmup_ratio: float
    scheduler: str
    weight_decay: float
    seed: int


def make_recipe(
    arguments: TrainArguments, *, rows: int, labels: int, hidden_size: int, max_length: int, bf16: bool
) -> Recipe:
    """Fills in what the user left open.

    Args:
        arguments: The user's choices.
        rows: How many rows are trained on.
        labels: How many labels there are.
        hidden_size: Width of the model, by which the learning rate is chosen.
        max_length: The length that the texts ask for, in tokens.
        bf16: Whether bfloat16 pays on this machine.
    """
    batch_size = arguments.batch_size or (16 if rows < SMALL_ROWS else 32)
    return Recipe(
        epochs=arguments.epochs or epochs_for(math.ceil(rows / batch_size), labels),
        learning_rate=arguments.learning_rate or learning_rate_for(hidden_size, rows, labels),
        batch_size=batch_size,
        max_length=arguments.max_length or max_length,
        bf16=bf16 if arguments.bf16 is None else arguments.bf16,
        warmup_ratio=arguments.warmup_ratio,
        scheduler=arguments.scheduler,
        weight_decay=arguments.weight_decay,
        seed=arguments.seed,
    )


def epochs_for(steps_per_epoch: int, labels: int) -> int:
    """Chooses the epochs by the steps that one has.

    Seven is where MiniLM stopped rising on BANKING77 (10,003 rows, 77 labels). Few rows get more, until the
    model has taken 200 steps, or five for each label (20 epochs at most); many rows get fewer, as far as 2,500
    steps go (3 at least).
    """
    for_many = max(FEWEST_EPOCHS, min(USUAL_EPOCHS, ENOUGH_STEPS // steps_per_epoch))
    for_few = min(MOST_EPOCHS, math.ceil(max(FEWEST_STEPS, STEPS_PER_LABEL * labels) / steps_per_epoch))
    return max(for_many, for_few)


def learning_rate_for(hidden_size: int, rows: int, labels: int) -> float:
    """Chooses the learning rate by the model's width, and for narrow models by what there is to learn.

    Wide models get 5e-5 and 2e-5, the upper and the lower end of what the BERT paper (Devlin et al. 2019, appendix
    A.3) recommends for its base and large models. MiniLM (384) was measured: many labels need large steps
    (BANKING77: 0.927 with 2.5e-4, 0.888 with 1e-4; with 8 rows a label 0.74 with 2.5e-4, 0.54 with 5e-5), few
    labels and few rows small ones (food_not_food, 600 rows: 0.963 with 5e-5, 0.953 with 1e-4, 0.940 with 2.5e-4).
    """
    if hidden_size > 768:
        return 2e-5
    if hidden_size > 384:
        return 5e-5
    if labels > FEW_LABELS:
        return 2.5e-4
    return 5e-5 if rows < SMALL_ROWS else 1e-4
