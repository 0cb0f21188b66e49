"""Checkpoint -> bundle, from end to end: export, prove the logits, quantize, hold int8 to the gate, write."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edgetext import __version__
from edgetext.checkpoint import Checkpoint
from edgetext.data.evaluation import check_labels
from edgetext.data.example import Example
from edgetext.errors import InputError
from edgetext.export.candidates import FP32_FILE, Attempt, Workshop, add_int8, make_variant
from edgetext.export.card import write_card
from edgetext.export.onnx_export import Agreement, check_logits, export_fp32
from edgetext.export.provenance import provenance
from edgetext.export.settings import ExportSettings
from edgetext.files import new_folder, refuse_existing
from edgetext.progress import Progress, Silent
from edgetext.runtime.bundle import write_manifest
from edgetext.runtime.manifest import Manifest

_TOKENIZER_FILES = ("tokenizer.json", "config.json", "tokenizer_config.json", "special_tokens_map.json")
_AGREEMENT_TEXTS = 64
_DEMO_EXAMPLES = 4


@dataclass(frozen=True)
class Exported:
    """A written bundle.

    Attributes:
        path: The folder.
        manifest: What ``bundle.json`` says.
        attempts: The int8 recipes tried, in order.
        agreement: How far the fp32 graph is from torch.
    """

    path: Path
    manifest: Manifest
    attempts: tuple[Attempt, ...]
    agreement: Agreement

    @property
    def examples(self) -> tuple[str, ...]:
        """The held-out texts that the manifest keeps for the demo page."""
        return tuple(self.manifest.extra.get("examples", ()))

    @property
    def refused(self) -> bool:
        """Whether no int8 model was let through, so that fp32 is the default."""
        return self.manifest.variant().precision == "fp32"


def export_bundle(
    checkpoint: Checkpoint,
    held_out: Sequence[Example],
    output: Path,
    settings: ExportSettings | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Exports a checkpoint, quantizes it, holds int8 to the gate, and writes the bundle.

    Args:
        checkpoint: The fine-tuned model.
        held_out: Labelled texts that the model was not trained on; the gate decides on them.
        output: The folder to write; it appears whole or not at all.
        settings: What the user chose.
        overwrite: Whether a folder that is there may be replaced.
        progress: Told of each step.

    Raises:
        InputError: There is no held-out text.
        DataError: A label of the texts is unknown to the model.
        ModelError: The architecture cannot be exported.
        OutputExistsError: The output folder is taken.
    """
    settings, progress = settings or ExportSettings(), progress or Silent()
    refuse_existing(output, overwrite=overwrite)
    truth = _class_indices(checkpoint, held_out)
    with new_folder(output, overwrite=overwrite) as folder:
        texts = [example.text for example in held_out]
        work = folder / ".work"
        shop = Workshop(folder, work, checkpoint, texts, truth, settings, progress)
        reference, agreement = _export_reference(shop)
        manifest, attempts = add_int8(shop, reference)
        shutil.rmtree(work)
        write_manifest(folder, manifest)
        write_card(folder, checkpoint, manifest, attempts)
    return Exported(output, manifest, attempts, agreement)


def _class_indices(checkpoint: Checkpoint, held_out: Sequence[Example]) -> list[int]:
    if not held_out:
        raise InputError("there are no held-out texts, and the gate needs some: give --data with labelled rows")
    check_labels(held_out, checkpoint.labels, str(checkpoint.path))
    index = {label: number for number, label in enumerate(checkpoint.labels)}
    return [index[example.label] for example in held_out]


def _export_reference(shop: Workshop) -> tuple[Manifest, Agreement]:
    """Puts the fp32 graph and the tokenizer into the bundle, once the graph's logits are shown to be torch's."""
    for place in (shop.graph, shop.folder / "onnx"):
        place.mkdir()
    shop.progress.step("export", 0, 2)
    inputs = export_fp32(shop.checkpoint, shop.graph)
    shop.progress.step("export", 1, 2)
    agreement = check_logits(shop.checkpoint, shop.graph / "model.onnx", shop.texts[:_AGREEMENT_TEXTS])
    shop.progress.step("export", 2, 2)
    for name in _TOKENIZER_FILES:
        if (shop.graph / name).is_file():
            shutil.copyfile(shop.graph / name, shop.folder / name)
    shutil.copyfile(shop.graph / "model.onnx", shop.folder / FP32_FILE)
    return _reference_manifest(shop, inputs, agreement), agreement


def _reference_manifest(shop: Workshop, inputs: tuple[str, ...], agreement: Agreement) -> Manifest:
    evaluation = {"logits_vs_torch": asdict(agreement)}
    examples = list(shop.texts[:_DEMO_EXAMPLES]) if shop.settings.examples else []
    return Manifest(
        task="single_label",
        labels=shop.checkpoint.labels,
        max_length=shop.checkpoint.max_length,
        inputs=inputs,
        variants=(make_variant(shop.folder, "fp32", FP32_FILE, scheme="fp32", evaluation=evaluation),),
        default_variant="fp32",
        provenance=provenance(shop.checkpoint, shop.settings.command),
        created_with=f"edgetext {__version__}",
        extra={"examples": examples} if examples else {},
    )
