"""Training that has broken down: its loss, its weights or its answers are no numbers, and of no use."""

from __future__ import annotations

import math
from typing import Any

from edgetext.errors import InputError, needs_extra
from edgetext.train.recipe import Recipe

with needs_extra("train"):
    import torch
    from transformers import TrainerCallback


class StopAtNoNumber(TrainerCallback):  # type: ignore[misc]  # transformers is not followed by mypy
    """Ends training at the first loss that is no number.

    Args:
        recipe: What it was trained with.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
        """Looks at the loss, about ten times an epoch, and at that on the validation rows.

        Raises:
            InputError: It is no number.
        """
        for name in ("loss", "eval_loss"):
            if not math.isfinite((logs or {}).get(name, 0.0)):
                raise broken_down(self._recipe, f"the loss was no number any more at step {state.global_step}")


def broken_down(recipe: Recipe, what: str) -> InputError:
    """Gives the error that says what happened, and what to change."""
    also = ", or --no-bf16" if recipe.bf16 else ""
    return InputError(
        f"the training broke down: {what}; nothing was saved. Give a lower --learning-rate than "
        f"{recipe.learning_rate:g} (such as {min(recipe.learning_rate / 10, 5e-5):g}){also}"
    )


def all_numbers(scores: Any) -> bool:
    """Says whether every one of the scores is a number."""
    return bool(torch.isfinite(scores).all())
