"""A bundle on disk: opening one, finding its files without leaving the folder, and writing its manifest."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgetext.errors import BundleError, IntegrityError
from edgetext.reading import (
    MAX_JSON_BYTES,
    MAX_MODEL_BYTES,
    MAX_TOKENIZER_BYTES,
    MAX_WEIGHTS_BYTES,
    read_bytes,
    read_json,
)
from edgetext.runtime.folder import has_onnx_layout, manifest_of_folder
from edgetext.runtime.held import Held, HeldModel, place_in
from edgetext.runtime.hub import fetch, is_hub_name
from edgetext.runtime.manifest import MANIFEST_FILE, FirstStage, Manifest, Variant
from edgetext.runtime.static import MAX_STATIC_BYTES
from edgetext.runtime.weights import external_files

TOKENIZER_FILE, CONFIG_FILE = "tokenizer.json", "config.json"


@dataclass(frozen=True)
class Bundle:
    """A folder that can be served: the manifest has been checked, the files have not been read yet.

    Attributes:
        path: The folder.
        manifest: What it holds; made up from ``config.json`` for a plain Hugging Face ONNX folder.
        has_manifest: Whether the manifest stood in the folder, and with it the checksums.
    """

    path: Path
    manifest: Manifest
    has_manifest: bool = True

    def file(self, relative: str) -> Path:
        """Finds one of its files.

        Args:
            relative: Path inside the bundle, with forward slashes.

        Raises:
            BundleError: There is no such file, or it lies outside the folder (symbolic links are followed).
        """
        return place_in(self.path, relative)

    def model(self, variant: Variant, *, verify: bool = True) -> HeldModel:
        """Opens the file of a variant and the weights beside it that an ONNX model names, and checks them.

        Args:
            variant: One of the manifest's variants.
            verify: Whether to compare checksums too; the paths are checked in any case.

        Raises:
            BundleError: A file is missing, damaged, or names weights outside the folder.
            IntegrityError: A file is not the one that was exported.
        """
        held = HeldModel(Held(self.file(variant.file), MAX_STATIC_BYTES if variant.is_static else MAX_MODEL_BYTES))
        try:
            if verify and variant.sha256:
                self._compare(variant.file, held.graph.sha256(), variant.sha256)
            for relative in _beside(held.graph, variant):
                weights = held.add(Held(self.file(relative), MAX_WEIGHTS_BYTES))
                if verify and self.has_manifest:
                    self._compare(relative, weights.sha256(), self._recorded(relative))
        except BaseException:
            held.close()
            raise
        return held

    def first_stage(self, first: FirstStage, *, verify: bool = True) -> Held:
        """Opens the file of the first stage, and checks it.

        Args:
            first: What the manifest says of it.
            verify: Whether to compare the checksum too; the path is checked in any case.

        Raises:
            BundleError: It is missing, or larger than any.
            IntegrityError: It is not the one that was exported.
        """
        held = Held(self.file(first.file), MAX_STATIC_BYTES)
        try:
            if verify:
                self._compare(first.file, held.sha256(), first.sha256)
        except BaseException:
            held.close()
            raise
        return held

    def read(
        self, relative: str, limit: int = MAX_JSON_BYTES, *, verify: bool = True, expected: str | None = None
    ) -> bytes:
        """Reads a file that predictions depend on, and compares it with its checksum if there is one.

        Args:
            relative: Path inside the bundle, with forward slashes.
            limit: The largest size to accept, in bytes.
            verify: Whether to compare the checksum.
            expected: The SHA-256 that it should have; by default what the manifest records under ``files``.

        Raises:
            BundleError: It is missing or larger.
            IntegrityError: It is not the one that was exported.
        """
        content = read_bytes(self.file(relative), limit, error=BundleError)
        recorded = self.manifest.files.get(relative) if expected is None else expected
        if verify and recorded is not None:
            self._compare(relative, hashlib.sha256(content).hexdigest(), recorded)
        return content

    def tokenizer_bytes(self, *, verify: bool = True) -> bytes:
        """Reads ``tokenizer.json``; for the errors see ``read``."""
        return self.read(TOKENIZER_FILE, MAX_TOKENIZER_BYTES, verify=verify)

    def _recorded(self, relative: str) -> str:
        if relative not in self.manifest.files:
            raise IntegrityError(
                f"{self.path / relative} holds weights, and {MANIFEST_FILE} records no checksum of it "
                "under 'files': export the bundle again"
            )
        return self.manifest.files[relative]

    def _compare(self, relative: str, found: str, expected: str) -> None:
        if found != expected.lower():
            raise IntegrityError(
                f"{self.path / relative} is not the file that was exported: its SHA-256 is {found[:12]}..., "
                f"{MANIFEST_FILE} says {expected[:12]}...; copy the bundle again, or export it again"
            )


def holds_bundle(path: str | os.PathLike[str]) -> bool:
    """Tells a bundle from a checkpoint by what lies in the folder, or by a name on the Hub.

    A plain folder that has torch's weights and ONNX is a checkpoint.
    """
    if is_hub_name(_name(path)):
        return True
    folder = Path(path)
    return (folder / MANIFEST_FILE).is_file() or (has_onnx_layout(folder) and not any(folder.glob("*.safetensors")))


def open_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Opens a bundle, or a Hugging Face ONNX folder (``config.json``, ``tokenizer.json``, ``model*.onnx``).

    Reads the manifest only; models are opened by ``Predictor``.

    Args:
        path: The folder, or ``hub:OWNER/NAME@REVISION``, which is downloaded unless it is in the Hub's cache.

    Raises:
        BundleError: There is no such folder, it is no bundle, or its manifest is damaged.
        MissingExtraError: It is on the Hub, and ``huggingface_hub`` is not installed.
    """
    folder = _folder(path)
    _check_folder(folder)
    if os.path.lexists(folder / MANIFEST_FILE):
        manifest = _read_manifest(folder)
        bundle = Bundle(folder, manifest)
        for file in manifest.models:
            bundle.file(file)
    elif has_onnx_layout(folder):
        bundle = Bundle(folder, manifest_of_folder(folder), has_manifest=False)
    else:
        raise BundleError(_no_bundle(folder))
    bundle.file(TOKENIZER_FILE)
    return bundle


def title_of(folder: Path, manifest: Manifest) -> str:
    """Names a bundle for a page: as its manifest says, or by its folder, or the one around a ``bundle``."""
    place = folder.resolve()
    return str(manifest.extra.get("title") or (place.parent.name if place.name == "bundle" else place.name))


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Writes ``bundle.json``; the SHA-256 of the tokenizer, ``config.json`` and external weights are added.

    Args:
        folder: The folder with all files of the bundle already in it.
        manifest: What it holds.

    Returns:
        The manifest as written.

    Raises:
        BundleError: A file that the manifest names is not there.
    """
    bundle = Bundle(folder, manifest)
    for file in manifest.models:
        bundle.file(file)
    names = [TOKENIZER_FILE, *([CONFIG_FILE] if (folder / CONFIG_FILE).is_file() else [])]
    for variant in manifest.variants:
        with closing(Held(bundle.file(variant.file))) as held:
            names += _beside(held, variant)
    digests = {name: _sha256(bundle.file(name)) for name in names}
    whole = replace(manifest, files={**manifest.files, **digests})
    text = json.dumps(whole.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    Manifest.from_json(json.loads(text))  # what cannot be opened must not be written
    beside = folder / f".{MANIFEST_FILE}.unfinished"
    beside.write_text(text, "utf-8")
    beside.replace(folder / MANIFEST_FILE)
    return whole


def _beside(model: Held, variant: Variant) -> list[str]:
    return [] if variant.is_static else external_files(model, variant.file)


def _read_manifest(folder: Path) -> Manifest:
    value: Any = read_json(place_in(folder, MANIFEST_FILE), error=BundleError)
    try:
        return Manifest.from_json(value)
    except BundleError as error:
        raise BundleError(f"{folder}: {error}") from None


def _sha256(file: Path) -> str:
    with closing(Held(file, MAX_WEIGHTS_BYTES)) as held:
        return held.sha256()


def _folder(path: str | os.PathLike[str]) -> Path:
    name = _name(path)
    return fetch(name) if is_hub_name(name) else Path(path)


def _name(path: str | os.PathLike[str]) -> str:
    return path if isinstance(path, str) else Path(path).as_posix()  # a Path that was made of a name on the Hub


def _check_folder(folder: Path) -> None:
    if not _exists(folder):
        raise BundleError(f"{folder} does not exist: give the bundle folder that 'edgetext export' wrote")
    if not folder.is_dir():
        raise BundleError(
            f"{folder} is no bundle: it is a file, and a bundle is a folder that holds {MANIFEST_FILE}"
        )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError) as error:  # a name that is too long, or holds a NUL
        raise BundleError(f"{str(path)!r:.80} cannot be a bundle: {error}") from None


def _no_bundle(folder: Path) -> str:
    if (folder / "model.safetensors").is_file():
        return (
            f"{folder} is no bundle: it looks like a checkpoint; make a bundle from it with "
            f"'edgetext export {folder} -o BUNDLE'"
        )
    return (
        f"{folder} is no bundle: it holds neither {MANIFEST_FILE} nor config.json, {TOKENIZER_FILE} and a "
        "model*.onnx; make one with 'edgetext export CHECKPOINT -o BUNDLE'"
    )
