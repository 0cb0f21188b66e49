"""Where a bundle comes from: model, data, versions, seed, date, command."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath
from typing import Any

from edgetext.checkpoint import Checkpoint

_LIBRARIES = (
    "edgetext",
    "torch",
    "transformers",
    "optimum",
    "optimum-onnx",
    "onnx",
    "onnxruntime",
    "tokenizers",
    "numpy",
)


def provenance(checkpoint: Checkpoint, command: str) -> dict[str, Any]:
    """Gives what the manifest keeps of a bundle's origin, as JSON values.

    Args:
        checkpoint: The fine-tuned model.
        command: The command line that exports it.
    """
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
        **_here_and_now(command),
    }


def repeated(before: Mapping[str, Any], command: str) -> dict[str, Any]:
    """Gives a bundle's origin once its search was repeated: the same model and data, with what ran now.

    Args:
        before: What the manifest says so far.
        command: The command line that repeats the search.
    """
    return {**before, **_here_and_now(command)}


def _here_and_now(command: str) -> dict[str, Any]:
    return {
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
