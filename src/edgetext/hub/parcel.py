"""What of a bundle, a checkpoint or a Space is sent: its files, without texts and the folders they came from.

The manifest that is sent is written anew and does not name what is left out, so that the bundle opens as before. A
checkpoint holds no text, but paths of this machine; only the last part of each is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from edgetext.checkpoint import SPLIT_FILE, TRAINING_FILE, open_checkpoint
from edgetext.errors import InputError
from edgetext.foreign.files import read_found
from edgetext.hub.card import CARD_FILE, CardFacts, bundle_facts, checkpoint_facts
from edgetext.ours import BUNDLE, CHECKPOINT, SPACE, Kind, belongs
from edgetext.reading import MAX_JSON_BYTES, read_bytes
from edgetext.runtime.bundle import Bundle, holds_bundle, open_bundle
from edgetext.runtime.held import place_in
from edgetext.runtime.hub import is_hub_name
from edgetext.runtime.manifest import MANIFEST_FILE, Manifest

RECORD_FILE = "export.json"
_TEXT_FIELDS = ("examples", "tuning")
_TUNING = "tuning/"
_COMPILED = "__pycache__/"  # which a Space has that ran here
# A path from the root, a home or a drive on, where a word begins; quoted ones may hold spaces.
_ROOT = r"(?:~[\w.-]*|[A-Za-z]:)?[/\\]"
_QUOTED = re.compile(rf"'{_ROOT}[^']*[/\\]([^'/\\]+)'")
_BARE = re.compile(rf"(?<![^\s\"'=(,]){_ROOT}[^\s\"',;)]*[/\\]([^\s\"',;)/\\]+)")


@dataclass(frozen=True)
class Parcel:
    """What is sent.

    Attributes:
        kind: Of folder: ``BUNDLE``, ``CHECKPOINT`` or ``SPACE``.
        files: By path in the repository: the file, or the bytes that are sent in its place.
        facts: What the card tells of it; ``None`` for a Space, whose README is its card.
        texts: The texts that there are, sent or not, a few words each.
        others: What else lies in the folder, which is not sent.
    """

    kind: Kind
    files: Mapping[str, Path | bytes]
    facts: CardFacts | None = None
    texts: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def kind_of(folder: Path) -> Kind:
    """Tells a bundle, a checkpoint and a Space apart, before any is opened.

    Raises:
        InputError: It is none of them, or not one that edgetext wrote.
    """
    if is_hub_name(folder.as_posix()):
        raise InputError(f"{folder} is on the Hub already: give a folder of this machine")
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give a bundle, a checkpoint or a Space that edgetext wrote")
    if (folder / _mark(SPACE)).is_file():
        return SPACE
    kind = BUNDLE if holds_bundle(folder) else CHECKPOINT
    if not (folder / _mark(kind)).is_file():
        raise InputError(
            f"{folder} holds neither {MANIFEST_FILE} nor {TRAINING_FILE}: give a bundle, a checkpoint or a Space "
            "that edgetext wrote"
        )
    return kind


def pack(folder: Path, *, texts: bool = False) -> Parcel:
    """Puts together what is sent of a folder; nothing is written.

    Args:
        folder: A bundle, a checkpoint or a Space.
        texts: Whether the texts that a bundle keeps are sent too; those that a Space was made with are part of it.

    Raises:
        InputError: It is none of them, or a part of it is damaged.
        BundleError: A file of the bundle is missing, or a link that leaves it.
        IntegrityError: A file of the bundle is not the one that was exported.
        ModelError: The checkpoint cannot be opened.
    """
    kind = kind_of(folder)
    own, others = _sorted_out(folder, kind)
    files: dict[str, Path | bytes] = {name: place_in(folder, name) for name in own}
    if kind is SPACE:
        packed = _pack_space(folder, files)
    elif kind is BUNDLE:
        packed = _pack_bundle(open_bundle(folder), files, texts=texts)
    else:
        packed = _pack_checkpoint(folder, files)
    return replace(packed, others=tuple(name for name in others if name != CARD_FILE))


def without_folders(value: Any) -> Any:
    """Returns JSON values whose texts have the last part of paths alone: folders tell of a machine and its user."""
    if isinstance(value, str):
        absolute = PurePosixPath(value).is_absolute() or PureWindowsPath(value).is_absolute()
        if absolute and ":" not in value[2:]:  # else it is a sentence that begins with a path
            return PureWindowsPath(value).name
        return _BARE.sub(r"\1", _QUOTED.sub(r"'\1'", value))
    if isinstance(value, list):
        return [without_folders(part) for part in value]
    if isinstance(value, dict):
        return {name: without_folders(part) for name, part in value.items()}
    return value


def _mark(kind: Kind) -> str:
    return kind.mark[0] if kind.mark else ""


def _sorted_out(folder: Path, kind: Kind) -> tuple[list[str], list[str]]:
    """Lists the files of a folder that are of its kind, and the others."""
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir())
    return [name for name in names if belongs(name, kind)], [name for name in names if not belongs(name, kind)]


def _pack_bundle(bundle: Bundle, files: dict[str, Path | bytes], *, texts: bool) -> Parcel:
    _check(bundle)
    manifest, record = bundle.manifest, read_found(bundle.path, RECORD_FILE) or {}
    examples = manifest.extra.get("examples") or ()
    kept = {name: value for name, value in manifest.extra.items() if texts or name not in _TEXT_FIELDS}
    told = [name for name in files if name.startswith(_TUNING)]
    sent = {name: file for name, file in files.items() if texts or name not in told}
    sent[MANIFEST_FILE] = _manifest_bytes(
        replace(manifest, extra=kept, provenance=without_folders(dict(manifest.provenance)))
    )
    if record:
        metrics = {"metrics": record["metrics"]} if "metrics" in record else {}  # names of labels, and figures
        sent[RECORD_FILE] = _json_bytes({**without_folders(record), **metrics})
    facts = bundle_facts(manifest, record, _card(bundle.path))
    there = (*told, *((f"{len(examples)} examples in {MANIFEST_FILE}",) if examples else ()))
    return Parcel(BUNDLE, sent, facts.renamed(without_folders(facts.base_model)), there)


def _pack_space(folder: Path, files: dict[str, Path | bytes]) -> Parcel:
    bundle = open_bundle(folder / "bundle")
    _check(bundle)
    manifest = replace(bundle.manifest, provenance=without_folders(dict(bundle.manifest.provenance)))
    sent = {name: file for name, file in files.items() if _COMPILED not in name}
    told = tuple(name for name in files if name.startswith(f"bundle/{_TUNING}"))
    return Parcel(SPACE, {**sent, f"bundle/{MANIFEST_FILE}": _manifest_bytes(manifest)}, texts=told)


def _check(bundle: Bundle) -> None:
    """Refuses a bundle whose files are not those that were exported: others would download it in vain."""
    manifest = bundle.manifest
    for variant in manifest.variants:
        bundle.model(variant).close()
    if manifest.first_stage is not None:
        bundle.first_stage(manifest.first_stage).close()
    bundle.tokenizer_bytes()


def _pack_checkpoint(folder: Path, files: dict[str, Path | bytes]) -> Parcel:
    checkpoint = open_checkpoint(folder)
    training = read_found(folder, TRAINING_FILE) or {}
    figures = {name: training[name] for name in ("metrics", "baseline", "calibration") if name in training}
    sent = {**files, TRAINING_FILE: _json_bytes({**without_folders(training), **figures})}
    if checkpoint.split is not None:
        sources = tuple(replace(one, uri=without_folders(one.uri)) for one in checkpoint.split.sources)
        sent[SPLIT_FILE] = _json_bytes(replace(checkpoint.split, sources=sources).to_json())
    facts = checkpoint_facts(checkpoint, _card(folder))
    return Parcel(CHECKPOINT, sent, facts.renamed(without_folders(facts.base_model)))


def _card(folder: Path) -> str:
    """Reads the card that lies in the folder; nothing where there is none."""
    if not (folder / CARD_FILE).is_file():
        return ""
    try:
        return read_bytes(place_in(folder, CARD_FILE), MAX_JSON_BYTES).decode("utf-8")
    except UnicodeError:
        raise InputError(f"{folder / CARD_FILE} is no UTF-8: mend it, or move it away") from None


def _manifest_bytes(manifest: Manifest) -> bytes:
    value = manifest.to_json()
    Manifest.from_json(value)  # what cannot be opened must not be sent
    return _json_bytes(value)


def _json_bytes(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")
