"""Hands what the Trainer does on to our own progress."""

from __future__ import annotations

from typing import Any

from edgetext.errors import needs_extra
from edgetext.progress import Progress

with needs_extra("train"):
    from transformers import TrainerCallback


class ProgressBridge(TrainerCallback):  # type: ignore[misc]  # transformers is not followed by mypy
    """Steps as steps, and the accuracy after each epoch as a note.

    Args:
        progress: What is told.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._evaluated = 0

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Says how many steps there will be."""
        self._progress.step("train", 0, state.max_steps)

    def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Says that a step is done."""
        self._progress.step("train", state.global_step, state.max_steps)

    def on_prediction_step(
        self, _args: Any, _state: Any, _control: Any, eval_dataloader: Any = None, **_: Any
    ) -> None:
        """Says that a batch of held-out rows is done."""
        self._evaluated += 1
        self._progress.step("validate", self._evaluated, len(eval_dataloader))

    def on_evaluate(self, args: Any, state: Any, _control: Any, metrics: Any = None, **_: Any) -> None:
        """Says how good the model is by now."""
        self._evaluated = 0
        found = metrics or {}
        self._progress.note(
            f"epoch {round(state.epoch)} of {round(args.num_train_epochs)}: "
            f"accuracy {found['eval_accuracy']:.4f} on the validation rows"
        )

    def on_predict(self, _args: Any, _state: Any, _control: Any, **_: Any) -> None:
        """Begins to count anew."""
        self._evaluated = 0
