"""What a user may choose about fine-tuning."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgetext.errors import InputError


@dataclass(frozen=True)
class TrainArguments:
    """The choices; ``None`` leaves one to the recipe (``edgetext.train.recipe``), which looks at data and model.

    Attributes:
        epochs: Passes over the training rows.
        learning_rate: The highest one, after warm-up.
        batch_size: Texts in a step.
        max_length: The longest text in tokens, special tokens included; longer ones are cut there.
        bf16: Whether matrix products run in bfloat16.
        warmup_ratio: Share of the steps in which the learning rate rises.
        scheduler: How it falls after that, as transformers names it.
        weight_decay: AdamW's.
        seed: Fixes the new weights, the order of the rows and dropout.

    Raises:
        InputError: A value is outside its range.
    """

    epochs: int | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    max_length: int | None = None
    bf16: bool | None = None
    warmup_ratio: float = 0.1
    scheduler: str = "cosine"
    weight_decay: float = 0.01
    seed: int = 42

    def __post_init__(self) -> None:
        """Refuses values outside their range."""
        _expect(self.epochs is None or self.epochs >= 1, "epochs", self.epochs, "at least 1")
        rate = self.learning_rate
        _expect(rate is None or (math.isfinite(rate) and rate > 0), "learning rate", rate, "a number above 0")
        _expect(self.batch_size is None or self.batch_size >= 1, "batch size", self.batch_size, "at least 1")
        _expect(self.max_length is None or self.max_length >= 4, "max length", self.max_length, "at least 4 tokens")
        _expect(0 <= self.seed < 2**32, "seed", self.seed, "0 to 4294967295")


def _expect(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise InputError(f"the {name} is {value}, expected {expected}")
