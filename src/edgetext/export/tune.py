"""Repeats the search on another machine, from a bundle alone: its fp32 graph and the texts that it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgetext.data.example import Example
from edgetext.data.texts import find_unlabelled
from edgetext.errors import BundleError, InputError
from edgetext.export.record import read_metrics
from edgetext.export.settings import ExportSettings
from edgetext.export.tuning import MANIFEST_FIELD, CalibrationTexts, Tuning, check_held_out, read_tuning
from edgetext.files import new_folder, refuse_existing
from edgetext.ours import BUNDLE
from edgetext.progress import Progress, Silent
from edgetext.runtime.bundle import Bundle, open_bundle

if TYPE_CHECKING:
    from edgetext.export.assembly import Exported

_FP32 = "fp32"


def tune_bundle(
    path: Path,
    output: Path,
    settings: ExportSettings | None = None,
    *,
    held_out: Sequence[Example] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Searches again, and writes the bundle with the model that is best on this machine.

    Args:
        path: A bundle that ``export`` wrote; it is checked like any other that somebody passed on.
        output: The folder to write; ``path`` itself to replace it, once the new one is whole.
        settings: What the user chose.
        held_out: Labelled texts for the gate, in place of those in the bundle.
        overwrite: Whether a folder that is there may be replaced.
        progress: Told of each step.

    Raises:
        BundleError: It is no bundle of ours, or damaged.
        IntegrityError: A file is not the one that was exported.
        InputError: It keeps no texts and none were given.
        OutputExistsError: The output folder is taken.
        WriteError: The output cannot be written, or the disk is full.
    """
    settings, progress = settings or ExportSettings(), progress or Silent()
    refuse_existing(output, BUNDLE, overwrite=overwrite)
    bundle = open_bundle(path)
    _check(bundle)
    metrics = read_metrics(bundle)
    tuning = _tuning(bundle, held_out)
    check_held_out(tuning.examples, bundle.manifest.decides, str(path))
    tuning = _with_unlabelled(bundle, tuning, settings, progress)
    keep = settings.texts and (held_out is None or MANIFEST_FIELD in bundle.manifest.extra)
    # The libraries that take seconds to import come in here, when all else is checked.
    from edgetext.export.assembly import search_into
    from edgetext.export.first_stage import kept_from
    from edgetext.export.workshop import from_bundle

    with new_folder(output, BUNDLE, overwrite=overwrite) as folder:
        shop = from_bundle(folder, bundle, tuning, settings, progress)
        exported = search_into(folder, shop, tuning, metrics, kept_from(bundle), keep=keep)
    return replace(exported, path=output)


def _check(bundle: Bundle) -> None:
    if not bundle.has_manifest or all(variant.name != _FP32 for variant in bundle.manifest.variants):
        raise BundleError(
            f"{bundle.path} cannot be tuned: it holds no model named fp32; export the checkpoint again"
        )


def _with_unlabelled(bundle: Bundle, tuning: Tuning, settings: ExportSettings, progress: Progress) -> Tuning:
    """Adds the texts without labels, if some were given; a bundle knows some of its training texts alone."""
    if settings.unlabelled is None:
        return tuning
    columns = bundle.manifest.text_column, bundle.manifest.text_pair_column
    seen = tuning.calibration.texts
    progress.note(
        f"{bundle.path} knows {len(seen)} of its training texts: give no others as texts without labels, since a "
        "model keeps its answers to what it has learned"
    )
    unlabelled = find_unlabelled(settings.unlabelled, columns, seen, tuning.examples, progress)
    return replace(tuning, unlabelled=unlabelled)


def _tuning(bundle: Bundle, held_out: Sequence[Example] | None) -> Tuning:
    """The bundle's own texts, with the rows that were given in place of its held-out ones."""
    kept = read_tuning(bundle)
    if held_out is not None:
        calibration = kept.calibration if kept else CalibrationTexts((), "none: the bundle keeps no texts")
        return Tuning(calibration, tuple(held_out))
    if kept is None:
        raise InputError(
            f"{bundle.path} keeps no texts (it was exported with --no-texts): give --data with labelled rows "
            "that the model was not trained on"
        )
    return kept
