"""A Hugging Face ONNX folder without a manifest, as Optimum and the transformers.js converter write it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgetext.errors import BundleError
from edgetext.foreign.config import position_limit, read_labels, vocabulary
from edgetext.reading import listed, read_object
from edgetext.runtime.held import place_in
from edgetext.runtime.manifest import Manifest, Variant
from edgetext.task import HALF, PROBLEM_TYPES, SingleLabel, Task

_TOKENIZER_CONFIG = "tokenizer_config.json"
_USUAL_LENGTH = 512  # tokens, where the folder says nothing
_UNSET_LENGTH = 1 << 20  # transformers writes 10**30 for "no limit known"
_PREFERRED = ("model_quantized", "model_int8", "model")


def has_onnx_layout(folder: Path) -> bool:
    """Tells whether the folder can be opened without a manifest."""
    names = ("config.json", "tokenizer.json")
    return all((folder / name).is_file() for name in names) and bool(_models(folder))


def manifest_of_folder(folder: Path) -> Manifest:
    """Makes up the manifest that such a folder would have; no checksums, since nobody recorded any.

    Raises:
        BundleError: ``config.json`` is damaged or tells of a model that is no text classifier.
    """
    config = read_object(place_in(folder, "config.json"), error=BundleError)
    task = _task(folder, config)
    labels = read_labels(folder / "config.json", config, BundleError)
    variants = _variants(folder)
    return Manifest(
        task=task.name,
        labels=labels,
        max_length=_max_length(folder, config),
        inputs=(),
        variants=variants,
        default_variant=variants[0].name,
        thresholds=None if task.one_label else (HALF,) * len(labels),
        provenance={"base_model": str(config.get("_name_or_path", ""))},
    )


def check_vocabulary(folder: Path, tokens: int) -> None:
    """Compares the tokenizer and the padding token with the embeddings that ``config.json`` tells of.

    Args:
        folder: Such a folder; in a bundle, the tokenizer's checksum says whose it is.
        tokens: How many the tokenizer has.

    Raises:
        BundleError: There are fewer embeddings than tokens, or none for the padding token.
    """
    config = read_object(folder / "config.json")
    rows, padding = vocabulary(config), config.get("pad_token_id")
    if rows is not None and tokens > rows:
        raise BundleError(
            f"{folder}: the tokenizer has {tokens} tokens, and config.json says that the model has embeddings for "
            f"{rows} (vocab_size): they are of different models"
        )
    if rows is not None and type(padding) is int and padding >= rows:
        raise BundleError(
            f"{folder / 'config.json'} says pad_token_id is {padding}, and vocab_size, the tokens that the model "
            f"has embeddings for, is {rows}"
        )


def _models(folder: Path) -> dict[str, Path]:
    """Finds the models, by their name without suffix; what lies in ``onnx/`` goes before what lies above."""
    found = [*sorted(folder.glob("model*.onnx")), *sorted((folder / "onnx").glob("model*.onnx"))]
    return {path.stem: path for path in found}


def _variants(folder: Path) -> tuple[Variant, ...]:
    models = _models(folder)
    order = [name for name in _PREFERRED if name in models]
    order += [name for name in models if name not in order]
    return tuple(_variant(folder, models[name]) for name in order)


def _variant(folder: Path, path: Path) -> Variant:
    suffix = path.stem.removeprefix("model").strip("_-") or "fp32"
    name = "int8" if suffix == "quantized" else suffix
    relative = path.relative_to(folder).as_posix()
    precision = "int8" if "int8" in name else name
    size = place_in(folder, relative).stat().st_size
    return Variant(name=name, file=relative, sha256="", precision=precision, scheme="", bytes=size)


def _task(folder: Path, config: Mapping[str, Any]) -> type[Task]:
    architectures = config.get("architectures")
    first = architectures[0] if isinstance(architectures, list) and architectures else None
    if isinstance(first, str) and not first.endswith("ForSequenceClassification"):
        raise BundleError(
            f"{folder} holds a {listed([first])}, not a text classifier: expected one that ends in "
            "ForSequenceClassification"
        )
    problem = config.get("problem_type") or SingleLabel.problem_type
    if not isinstance(problem, str) or problem not in PROBLEM_TYPES:
        raise BundleError(
            f"{folder / 'config.json'}: problem_type is {problem!r:.60}; edgetext runs classifiers only"
        )
    return PROBLEM_TYPES[problem]


def _max_length(folder: Path, config: Mapping[str, Any]) -> int:
    limits: list[object] = [position_limit(config)]
    if os.path.lexists(folder / _TOKENIZER_CONFIG):
        limits.append(read_object(place_in(folder, _TOKENIZER_CONFIG), error=BundleError).get("model_max_length"))
    known = [limit for limit in limits if type(limit) is int and 2 < limit < _UNSET_LENGTH]
    return min(known, default=_USUAL_LENGTH)
