"""The texts that a bundle keeps so that ``tune`` can repeat the search elsewhere: ``tuning/*.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edgetext.data.example import Example
from edgetext.errors import BundleError
from edgetext.export.calibration import Calibration, sample
from edgetext.files import sha256, write_atomically
from edgetext.runtime.bundle import Bundle

MANIFEST_FIELD = "tuning"
CALIBRATION_FILE = "tuning/calibration.jsonl"
GATE_FILE = "tuning/gate.jsonl"
MOST_GATE_TEXTS = 1000
_MOST_BYTES = 64 << 20

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Tuning:
    """What ``tune`` needs beside the fp32 graph.

    Attributes:
        calibration: Texts of the training kind; may be none.
        examples: Labelled held-out texts for the gate and for timing.
    """

    calibration: Calibration
    examples: tuple[Example, ...]


def write_tuning(folder: Path, tuning: Tuning) -> dict[str, Any]:
    """Writes the texts into a bundle, at most ``MOST_GATE_TEXTS`` of the examples.

    Args:
        folder: The bundle in the making.
        tuning: The texts.

    Returns:
        What the manifest says of them: files, SHA-256, numbers of rows.
    """
    (folder / CALIBRATION_FILE).parent.mkdir()
    examples = sample(tuning.examples, MOST_GATE_TEXTS)
    _write_lines(folder / CALIBRATION_FILE, [{"text": text} for text in tuning.calibration.texts])
    _write_lines(folder / GATE_FILE, [{"text": example.text, "label": example.label} for example in examples])
    entry = _entry(folder, CALIBRATION_FILE, len(tuning.calibration.texts))
    return {
        "calibration": {**entry, "origin": tuning.calibration.origin},
        "gate": _entry(folder, GATE_FILE, len(examples)),
    }


def read_tuning(bundle: Bundle) -> Tuning | None:
    """Reads the texts back; ``None`` where the bundle keeps none. Nothing in it is taken on trust.

    Raises:
        BundleError: The entry or a file is damaged, or a path leaves the folder.
        IntegrityError: A file is not the one that was exported.
        DataError: A calibration text is empty.
    """
    entries = bundle.manifest.extra.get(MANIFEST_FIELD)
    if entries is None:
        return None
    texts = _read_lines(bundle, entries, "calibration", lambda value: _string(value, "text"))
    examples = _read_lines(bundle, entries, "gate", lambda value: (_string(value, "text"), _string(value, "label")))
    origin = entries["calibration"].get("origin")
    return Tuning(
        Calibration(tuple(texts), origin if isinstance(origin, str) else "the bundle"),
        tuple(Example(text, label, row) for row, (text, label) in enumerate(examples, start=1)),
    )


def _entry(folder: Path, file: str, rows: int) -> dict[str, Any]:
    return {"file": file, "sha256": sha256(folder / file), "rows": rows}


def _write_lines(file: Path, rows: Sequence[Mapping[str, str]]) -> None:
    write_atomically(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8"))


def _read_lines(bundle: Bundle, entries: Any, part: str, read: Callable[[Any], _Item]) -> list[_Item]:
    try:
        file, digest = _string(entries[part], "file"), _string(entries[part], "sha256")
    except (KeyError, TypeError, ValueError):
        raise BundleError(f"{bundle.path}: bundle.json: {MANIFEST_FIELD!r} is damaged: export again") from None
    content = bundle.read(file, _MOST_BYTES, expected=digest)
    items = []
    for number, line in enumerate(content.decode("utf-8", "replace").split("\n")[:-1], start=1):
        try:
            items.append(read(json.loads(line)))
        except (KeyError, TypeError, ValueError, RecursionError):
            raise BundleError(
                f"{bundle.path / file}: line {number} is no text with a label: export again"
            ) from None
    return items


def _string(value: Any, name: str) -> str:
    found = value[name]
    if not isinstance(found, str):
        raise TypeError(name)
    found.encode("utf-8")  # half of a surrogate pair passes the parser; its error is a ValueError
    return found
