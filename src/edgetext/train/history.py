"""What happened in training, as JSON values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from edgetext import __version__
from edgetext.train.base import BaseModel
from edgetext.train.recipe import Recipe

LIBRARIES = ("accelerate", "datasets", "evaluate", "scikit-learn", "tokenizers", "torch", "transformers")


def loss_history(log: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Gives step, epoch, loss and learning rate, about ten times an epoch."""
    return [
        {
            "step": entry["step"],
            "epoch": round(entry["epoch"], 3),
            "loss": _finite(entry["loss"]),
            "learning_rate": entry["learning_rate"],
        }
        for entry in log
        if "loss" in entry
    ]


def epoch_history(log: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Gives step, epoch, and loss, accuracy and macro F1 on the validation rows, once an epoch."""
    return [
        {
            "step": entry["step"],
            "epoch": round(entry["epoch"]),
            "loss": _finite(entry["eval_loss"]),
            "accuracy": entry["eval_accuracy"],
            "macro_f1": entry["eval_macro_f1"],
        }
        for entry in log
        if "eval_accuracy" in entry
    ]


def training_record(base: BaseModel, recipe: Recipe, trainer: Any, results: Mapping[str, Any]) -> dict[str, Any]:
    """Gives the content of ``training.json``.

    Args:
        base: The model that was fine-tuned.
        recipe: How it was trained.
        trainer: The Trainer, when it is done.
        results: More fields: ``metrics``, ``rows``, ``notes``, ``seconds``, ``device``.
    """
    epochs = epoch_history(trainer.state.log_history)
    best = trainer.state.best_global_step
    return {
        "base_model": base.name,
        "base_location": base.location if base.on_hub else None,
        "base_revision": base.revision if base.on_hub else None,
        "base_sha256": base.sha256,
        "max_length": recipe.max_length,
        "arguments": asdict(recipe),
        "best_epoch": next((epoch["epoch"] for epoch in epochs if epoch["step"] == best), None),
        **results,
        "history": {"train": loss_history(trainer.state.log_history), "validation": epochs},
        "libraries": {name: version(name) for name in LIBRARIES},
        "created_with": f"edgetext {__version__}",
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
