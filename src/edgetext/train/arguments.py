"""What a user may choose: a preset, the usual choices, anything of ``TrainingArguments``; layers of a student."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from edgetext.errors import InputError, needs_extra

PRESETS = ("quick", "default", "best")
LAYERS = 3  # of a student

_OPTIONS = {
    "num_train_epochs": "--epochs",
    "learning_rate": "--learning-rate",
    "per_device_train_batch_size": "--batch-size",
    "bf16": "--bf16 or --no-bf16",
    "seed": "--seed, which fixes the split too",
    "resume_from_checkpoint": "--resume",
    "output_dir": "--output",
}
_NEEDED = (
    ("eval_*strategy", "every epoch is judged on the validation rows"),
    ("evaluation_strategy", "every epoch is judged on the validation rows"),
    ("eval_steps", "every epoch is judged on the validation rows"),
    ("save_*", "every epoch is saved, so that the best one can be taken and --resume can go on"),
    ("load_best_model_at_end", "the best epoch is what is written"),
    ("metric_for_best_model", "the best epoch is that with the best figure of the task's own metric"),
    ("greater_is_better", "the best epoch is that with the best figure of the task's own metric"),
    ("restore_callback_states_from_checkpoint", "--resume needs it"),
    ("overwrite_output_dir", "--overwrite decides about the output"),
    ("do_*", "training and evaluation always run"),
    ("label_names", "the rows have columns of edgetext's own"),
    ("remove_unused_columns", "the rows have columns of edgetext's own"),
    ("length_column_name", "the rows have columns of edgetext's own"),
    ("prediction_loss_only", "the figures need the answers"),
    ("include_*", "the figures need the answers as they are"),
    ("batch_eval_metrics", "the figures need all answers at once"),
    ("report_to", "nothing is sent to anybody; training.json holds the history"),
    ("push_to_hub*", "nothing is uploaded"),
    ("hub_*", "nothing is uploaded"),
    ("disable_tqdm", "edgetext draws its own bars"),
    ("logging_strategy", "training.json holds the history"),
    ("logging_nan_inf_filter", "a training that breaks down must be noticed"),
    ("label_smoother", "label_smoothing_factor sets it"),
)
_RECIPES = {
    "warmup_ratio": "warmup_ratio",
    "lr_scheduler_type": "scheduler",
    "weight_decay": "weight_decay",
    "label_smoothing_factor": "label_smoothing",
    "gradient_accumulation_steps": "accumulation",
    "fp16": "fp16",
}
"""The options that the recipe chooses too, by its names for them."""
_SAMPLING = "train_sampling_strategy"
_NEW_NAMES = {"group_by_length": _SAMPLING, "warmup_ratio": "warmup_steps"}
"""What transformers 5 calls options of 4."""


@dataclass(frozen=True)
class TrainArguments:
    """The choices; ``None`` leaves one to the recipe (``edgetext.train.recipe``), which looks at data and model.

    Attributes:
        epochs: Passes over the training rows.
        learning_rate: The highest one, after warm-up, of the head and the last layer.
        batch_size: Texts in a step.
        max_length: The longest text in tokens, special tokens included; longer ones are cut there.
        bf16: Whether matrix products run in bfloat16.
        warmup_ratio: Share of the steps in which the learning rate rises.
        scheduler: How it falls after that, as transformers names it.
        weight_decay: AdamW's.
        seed: Fixes the new weights, the order of the rows and dropout.
        preset: ``quick``, ``default`` or ``best``: how much time the last points of accuracy are worth.
        options: Anything else of transformers' ``TrainingArguments``, by its name there; texts are read as its
            field's type.

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
    preset: str = "default"
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Refuses values outside their range."""
        _expect(self.epochs is None or self.epochs >= 1, "epochs", self.epochs, "at least 1")
        rate = self.learning_rate
        _expect(rate is None or (math.isfinite(rate) and rate > 0), "learning rate", rate, "a number above 0")
        _expect(self.batch_size is None or self.batch_size >= 1, "batch size", self.batch_size, "at least 1")
        _expect(self.max_length is None or self.max_length >= 4, "max length", self.max_length, "at least 4 tokens")
        _expect(0 <= self.seed < 2**32, "seed", self.seed, "0 to 4294967295")
        _expect(self.preset in PRESETS, "preset", self.preset, " or ".join(PRESETS))


@dataclass(frozen=True)
class DistillSettings:
    """What the user may choose about a student.

    Attributes:
        layers: How many of the teacher's layers it has: evenly spaced ones, the last one always.
        unlabelled: A file of texts without labels, which the teacher answers and the student learns too.
        training: How it is trained; the ``seed`` also fixes a split where there is one to make.
    """

    layers: int = LAYERS
    unlabelled: Path | str | None = None
    training: TrainArguments = field(default_factory=TrainArguments)


def read_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Checks options of ``TrainingArguments``, and reads those that are texts by the types of their fields.

    Args:
        options: By their names there.

    Returns:
        Those that are choices of the recipe, by its names, and the others.

    Raises:
        InputError: There is no such option, edgetext needs it itself, or a value is of another kind.
        MissingExtraError: transformers is not installed.
    """
    if not options:
        return {}, {}
    with needs_extra("train"):
        from transformers import HfArgumentParser, TrainingArguments
    known = [item.name for item in fields(TrainingArguments) if item.init]
    parser = HfArgumentParser(TrainingArguments, exit_on_error=False)
    typed = {}
    for name, value in options.items():
        _refuse_option(name, [*known, *_RECIPES])
        field_name = name if name in known else _NEW_NAMES.get(name, name)
        typed[name] = _typed(parser, field_name, value) if isinstance(value, str) else value
    ours = {_RECIPES[name]: value for name, value in typed.items() if name in _RECIPES}
    return ours, {name: value for name, value in typed.items() if name not in _RECIPES}


def as_known(options: Mapping[str, Any]) -> dict[str, Any]:
    """Says options by the names that the installed transformers has for them.

    Args:
        options: By the names of transformers 4; a ``warmup_ratio`` below 1 is one of ``warmup_steps`` in 5.
    """
    with needs_extra("train"):
        from transformers import TrainingArguments
    known = {item.name for item in fields(TrainingArguments)}
    said: dict[str, Any] = {}
    for name, value in options.items():
        new = name if name in known else _NEW_NAMES.get(name, name)
        said[new] = (name if value else "random") if new == _SAMPLING else value
    return said


def _refuse_option(name: str, known: list[str]) -> None:
    if name in _OPTIONS:
        raise InputError(f"--set {name}: give {_OPTIONS[name]} instead")
    for pattern, reason in _NEEDED:
        if fnmatchcase(name, pattern):
            raise InputError(f"--set {name}: this one is edgetext's to choose: {reason}")
    if name not in known:
        close = [_NEW_NAMES[name]] if name in _NEW_NAMES else get_close_matches(name, known, n=3, cutoff=0.5)
        meant = f"did you mean {' or '.join(close)}?" if close else "see transformers' documentation"
        raise InputError(f"--set {name}: transformers' TrainingArguments has no such option; {meant}")


def _typed(parser: Any, name: str, text: str) -> Any:
    try:
        found, _ = parser.parse_known_args(["--output_dir", "", f"--{name}={text}"])
    except (argparse.ArgumentError, ValueError, TypeError) as error:
        raise InputError(f"--set {name}={text}: {getattr(error, 'message', error)}") from None
    return getattr(found, name)


def _expect(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise InputError(f"the {name} is {value}, expected {expected}")
