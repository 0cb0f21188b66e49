"""transformers' Trainer, set up by a recipe, with what it lacks: slower lower layers, two passes that must agree.

Import it where training begins: it takes torch and transformers.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgetext.errors import InputError, first_line, needs_extra
from edgetext.metrics.decisions import best_threshold, of_the_truth
from edgetext.metrics.report import load_scores, metric_key, overall
from edgetext.progress import Progress
from edgetext.task import Answers, FloatArray, MultiLabel, Task
from edgetext.train.arguments import as_known
from edgetext.train.encode import HINTS, TEACHER, UNLABELLED
from edgetext.train.recipe import Recipe, device

with needs_extra("train"):
    import torch
    from transformers import (
        DataCollatorWithPadding,
        EarlyStoppingCallback,
        PrinterCallback,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

if TYPE_CHECKING:
    from datasets import Dataset

LOGS_PER_EPOCH = 10
EVALUATION_BATCH = 64
LABELS_WEIGHT = 0.5
"""What a student's labels weigh beside the logits of its teacher."""
_TIE = 1e-6  # less than one answer of all those that a validation part may have
_LAYER = re.compile(r"\.(\d+)\.")


@dataclass(frozen=True)
class Rows:
    """What the Trainer learns from and chooses the best epoch by, as ``encode`` gives them."""

    train: Dataset
    validation: Dataset


def make_trainer(
    model: Any, tokenizer: Any, rows: Rows, task: Task, recipe: Recipe, folder: Path, progress: Progress
) -> FineTuner:
    """Makes a Trainer that evaluates and saves after each epoch and ends with the best one.

    Args:
        model: The classifier.
        tokenizer: Its tokenizer, which pads each batch to its longest text.
        rows: To learn from, and to choose the best epoch by.
        task: What is learned.
        recipe: How to train.
        folder: Where it may keep the epochs; the caller removes it.
        progress: Told of every step.

    Raises:
        InputError: An option of ``TrainingArguments`` has a value that transformers refuses.
    """
    load_scores()  # what is wrong with it shows now, and not after the training

    def checked(logits: Any, _labels: Any) -> Any:
        scores = logits[0] if isinstance(logits, tuple) else logits
        if not bool(torch.isfinite(scores).all()):  # the best class of NaNs is the first one
            raise broken_down(recipe, "its answers for held-out rows are no numbers")
        return scores.float()

    trainer = FineTuner(
        model=model,
        args=training_arguments(recipe, len(rows.train), folder),
        data_collator=DataCollatorWithPadding(tokenizer),
        train_dataset=rows.train,
        eval_dataset=rows.validation,
        processing_class=tokenizer,
        compute_metrics=lambda found: epoch_figures(task, found.predictions, found.label_ids),
        preprocess_logits_for_metrics=checked,
        callbacks=[
            StopAtNoNumber(recipe),
            ProgressBridge(progress, task),
            EarlyStoppingCallback(recipe.patience),
        ],
    )
    trainer.recipe, trainer.one_label = recipe, task.one_label
    trainer.model_accepts_loss_kwargs = (
        False  # a model that counts rows itself would count those of two passes once
    )
    trainer.remove_callback(PrinterCallback)  # it prints every log line to standard output
    return trainer


class FineTuner(Trainer):  # type: ignore[misc]  # transformers is not followed by mypy
    """The Trainer; ``recipe`` and ``one_label`` are set before it trains."""

    recipe: Recipe
    one_label: bool
    optimizer: Any
    _signature_columns: list[str]

    def create_optimizer(self, *given: Any) -> Any:
        """Makes the optimizer, whose learning rate falls with a layer's distance from the head.

        Args:
            given: transformers 5 may name a model.
        """
        if self.optimizer is None and self.recipe.layer_decay != 1:
            optimizer, settings = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            if not {"params", "model", "optimizer_dict"} & settings.keys():  # these make groups of their own
                self.optimizer = optimizer(self._groups(), **settings)
        return super().create_optimizer(*given)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Computes the loss; in training with a weight for consistency, of two passes that must agree (R-Drop).

        Source: X. Liang et al., "R-Drop: Regularized Dropout for Neural Networks", NeurIPS 2021.
        """
        consistency = self.recipe.consistency if model.training else 0.0
        given = {name: torch.cat([values, values]) for name, values in inputs.items()} if consistency else inputs
        if TEACHER in given or HINTS in given:
            loss, outputs = self._guided(model, given)
        else:
            loss, outputs = super().compute_loss(model, given, True, num_items_in_batch)
        if consistency:
            loss = loss + consistency * disagreement(outputs["logits"], one_label=self.one_label)
        return (loss, outputs) if return_outputs else loss

    def _guided(self, model: Any, inputs: Any) -> tuple[Any, Any]:
        beside = (TEACHER, HINTS, "labels")
        outputs = model(**{name: values for name, values in inputs.items() if name not in beside})
        logits, labels = outputs["logits"], inputs["labels"]
        if TEACHER in inputs:
            return taught_loss(logits, inputs[TEACHER], labels, one_label=self.one_label), outputs
        return hinted_loss(logits, inputs[HINTS], labels, self.recipe), outputs

    def _set_signature_columns_if_needed(self) -> None:
        """Lets what others say of a row through to the loss; further columns that no model takes are left out."""
        super()._set_signature_columns_if_needed()
        self._signature_columns += [name for name in (TEACHER, HINTS) if name not in self._signature_columns]

    def _groups(self) -> list[dict[str, Any]]:
        """Groups the weights by learning rate and weight decay."""
        decaying = set(self.get_decay_parameter_names(self.model))
        depths = layer_depths(self.model)
        groups = defaultdict(list)
        for name, weight in self.model.named_parameters():
            if weight.requires_grad:
                groups[depths[name], name in decaying].append(weight)
        return [
            {
                "params": weights,
                "lr": self.args.learning_rate * self.recipe.layer_decay**depth,
                "weight_decay": self.args.weight_decay if decays else 0.0,
            }
            for (depth, decays), weights in groups.items()
        ]


def layer_depths(model: Any) -> dict[str, int]:
    """Counts for each weight the layers between it and the head: 0 for what stands above all layers.

    The number of a layer is the first one in a weight's name, whatever the architecture calls its layers. What has
    no number lies below all layers if it comes before them (embeddings), else above (a pooler, the head).
    """
    body = f"{model.base_model_prefix}."
    names = [name for name, _ in model.named_parameters()]
    layers = {name: int(match[1]) for name in names if name.startswith(body) and (match := _LAYER.search(name))}
    top = max(layers.values(), default=-1) + 1
    first = next((place for place, name in enumerate(names) if name in layers), 0)
    below = {name for name in names[:first] if name.startswith(body)}
    return {name: top + 1 if name in below else top - layers.get(name, top) for name in names}


def disagreement(logits: Any, *, one_label: bool) -> Any:
    """Computes how far a batch's first half is from its second: the symmetric Kullback-Leibler divergence.

    Args:
        logits: Shape (2 * texts, labels).
        one_label: Softmax, or a sigmoid each.
    """
    halves = logits.float().chunk(2)
    if one_label:
        first, second = (half.log_softmax(-1) for half in halves)
    else:
        both = (torch.stack([half, -half]) for half in halves)
        first, second = (torch.nn.functional.logsigmoid(half) for half in both)
    distance = ((first.exp() - second.exp()) * (first - second)).sum()
    return distance / (4 * halves[0].shape[0] * (1 if one_label else halves[0].shape[1]))


def taught_loss(logits: Any, teacher: Any, labels: Any, *, one_label: bool) -> Any:
    """Computes a student's loss: the mean squared error of its logits, and half of what its labels cost.

    Args:
        logits: The student's, shape (texts, labels).
        teacher: Likewise, the teacher's.
        labels: As ``Task.targets`` has them; those of a text without any are ``UNLABELLED``, and cost nothing.
        one_label: Cross entropy of the labels, or binary cross entropy of each.
    """
    own = logits.float()
    if one_label:
        cost = torch.nn.functional.cross_entropy(own, labels, ignore_index=UNLABELLED, reduction="none")
    else:
        each = torch.nn.functional.binary_cross_entropy_with_logits(own, labels.clamp(min=0), reduction="none")
        cost = each.mean(-1) * (labels[:, 0] != UNLABELLED)
    return torch.nn.functional.mse_loss(own, teacher) + LABELS_WEIGHT * cost.mean()


def hinted_loss(logits: Any, hints: Any, labels: Any, recipe: Recipe) -> Any:
    """Computes the cross entropy of a target that is mostly the label, and partly what a simpler classifier sees.

    Which labels are near to each other is told so, and a wrong one weighs less. That a weaker teacher than the
    student serves as well: L. Yuan et al., "Revisiting Knowledge Distillation via Label Smoothing Regularization",
    CVPR 2020.

    Args:
        logits: Shape (texts, labels).
        hints: The other's probabilities, likewise.
        labels: Class indices, shape (texts,).
        recipe: Says how much of the target they are, and how much all labels alike.
    """
    own = torch.nn.functional.one_hot(labels, logits.shape[1])
    alike = recipe.label_smoothing / logits.shape[1]
    target = (1 - recipe.hints - recipe.label_smoothing) * own + recipe.hints * hints + alike
    return torch.nn.functional.cross_entropy(logits.float(), target.float())


def set_prior(model: Any, rows: Dataset, task: Task) -> None:
    """Begins with the share of rows that bear each label, for several labels a text.

    Else the first thing that all layers learn is that labels are rare, and the model answers alike to every text:
    with NLU++ (40 labels) it never left that state. T.-Y. Lin et al., "Focal Loss for Dense Object Detection",
    ICCV 2017, section 3.3.
    """
    bias = next((value for name, value in reversed(list(model.named_parameters())) if name.endswith("bias")), None)
    if task.one_label or bias is None or bias.shape != (len(task.labels),):
        return
    share = np.clip(np.mean(rows["labels"][:], axis=0), 1e-3, 1 - 1e-3)
    with torch.no_grad():
        bias.copy_(torch.tensor(np.log(share / (1 - share)), dtype=bias.dtype))


def epoch_figures(task: Task, logits: FloatArray, targets: Any) -> dict[str, float | None]:
    """Judges an epoch; with several labels a text, at the one threshold that suits it best.

    At a half each the first epochs would give no label at all, and be told apart by nothing. ``rank`` orders
    epochs: by the task's metric, and where that is equal by how likely the right answers were.
    """
    truth = truth_of(task, targets)
    probabilities = task.probabilities(np.asarray(logits, np.float32))
    answers = task.answers(probabilities)
    if isinstance(task, MultiLabel):
        answers = probabilities >= best_threshold(probabilities.ravel(), truth.ravel() > 0)
    figures = overall(task, answers, truth)
    loss = -float(np.log(np.clip(of_the_truth(probabilities, truth), 1e-7, None)).mean())
    return {**figures, "rank": (figures[metric_key(task)] or 0.0) - _TIE * loss}


def truth_of(task: Task, targets: Any) -> Answers:
    """Makes of the loss's targets what ``Task`` calls the truth."""
    return np.asarray(targets, np.int64) if task.one_label else np.asarray(targets) > 0


def training_arguments(recipe: Recipe, rows: int, folder: Path) -> Any:
    """Says to transformers what the recipe says.

    Raises:
        InputError: It refuses an option.
    """
    on_cpu = device() == "cpu"
    piece = math.ceil(recipe.batch_size / recipe.accumulation)
    ours: dict[str, Any] = {
        "output_dir": str(folder),
        "num_train_epochs": recipe.epochs,
        "learning_rate": recipe.learning_rate,
        "per_device_train_batch_size": piece,
        "per_device_eval_batch_size": EVALUATION_BATCH,
        "gradient_accumulation_steps": math.ceil(recipe.batch_size / piece),
        "warmup_ratio": recipe.warmup_ratio,
        "lr_scheduler_type": recipe.scheduler,
        "weight_decay": recipe.weight_decay,
        "label_smoothing_factor": recipe.label_smoothing,
        "seed": recipe.seed,
        "bf16": recipe.bf16,
        "fp16": recipe.fp16,
        "group_by_length": True,
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        "save_total_limit": 1,
        "load_best_model_at_end": True,
        "metric_for_best_model": "rank",
        "greater_is_better": True,
        "restore_callback_states_from_checkpoint": True,  # the patience that is left
        "logging_strategy": "steps",
        "logging_steps": max(1, math.ceil(rows / recipe.batch_size) // LOGS_PER_EPOCH),
        "logging_nan_inf_filter": False,  # it would put an earlier loss in the place of one that is no number
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": on_cpu,
        "dataloader_pin_memory": not on_cpu,
    }
    try:
        return TrainingArguments(**{**as_known(ours), **recipe.options})
    except (ValueError, TypeError, ImportError) as error:
        raise InputError(f"transformers refuses the options of --set: {first_line(error)}") from error


class ProgressBridge(TrainerCallback):  # type: ignore[misc]  # transformers is not followed by mypy
    """Hands what the Trainer does on: steps as steps, and the figure after each epoch as a note.

    Args:
        progress: What is told.
        task: Whose metric is told.
    """

    def __init__(self, progress: Progress, task: Task) -> None:
        self._progress = progress
        self._metric, self._key = task.metric, f"eval_{metric_key(task)}"
        self._evaluated = 0

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Says how many steps there will be."""
        self._progress.step("train", state.global_step, state.max_steps)

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
            f"{self._metric} {found[self._key]:.4f} on the validation rows"
        )

    def on_predict(self, _args: Any, _state: Any, _control: Any, **_: Any) -> None:
        """Begins to count anew."""
        self._evaluated = 0


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
    """Makes the error that says what happened, and what to change."""
    also = ", or --no-bf16" if recipe.bf16 else ""
    return InputError(
        f"the training broke down: {what}; nothing was saved. Give a lower --learning-rate than "
        f"{recipe.learning_rate:g} (such as {min(recipe.learning_rate / 10, 5e-5):g}){also}"
    )
