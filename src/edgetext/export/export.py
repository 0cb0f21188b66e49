"""Checkpoint -> bundle, from end to end: export, check the logits, search, hold int8 to the gate, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgetext.checkpoint import Checkpoint, Metrics
from edgetext.data.evaluation import check_labels
from edgetext.data.example import Example
from edgetext.errors import InputError
from edgetext.export.calibration import Calibration, find_calibration
from edgetext.export.settings import ExportSettings
from edgetext.export.tuning import Tuning
from edgetext.files import new_folder, refuse_existing
from edgetext.ours import BUNDLE
from edgetext.progress import Progress, Silent
from edgetext.runtime.manifest import Manifest

if TYPE_CHECKING:
    from edgetext.export.assembly import Exported
    from edgetext.export.search import Found

WORKSHOP = ".work"
_DEMO_EXAMPLES = 4


def export_bundle(
    checkpoint: Checkpoint,
    held_out: Sequence[Example],
    output: Path,
    settings: ExportSettings | None = None,
    *,
    calibration: Calibration | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Exports a checkpoint, searches for the best int8 model that the gate lets through, and writes the bundle.

    Args:
        checkpoint: The fine-tuned model.
        held_out: Labelled texts that the model was not trained on; the gate decides on them.
        output: The folder to write; it appears whole or not at all.
        settings: What the user chose.
        calibration: Texts for recipes that fix the activations' scales; by default training rows of the checkpoint.
        overwrite: Whether a folder that is there may be replaced.
        progress: Told of each step.

    Raises:
        InputError: There is no held-out text.
        DataError: A label of the texts is unknown to the model, or a calibration text is empty.
        ModelError: The architecture cannot be exported, or the tokenizer cannot be trimmed or put into a text model
            where that was asked for.
        OutputExistsError: The output folder is taken.
        WriteError: The output cannot be written, or the disk is full.
    """
    settings, progress = settings or ExportSettings(), progress or Silent()
    refuse_existing(output, BUNDLE, overwrite=overwrite)
    class_indices(held_out, checkpoint.labels, str(checkpoint.path))
    if calibration is None:
        calibration, held_out = find_calibration(checkpoint, held_out)
    tuning = Tuning(calibration, tuple(held_out))
    with new_folder(output, BUNDLE, overwrite=overwrite) as folder:
        exported = _export_into(folder, checkpoint, tuning, settings, progress)
    return replace(exported, path=output)


def _export_into(
    folder: Path, checkpoint: Checkpoint, tuning: Tuning, settings: ExportSettings, progress: Progress
) -> Exported:
    """Does the work; torch and Optimum, whose import takes seconds, come in here, when all else is checked."""
    from edgetext.export.assembly import Exported, assemble
    from edgetext.export.drift import with_batch_effect
    from edgetext.export.search import search
    from edgetext.export.text.wanted import check_tokenizer, with_text_model
    from edgetext.export.vocabulary.workshop import training_texts, trim_workshop
    from edgetext.export.workshop import from_checkpoint

    work = folder / WORKSHOP
    work.mkdir()
    truth = class_indices(tuning.examples, checkpoint.labels, str(checkpoint.path))
    shop, agreement = from_checkpoint(work, checkpoint, tuning, truth, settings, progress)
    if settings.text_model:
        check_tokenizer(work)
    if settings.trim_vocabulary is not None:
        shop = trim_workshop(shop, training_texts(checkpoint), settings.trim_vocabulary)
    found = with_origin(search(shop), tuning.calibration, checkpoint.training.get("metrics", {}))
    reference = with_examples(shop.manifest, tuning, settings)
    manifest = assemble(folder, work, reference, found, tuning if settings.texts else None)
    manifest = with_batch_effect(folder, manifest, shop.texts)
    if settings.text_model:
        manifest = with_text_model(folder, manifest, shop.texts, progress)
    return Exported(folder, manifest, found.record, agreement)


def class_indices(held_out: Sequence[Example], labels: Sequence[str], owner: str) -> list[int]:
    """Gives the class index of each row.

    Args:
        held_out: The rows.
        labels: By class index.
        owner: What to call the model in a message.

    Raises:
        InputError: There is no row.
        DataError: The model does not know a label.
    """
    if not held_out:
        raise InputError("there are no held-out texts, and the gate needs some: give --data with labelled rows")
    check_labels(held_out, labels, owner)
    index = {label: number for number, label in enumerate(labels)}
    return [index[example.label] for example in held_out]


def with_origin(found: Found, calibration: Calibration, metrics: Metrics) -> Found:
    """Adds to the record where calibration texts come from, and the metrics of the torch checkpoint."""
    about = {"texts": len(calibration.texts), "origin": calibration.origin}
    return replace(found, record=replace(found.record, calibration=about, metrics=metrics))


def with_examples(manifest: Manifest, tuning: Tuning, settings: ExportSettings) -> Manifest:
    """Adds a few held-out texts for the demo page, where texts may go into the bundle."""
    if not (settings.examples and settings.texts):
        return manifest
    examples = [example.text for example in tuning.examples[:_DEMO_EXAMPLES]]
    return replace(manifest, extra={**manifest.extra, "examples": examples})
