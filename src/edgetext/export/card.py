"""The model card of a bundle, ``README.md``: its labels, its data, what int8 cost, how to load it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgetext.checkpoint import Checkpoint
from edgetext.files import write_atomically
from edgetext.runtime.manifest import Manifest

if TYPE_CHECKING:
    from edgetext.export.candidates import Attempt


def write_card(folder: Path, checkpoint: Checkpoint, manifest: Manifest, attempts: Sequence[Attempt]) -> None:
    """Writes the card into the bundle's folder."""
    sections = [
        _front_matter(checkpoint),
        _title(checkpoint, manifest),
        _loading(manifest),
        _variants(manifest, attempts),
        _figures(checkpoint.training.get("metrics", {})),
        _data(manifest.provenance),
    ]
    write_atomically(folder / "README.md", ("\n\n".join(part for part in sections if part) + "\n").encode("utf-8"))


def _front_matter(checkpoint: Checkpoint) -> str:
    base = checkpoint.base_model
    lines = ["---", "library_name: edgetext", "pipeline_tag: text-classification", "tags: [onnx, int8]"]
    # The Hub takes a model id here; a built-in name or a folder is none.
    if base.count("/") == 1 and not Path(base).exists():
        lines.append(f"base_model: {base.partition('@')[0]}")
    return "\n".join([*lines, "---"])


def _title(checkpoint: Checkpoint, manifest: Manifest) -> str:
    names = ", ".join(f"`{label}`" for label in manifest.labels[:20])
    more = f" and {len(manifest.labels) - 20} more" if len(manifest.labels) > 20 else ""
    base = f" It was fine-tuned from `{checkpoint.base_model}`." if checkpoint.base_model else ""
    return (
        f"# A text classifier with {len(manifest.labels)} labels\n\n"
        f"Gives each text one of: {names}{more}.{base} Texts are read up to {manifest.max_length} tokens."
    )


def _loading(manifest: Manifest) -> str:
    return (
        "## How to load it\n\n```python\nfrom edgetext import Predictor\n\n"
        'classify = Predictor("path/to/this/folder")\nprint(classify("your text"))\n```\n\n'
        "It needs numpy, onnxruntime and tokenizers, and no torch. Optimum and transformers.js open the folder as "
        f"well; the default model is `{manifest.variant().file}`."
    )


def _variants(manifest: Manifest, attempts: Sequence[Attempt]) -> str:
    rows = ["| variant | file | scheme | size |", "|---|---|---|---|"]
    rows += [f"| {v.name} | `{v.file}` | {v.scheme} | {v.bytes / 1e6:.1f} MB |" for v in manifest.variants]
    tried = [f"- `{attempt.scheme}`: {attempt.sentence}." for attempt in attempts]
    return "## What int8 cost\n\n" + "\n".join(rows) + "\n\n" + "\n".join(tried)


def _figures(metrics: Mapping[str, Any]) -> str:
    lines = ["## Figures of the torch checkpoint\n"]
    for part in ("validation", "test"):
        figures = metrics.get(part)
        if isinstance(figures, Mapping) and "accuracy" in figures:
            lines.append(f"- {part}: accuracy {figures['accuracy']:.4f}, macro F1 {figures['macro_f1']:.4f}")
    per_label = (metrics.get("test") or metrics.get("validation") or {}).get("per_label", {})
    if not per_label:
        return "\n".join(lines) if len(lines) > 1 else ""
    lines += ["", "| label | precision | recall |", "|---|---|---|"]
    lines += [f"| {name} | {f['precision']:.3f} | {f['recall']:.3f} |" for name, f in per_label.items()]
    return "\n".join(lines)


def _data(provenance: Mapping[str, Any]) -> str:
    rows = ", ".join(f"{count} {name}" for name, count in provenance.get("rows", {}).items())
    lines = [
        f"- `{d['name']}`, {d['rows']} rows, fingerprint `{d['fingerprint'][:16]}`" for d in provenance["data"]
    ]
    return "## Data\n\n" + "\n".join([*lines, f"\nUsed as: {rows} rows."]) if lines else ""
