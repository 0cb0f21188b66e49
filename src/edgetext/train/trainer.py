"""Sets ``transformers.Trainer`` up by a recipe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgetext.errors import needs_extra
from edgetext.metrics.report import load_metric, overall
from edgetext.progress import Progress
from edgetext.train.hardware import device
from edgetext.train.recipe import Recipe

if TYPE_CHECKING:
    from datasets import Dataset

LOGS_PER_EPOCH = 10
EVALUATION_BATCH = 64


def make_trainer(
    model: Any,
    tokenizer: Any,
    train: Dataset,
    validation: Dataset,
    recipe: Recipe,
    labels: Sequence[str],
    folder: Path,
    progress: Progress,
) -> Any:
    """Gives a Trainer that evaluates and saves after each epoch and ends with the best one.

    Args:
        model: The classifier.
        tokenizer: Its tokenizer, which pads each batch to its longest text.
        train: Rows to learn from, as ``encode`` gives them.
        validation: Rows that choose the best epoch.
        recipe: How to train.
        labels: The labels, by class index.
        folder: Where it may keep the epochs' weights; the caller removes it.
        progress: Told of every step.
    """
    with needs_extra("train"):
        from transformers import DataCollatorWithPadding, PrinterCallback, Trainer

        from edgetext.train.bridge import ProgressBridge
        from edgetext.train.divergence import StopAtNoNumber, all_numbers, broken_down

    for metric in ("accuracy", "f1", "precision", "recall"):
        load_metric(metric)  # what is wrong with it shows now, and not after the training

    def compute_metrics(evaluated: Any) -> dict[str, float | None]:
        return overall(evaluated.predictions.tolist(), evaluated.label_ids.tolist(), labels)

    def best_class(logits: Any, _labels: Any) -> Any:
        """Gives the class indices: all that the metrics need, and far smaller than the logits of many rows."""
        scores = logits[0] if isinstance(logits, tuple) else logits
        if not all_numbers(scores):  # the best class of NaNs is the first one
            raise broken_down(recipe, "its answers for held-out rows are no numbers")
        return scores.argmax(dim=-1)

    trainer = Trainer(
        model=model,
        args=_training_arguments(recipe, len(train), folder),
        data_collator=DataCollatorWithPadding(tokenizer),
        train_dataset=train,
        eval_dataset=validation,
        processing_class=tokenizer,
        compute_metrics=compute_metrics,
        preprocess_logits_for_metrics=best_class,
        callbacks=[StopAtNoNumber(recipe), ProgressBridge(progress)],
    )
    trainer.remove_callback(PrinterCallback)  # it prints every log line to standard output
    return trainer


def _training_arguments(recipe: Recipe, rows: int, folder: Path) -> Any:
    with needs_extra("train"):
        from transformers import TrainingArguments
    on_cpu = device() == "cpu"
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=EVALUATION_BATCH,
        warmup_ratio=recipe.warmup_ratio,
        lr_scheduler_type=recipe.scheduler,
        weight_decay=recipe.weight_decay,
        seed=recipe.seed,
        bf16=recipe.bf16,
        group_by_length=True,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        save_only_model=True,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        logging_strategy="steps",
        logging_steps=max(1, math.ceil(rows / recipe.batch_size) // LOGS_PER_EPOCH),
        logging_nan_inf_filter=False,  # it would put an earlier loss in the place of one that is no number
        report_to="none",
        disable_tqdm=True,
        use_cpu=on_cpu,
        dataloader_pin_memory=not on_cpu,
    )
