"""What must be the same when a run goes on: the input, the bundle, and the options that decide the answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgetext.bulk.journal import BEGIN_AGAIN
from edgetext.errors import InputError
from edgetext.files import sha256

if TYPE_CHECKING:
    from edgetext.runtime.predictor import Predictor

_HEAD_BYTES = 1 << 20


def of_input(path: Path) -> dict[str, Any]:
    """Gives size, time of the last change, and SHA-256 of the first megabyte: cheap, whatever the size."""
    try:
        facts = path.stat()
        with path.open("rb") as stream:
            head = hashlib.sha256(stream.read(_HEAD_BYTES)).hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    return {"bytes": facts.st_size, "mtime_ns": facts.st_mtime_ns, "head_sha256": head}


def of_bundle(classify: Predictor) -> dict[str, str]:
    """Gives the model's name and SHA-256, and a digest of all else that the answers depend on."""
    manifest, variant = classify.manifest, classify.variant
    tokenizer = manifest.files.get("tokenizer.json") or sha256(classify.path / "tokenizer.json")
    rest = [manifest.task, manifest.labels, manifest.thresholds, manifest.max_length, tokenizer]
    digest = hashlib.sha256(json.dumps(rest).encode()).hexdigest()
    return {
        "variant": variant.name,
        "sha256": variant.sha256 or sha256(classify.path / variant.file),
        "rest_sha256": digest,
    }


def refuse_other_job(old: Mapping[str, Any], new: Mapping[str, Any], side: Path) -> None:
    """Raises if a run that is to go on was begun with something else.

    Raises:
        InputError: It was; the message names the first difference.
    """
    for part in ("input", "bundle"):
        if old.get(part) != new[part]:
            raise InputError(f"{side} was begun with another {part}, or it has changed: {BEGIN_AGAIN}")
    before, now = old.get("options", {}), new["options"]
    for name, value in now.items():
        began = before.get(name)
        if began != value and not (name == "rejects" and began is None):
            said = "without it" if began is None else "with it" if began is True else f"with {began}"
            raise InputError(
                f"--{name} differs from the run that is to go on, which was begun {said}: give the same"
            )
