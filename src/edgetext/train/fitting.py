"""``fit``: fine-tunes a base model on a split and writes the checkpoint."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgetext.checkpoint import Checkpoint, open_checkpoint, write_split, write_training
from edgetext.data.example import Example, Split
from edgetext.errors import needs_extra
from edgetext.files import new_folder, open_to_all
from edgetext.metrics.report import full_report
from edgetext.ours import CHECKPOINT
from edgetext.progress import Progress, Silent
from edgetext.train.arguments import TrainArguments
from edgetext.train.base import BaseModel, in_clean_room, resolve_base
from edgetext.train.encode import check_max_length, choose_max_length, encode
from edgetext.train.hardware import bf16_pays, device
from edgetext.train.history import training_record
from edgetext.train.load import length_limit, load_base
from edgetext.train.quiet import quiet
from edgetext.train.recipe import Recipe, make_recipe
from edgetext.train.trainer import make_trainer

_NAMED = 10


def fit(
    split: Split,
    base: BaseModel | Path | str,
    output: Path | str,
    arguments: TrainArguments | None = None,
    progress: Progress | None = None,
    *,
    overwrite: bool = False,
) -> Checkpoint:
    """Fine-tunes a base model and writes the epoch that was best on the validation rows.

    Args:
        split: The rows, from ``edgetext.pipeline.read_split`` or ``edgetext.data.split.resolve_split``.
        base: The model to begin with, from ``resolve_base``, or what that takes.
        output: The folder to write; it appears whole, when everything is done, or not at all.
        arguments: The user's choices; by default all are left to the recipe.
        progress: Told of every step and of what the user should know.
        overwrite: Whether a folder that is there may be replaced.

    Returns:
        The checkpoint; its ``training`` holds the metrics on the validation and the test rows.

    Raises:
        OutputExistsError: The output is taken and ``overwrite`` is off, or it holds something that is not ours.
        WriteError: The output cannot be written, or the disk is full.
        ModelError: The base model cannot be used.
        MissingExtraError: The ``train`` extra is not installed.
    """
    arguments = arguments or TrainArguments()
    progress = progress or Silent()
    base = base if isinstance(base, BaseModel) else resolve_base(str(base))
    output = Path(output)
    with (
        in_clean_room(base) as readable,
        new_folder(output, CHECKPOINT, overwrite=overwrite) as folder,
        quiet(),
    ):
        _train_into(folder, split, readable, arguments, progress)
    return open_checkpoint(output)


def _train_into(folder: Path, split: Split, base: BaseModel, arguments: TrainArguments, progress: Progress) -> None:
    started = time.perf_counter()
    with needs_extra("train"):
        from transformers import set_seed
    set_seed(arguments.seed)
    tokenizer, model = load_base(base, split.labels)
    recipe = _recipe(split, base, tokenizer, model.config, arguments)
    notes = (*split.notes, *_lacking(split), *_notes(recipe, arguments, len(split.train)))
    for note in notes:
        progress.note(note)

    def encoded(examples: Sequence[Example]) -> Any:
        return encode(examples, split.labels, tokenizer, recipe.max_length)

    train, validation = encoded(split.train), encoded(split.validation)
    epochs = folder / "epochs"
    trainer = make_trainer(model, tokenizer, train, validation, recipe, split.labels, epochs, progress)
    trainer.train()
    held_out = {"validation": validation} | ({"test": encoded(split.test)} if split.test else {})
    results = {
        "metrics": {part: _evaluate(trainer, rows, split.labels) for part, rows in held_out.items()},
        "rows": {"train": len(split.train), **{part: len(rows) for part, rows in held_out.items()}},
        "device": device(),
        "seconds": round(time.perf_counter() - started, 1),
        "notes": list(notes),
    }
    shutil.rmtree(epochs, ignore_errors=True)
    _save(folder, trainer.model, tokenizer, recipe)
    write_training(folder, training_record(base, recipe, trainer, results))
    write_split(folder, split.record)


def _recipe(split: Split, base: BaseModel, tokenizer: Any, config: Any, arguments: TrainArguments) -> Recipe:
    limit = length_limit(tokenizer, config)
    check_max_length(arguments.max_length, limit, base.name)
    wanted = choose_max_length([example.text for example in split.train], tokenizer, limit)
    return make_recipe(
        arguments,
        rows=len(split.train),
        labels=len(split.labels),
        hidden_size=int(getattr(config, "hidden_size", 0)),
        max_length=wanted,
        bf16=bf16_pays(),
    )


def _lacking(split: Split) -> tuple[str, ...]:
    """Names the labels that a held-out part lacks."""
    notes = []
    for part, rows in (("validation", split.validation), ("test", split.test)):
        there = {example.label for example in rows}
        lacking = [repr(label) for label in split.labels if label not in there]
        if rows and lacking:
            more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
            notes.append(
                f"no {part} row has the label {', '.join(lacking[:_NAMED])}{more}: there is no macro F1, "
                "and how well that is recognised is not known"
            )
    return tuple(notes)


def _notes(recipe: Recipe, arguments: TrainArguments, rows: int) -> tuple[str, ...]:
    plan = (
        f"{rows} rows, {recipe.epochs} epochs, batches of {recipe.batch_size}, learning rate "
        f"{recipe.learning_rate:g}, texts of up to {recipe.max_length} tokens"
    )
    if recipe.bf16 and arguments.bf16 is None:
        return (
            plan,
            f"training in bfloat16, which this {device().upper()} computes in hardware (--no-bf16 turns it off)",
        )
    return (plan,)


def _evaluate(trainer: Any, rows: Any, labels: Sequence[str]) -> dict[str, Any]:
    found = trainer.predict(rows)
    return full_report(found.predictions.tolist(), found.label_ids.tolist(), labels)


def _save(folder: Path, model: Any, tokenizer: Any, recipe: Recipe) -> None:
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.backend_tokenizer.no_truncation()  # who loads it decides; training's last batch must not
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = recipe.max_length
    tokenizer.save_pretrained(folder)
    open_to_all(folder)
