"""Puts an architecture through export and every scheme, into a bundle with a variant a scheme."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from architectures import TEXTS, Architecture, make_checkpoint
from tiny_tokenizers import CORPUS

from edgetext.checkpoint import Checkpoint, open_checkpoint
from edgetext.export.onnx_export import Agreement, check_logits, export_fp32
from edgetext.export.schemes.registry import REFERENCE, SCHEMES, SchemeInput, SchemeNotApplicableError, find_scheme
from edgetext.runtime.bundle import write_manifest
from edgetext.runtime.manifest import Manifest, Variant

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "config.json")


@dataclass(frozen=True)
class Tried:
    """What came of an architecture.

    Attributes:
        architecture: Which.
        checkpoint: The random classifier.
        agreement: How far the exported graph is from torch.
        bundle: The folder; its variants are ``fp32`` and the schemes that apply, by their names.
        inputs: Names of the graph's inputs.
        skipped: Why the other schemes do not apply, by name.
    """

    architecture: Architecture
    checkpoint: Checkpoint
    agreement: Agreement
    bundle: Path
    inputs: tuple[str, ...]
    skipped: Mapping[str, str]

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes that apply."""
        return tuple(name for name in SCHEMES if name not in self.skipped)


def try_architecture(architecture: Architecture, folder: Path) -> Tried:
    """Makes a checkpoint, exports it, and builds every scheme that applies."""
    checkpoint = open_checkpoint(make_checkpoint(architecture, folder / "checkpoint"))
    graph, bundle = folder / "graph", folder / "bundle"
    graph.mkdir()
    (bundle / "onnx").mkdir(parents=True)
    inputs = export_fp32(checkpoint, graph)
    agreement = check_logits(checkpoint, graph / "model.onnx", TEXTS)
    for name in _TOKENIZER_FILES:
        shutil.copy(graph / name, bundle / name)
    shutil.copy(graph / "model.onnx", bundle / "onnx/fp32.onnx")
    variants, skipped = [_variant(bundle, "fp32")], {}
    source = SchemeInput(graph, checkpoint.model_type, checkpoint.max_length, CORPUS)
    for name in SCHEMES:
        try:
            session = find_scheme(name).build(source, bundle / f"onnx/{name}.onnx")
        except SchemeNotApplicableError as error:
            skipped[name] = str(error)
            assert not (bundle / f"onnx/{name}.onnx").exists(), "a scheme that does not apply leaves no file"
        else:
            variants.append(_variant(bundle, name, session))
    manifest = Manifest("single_label", checkpoint.labels, checkpoint.max_length, inputs, tuple(variants), "fp32")
    write_manifest(bundle, manifest)
    return Tried(architecture, checkpoint, agreement, bundle, inputs, skipped)


def precision(variant: str) -> str:
    """Gives the precision of a variant's weights."""
    return "fp32" if variant == REFERENCE[0] else SCHEMES[variant].precision


def _variant(bundle: Path, name: str, session: Mapping[str, object] | None = None) -> Variant:
    content = (bundle / f"onnx/{name}.onnx").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Variant(name, f"onnx/{name}.onnx", digest, precision(name), name, len(content), session or {})
