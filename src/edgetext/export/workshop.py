"""The workshop of a search: the fp32 graph that candidates are made from, and what they are judged on.

It is set up from a checkpoint, by exporting it, or from a bundle's own fp32 graph.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from edgetext.checkpoint import Checkpoint
from edgetext.errors import BundleError
from edgetext.export.gate import Probabilities, Truth
from edgetext.export.onnx_export import Agreement, check_logits, export_fp32
from edgetext.export.schemes.registry import SchemeInput
from edgetext.export.settings import ExportSettings
from edgetext.export.tuning import Tuning
from edgetext.files import sha256
from edgetext.progress import Progress
from edgetext.reading import read_object
from edgetext.runtime.bundle import Bundle
from edgetext.runtime.manifest import Manifest, Variant

FP32 = "fp32"
TOKENIZER_FILES = ("tokenizer.json", "config.json", "tokenizer_config.json", "special_tokens_map.json")
_MODEL = "model.onnx"
_AGREEMENT_TEXTS = 64


@dataclass(frozen=True)
class Workshop:
    """What every candidate is made from and judged on.

    Attributes:
        source: The exported graph; its folder is the workshop.
        manifest: Of the workshop's reference alone, ``fp32``.
        texts: Held-out texts.
        truth: The right class index of each; multi label: see ``gate.judge``.
        settings: What the user chose.
        progress: Told of each step.
        reference: The answers to hold candidates against where they are not those of the workshop's ``fp32``: of
            the model before its vocabulary was trimmed.
    """

    source: SchemeInput
    manifest: Manifest
    texts: Sequence[str]
    truth: Truth
    settings: ExportSettings
    progress: Progress
    reference: Probabilities | None = None

    @property
    def folder(self) -> Path:
        """The folder of the workshop."""
        return self.source.folder


def from_checkpoint(
    folder: Path, checkpoint: Checkpoint, tuning: Tuning, settings: ExportSettings, progress: Progress
) -> tuple[Workshop, Agreement]:
    """Exports the checkpoint into a workshop, once the graph's logits are shown to be torch's.

    Args:
        folder: The bundle in the making.
        checkpoint: The fine-tuned model.
        tuning: Calibration texts, and held-out rows.
        settings: What the user chose.
        progress: Told of each step.

    Raises:
        ModelError: The architecture cannot be exported, or not faithfully.
    """
    work = _new_folder(folder)
    texts = [example.text for example in tuning.examples]
    progress.step("export", 0, 2)
    inputs = export_fp32(checkpoint, work)
    progress.step("export", 1, 2)
    agreement = check_logits(checkpoint, work / _MODEL, texts[:_AGREEMENT_TEXTS])
    progress.step("export", 2, 2)
    reference = make_variant(work, FP32, _MODEL, precision=FP32)
    manifest = Manifest(
        task="single_label",
        labels=checkpoint.labels,
        max_length=checkpoint.max_length,
        inputs=inputs,
        variants=(replace(reference, evaluation={"logits_vs_torch": asdict(agreement)}),),
        default_variant=FP32,
        text_column=checkpoint.text_column,
        provenance=_origin(checkpoint),
    )
    return _workshop(work, checkpoint.model_type, manifest, tuning, settings, progress), agreement


def from_bundle(
    folder: Path, bundle: Bundle, tuning: Tuning, settings: ExportSettings, progress: Progress
) -> Workshop:
    """Copies the fp32 graph and the tokenizer of a bundle into a workshop.

    Args:
        folder: The bundle in the making.
        bundle: Where they are; its reference is the variant ``fp32``.
        tuning: Calibration texts, and held-out rows.
        settings: What the user chose.
        progress: Told of each step.

    Raises:
        BundleError: A file is missing or leads out of the bundle, or the weights lie in files of their own.
        IntegrityError: A file is not the one that was exported.
    """
    work = _new_folder(folder)
    reference = bundle.manifest.variant(FP32)
    with bundle.model(reference) as model:
        if model.weights:
            raise BundleError(
                f"{model.graph.path} keeps its weights in other files, and the schemes need them in one"
            )
        with model.graph.mapped() as content:
            (work / _MODEL).write_bytes(content)
    (work / "tokenizer.json").write_bytes(bundle.tokenizer_bytes())
    for name in TOKENIZER_FILES[1:]:
        if (bundle.path / name).exists():
            shutil.copyfile(bundle.file(name), work / name)
    copied = make_variant(work, FP32, _MODEL, precision=FP32, session=reference.session)
    manifest = replace(
        bundle.manifest, variants=(replace(copied, evaluation=reference.evaluation),), default_variant=FP32
    )
    model_type = str(read_object(work / "config.json", error=BundleError).get("model_type", ""))
    return _workshop(work, model_type, manifest, tuning, settings, progress)


def make_variant(
    folder: Path, name: str, file: str, *, precision: str, session: Mapping[str, Any] | None = None
) -> Variant:
    """Describes a model file of a workshop, its size and SHA-256 included; there the scheme names the variant."""
    path = folder / file
    return Variant(name, file, sha256(path), precision, name, path.stat().st_size, session or {})


def _workshop(
    work: Path, model_type: str, manifest: Manifest, tuning: Tuning, settings: ExportSettings, progress: Progress
) -> Workshop:
    source = SchemeInput(work, model_type, manifest.max_length, tuning.calibration.texts)
    texts = [example.text for example in tuning.examples]
    return Workshop(source, manifest, texts, tuning.truth(manifest.labels), settings, progress)


def _origin(checkpoint: Checkpoint) -> dict[str, Any]:
    """Where a model comes from, for the manifest; what ran when is added as the bundle is written."""
    record = checkpoint.split
    return {
        "base_model": checkpoint.base_model,
        "model_type": checkpoint.model_type,
        # The file's name, not its path: a bundle is passed on, and folder names tell of the machine it was made on.
        "data": [
            {"name": PurePath(source.uri).name, "fingerprint": source.fingerprint, "rows": source.rows}
            for source in (record.sources if record else ())
        ],
        "rows": {name: len(part.rows) for name, part in record.parts.items()} if record else {},
        "seed": record.seed if record else None,
    }


def _new_folder(bundle: Path) -> Path:
    """Makes the folder of the workshop, inside that of the bundle."""
    folder = bundle / ".work"
    folder.mkdir()
    return folder
