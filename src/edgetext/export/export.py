"""Checkpoint -> bundle, from end to end: export, check the logits, search, hold int8 to the gate, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgetext.checkpoint import Checkpoint
from edgetext.data.example import Example
from edgetext.data.texts import find_unlabelled
from edgetext.export.settings import ExportSettings
from edgetext.export.teacher import open_teacher, unseen_rows, with_teacher
from edgetext.export.tuning import Tuning, check_held_out, find_tuning, read_calibration
from edgetext.export.unlabelled import trained_texts
from edgetext.files import new_folder, refuse_existing
from edgetext.ours import BUNDLE
from edgetext.progress import Progress, Silent

if TYPE_CHECKING:
    from edgetext.export.assembly import Exported
    from edgetext.export.workshop import Workshop


def export_bundle(
    checkpoint: Checkpoint,
    held_out: Sequence[Example],
    output: Path | str,
    settings: ExportSettings | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Exports a checkpoint, searches for the best int8 model that the gate lets through, and writes the bundle.

    Args:
        checkpoint: The fine-tuned model.
        held_out: Labelled texts that the model was not trained on; the gate decides on them.
        output: The folder to write; it appears whole or not at all.
        settings: What the user chose.
        overwrite: Whether a folder that is there may be replaced.
        progress: Told of each step.

    Raises:
        InputError: There is no held-out text.
        DataError: A label of the texts is unknown to the model, or the calibration rows or the texts without labels
            cannot be used.
        ModelError: The reference has other labels, the architecture cannot be exported, or the tokenizer cannot be
            trimmed or put into a text model where that was asked for.
        OutputExistsError: The output folder is taken.
        WriteError: The output cannot be written, or the disk is full.
    """
    settings, progress = settings or ExportSettings(), progress or Silent()
    output = Path(output)
    refuse_existing(output, BUNDLE, overwrite=overwrite)
    check_held_out(held_out, checkpoint.task, str(checkpoint.path))
    teacher = None if settings.reference is None else open_teacher(Path(settings.reference), checkpoint)
    if teacher:
        held_out = unseen_rows(teacher, held_out, progress)
    calibration = settings.calibration
    if isinstance(calibration, str):
        calibration = read_calibration(calibration)
    tuning = Tuning(calibration, tuple(held_out)) if calibration else find_tuning(checkpoint, held_out)
    if settings.unlabelled is not None:
        columns = checkpoint.text_column, checkpoint.text_pair_column
        seen = (*trained_texts(checkpoint.split, progress), *tuning.calibration.texts)
        unlabelled = find_unlabelled(settings.unlabelled, columns, seen, held_out, progress)
        tuning = replace(tuning, unlabelled=unlabelled)
    with new_folder(output, BUNDLE, overwrite=overwrite) as folder:
        shop = _workshop(folder, checkpoint, tuning, settings, progress)
        exported = _export_into(folder, checkpoint, tuning, with_teacher(shop, teacher) if teacher else shop)
    return replace(exported, path=output)


def _workshop(
    folder: Path, checkpoint: Checkpoint, tuning: Tuning, settings: ExportSettings, progress: Progress
) -> Workshop:
    """Exports; torch and Optimum, whose import takes seconds, come in here, when all else is checked."""
    from edgetext.export.workshop import from_checkpoint

    return from_checkpoint(folder, checkpoint, tuning, settings, progress)


def _export_into(folder: Path, checkpoint: Checkpoint, tuning: Tuning, shop: Workshop) -> Exported:
    """Searches, and adds what was asked for beside the models."""
    from edgetext.export.assembly import search_into
    from edgetext.export.first_stage import learned_from

    settings = shop.settings
    if settings.text_model:
        from edgetext.export.text_graph import tokenizing_graph

        tokenizing_graph(shop.folder)  # a tokenizer without an operator is refused before a search is spent on it
    if settings.trim_vocabulary is not None:
        from edgetext.export.vocabulary import training_texts, trim_workshop

        shop = trim_workshop(shop, training_texts(checkpoint), settings.trim_vocabulary)
    make = learned_from(checkpoint, tuning.unlabelled)
    exported = search_into(folder, shop, tuning, checkpoint.figures, make, keep=settings.texts)
    if settings.text_model:
        from edgetext.export.text_model import with_text_model

        exported = replace(exported, manifest=with_text_model(folder, exported.manifest, shop.texts, shop.progress))
    return exported
