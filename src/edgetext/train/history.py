"""What happened in training, as JSON values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from edgetext import __version__
from edgetext.metrics.report import metric_key
from edgetext.train.base import BaseModel
from edgetext.train.recipe import Recipe

if TYPE_CHECKING:
    from edgetext.task import Task

LIBRARIES = ("accelerate", "datasets", "evaluate", "scikit-learn", "tokenizers", "torch", "transformers")


def versions() -> dict[str, str]:
    """Names the libraries that training uses, and which versions of them are installed."""
    return {name: version(name) for name in LIBRARIES}


def loss_history(log: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Picks step, epoch, loss and learning rate from the Trainer's log, about ten times an epoch."""
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


def epoch_history(log: Sequence[Mapping[str, Any]], task: Task) -> list[dict[str, Any]]:
    """Picks step, epoch, and loss, the task's metric and macro F1 on the validation rows, once an epoch."""
    key = metric_key(task)
    return [
        {
            "step": entry["step"],
            "epoch": round(entry["epoch"]),
            "loss": _finite(entry["eval_loss"]),
            key: entry[f"eval_{key}"],
            "macro_f1": entry["eval_macro_f1"],
        }
        for entry in log
        if f"eval_{key}" in entry
    ]


def training_record(
    base: BaseModel, recipe: Recipe, task: Task, trainer: Any, results: Mapping[str, Any]
) -> dict[str, Any]:
    """Puts together the content of ``training.json``.

    Args:
        base: The model that was fine-tuned.
        recipe: How it was trained.
        task: What it decides, fitted.
        trainer: The Trainer, when it is done.
        results: More fields: ``metrics``, ``calibration``, ``baseline``, ``rows``, ``seconds``...
    """
    epochs = epoch_history(trainer.state.log_history, task)
    best = trainer.state.best_global_step
    return {
        "base_model": base.name,
        "base_location": base.location if base.on_hub else None,
        "base_revision": base.revision if base.on_hub else None,
        "base_sha256": base.sha256,
        "max_length": recipe.max_length,
        "arguments": asdict(recipe),
        "best_epoch": next((epoch["epoch"] for epoch in epochs if epoch["step"] == best), None),
        "temperature": task.temperature,
        "thresholds": list(getattr(task, "thresholds", ())),
        **results,
        "history": {"train": loss_history(trainer.state.log_history), "validation": epochs},
        "libraries": versions(),
        "created_with": f"edgetext {__version__}",
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
