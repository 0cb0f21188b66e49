"""The manifest of a bundle, ``bundle.json``: what the folder holds and how to load it. Format version 1."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any

from edgetext.errors import BundleError
from edgetext.reading import listed

FORMAT_VERSION = 1
MANIFEST_FILE = "bundle.json"
TASKS = ("single_label", "multi_label")
# What is read of the free parts of a manifest, where it stands in them, by commands that come to it late.
_EVALUATION: Mapping[str, type] = {"verdict": str, "sentence": str, "kept_fp32": list}
_PROVENANCE: Mapping[str, type] = {"base_model": str, "data": list, "rows": dict}
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
LONGEST_INPUT = 1 << 20  # tokens; no text classifier reads more, and arrays are sized by it


@dataclass(frozen=True)
class Variant:
    """One ONNX model of the bundle.

    Attributes:
        name: What a user calls it, such as ``fp32`` or ``int8``.
        file: Path inside the bundle, with forward slashes.
        sha256: Of the file; empty where there is no manifest that could record it.
        precision: ``fp32`` or ``int8``.
        scheme: The scheme that made it, such as ``dynamic-int8-per-channel``.
        bytes: Size of the file.
        session: onnxruntime session options to load it with, such as ``{"graph_optimization_level": "disable"}``.
        evaluation: What the gate measured, as JSON values; empty for the reference.
        extra: Fields of newer versions, kept as they are.
    """

    name: str
    file: str
    sha256: str
    precision: str
    scheme: str
    bytes: int
    session: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What ``bundle.json`` says.

    Attributes:
        task: ``single_label`` or ``multi_label``.
        labels: The labels, by class index.
        max_length: The longest input in tokens, special tokens included.
        inputs: Names of the graph's inputs.
        variants: The models, the reference first.
        default_variant: Name of the model that is loaded when none is asked for.
        thresholds: Multi label: the probability from which on a label is given, one a label.
        text_column: The column that the texts were read from in training; empty where nobody knows.
        provenance: Base model, data fingerprint, library versions, seed, date, command.
        created_with: Name and version of the program that wrote the bundle.
        files: SHA-256 by path of the other files that predictions depend on: the tokenizer, external weights.
        extra: Fields of newer versions, kept as they are.
    """

    task: str
    labels: tuple[str, ...]
    max_length: int
    inputs: tuple[str, ...]
    variants: tuple[Variant, ...]
    default_variant: str
    thresholds: tuple[float, ...] | None = None
    text_column: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    created_with: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def variant(self, name: str | None = None) -> Variant:
        """Gives a variant by its name, or the default one.

        Raises:
            BundleError: No variant has that name.
        """
        wanted = name or self.default_variant
        for variant in self.variants:
            if variant.name == wanted:
                return variant
        known = listed(variant.name for variant in self.variants)
        raise BundleError(f"this bundle has no variant {wanted!r:.60}: it has {known}")

    def to_json(self) -> dict[str, Any]:
        """Gives the manifest as plain JSON values, unknown fields included."""
        return {
            "format_version": FORMAT_VERSION,
            "task": self.task,
            "labels": list(self.labels),
            "thresholds": None if self.thresholds is None else list(self.thresholds),
            "max_length": self.max_length,
            "inputs": list(self.inputs),
            "variants": [_variant_to_json(variant) for variant in self.variants],
            "default_variant": self.default_variant,
            "text_column": self.text_column,
            "files": dict(self.files),
            "provenance": dict(self.provenance),
            "created_with": self.created_with,
            **self.extra,
        }

    @classmethod
    def from_json(cls, value: object) -> Manifest:
        """Checks and reads the manifest; it is input like any other and nothing in it is taken on trust.

        Raises:
            BundleError: A field is missing or of the wrong kind, or the format version is not known.
        """
        document = _expect(value, dict, "the manifest")
        version = document.get("format_version")
        if version != FORMAT_VERSION or isinstance(version, bool):
            raise BundleError(
                f"{MANIFEST_FILE}: format_version is {version!r:.60} and this edgetext reads {FORMAT_VERSION}: "
                "update edgetext, or export again"
            )
        labels = _strings(document, "labels")
        if len(labels) < 2 or len(set(labels)) < len(labels):
            raise BundleError(f"{MANIFEST_FILE}: labels must be at least two different names")
        task = _string(document, "task")
        if task not in TASKS:
            raise BundleError(f"{MANIFEST_FILE}: task is {task!r:.60}, expected one of {', '.join(TASKS)}")
        manifest = cls(
            task=task,
            labels=labels,
            max_length=_max_length(document),
            inputs=_strings(document, "inputs"),
            variants=tuple(_variant_from_json(entry) for entry in _list(document, "variants")),
            default_variant=_string(document, "default_variant"),
            thresholds=_thresholds(document, len(labels), task),
            text_column=_expect(document.get("text_column", ""), str, "text_column"),
            provenance=_known(document, "provenance", _PROVENANCE),
            created_with=_expect(document.get("created_with", ""), str, "created_with"),
            files=_files(document),
            extra={key: document[key] for key in document if key not in _MANIFEST_FIELDS},
        )
        for text in _expect(manifest.extra.get("examples", []), list, "examples"):
            _expect(text, str, "each of examples")
        names = [variant.name for variant in manifest.variants]
        if len(set(names)) < len(names):
            raise BundleError(f"{MANIFEST_FILE}: two variants have the same name")
        manifest.variant()  # the default one must exist
        return manifest


_VARIANT_FIELDS = {item.name for item in fields(Variant)} - {"extra"}
_MANIFEST_FIELDS = ({item.name for item in fields(Manifest)} - {"extra"}) | {"format_version"}


def check_inside(path: str) -> str:
    """Gives the path back if it is relative and stays inside the bundle.

    Raises:
        BundleError: It is absolute, names a drive, climbs out with ``..``, or holds a line break or the like.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or ":" in path or "\0" in path:
        raise BundleError(
            f"{MANIFEST_FILE}: the path {path!r:.200} leaves the bundle's folder; paths must stay inside it"
        )
    if not path.isprintable():
        raise BundleError(f"{MANIFEST_FILE}: the path {path!r:.200} holds characters that no file of a bundle has")
    return path


def _variant_to_json(variant: Variant) -> dict[str, Any]:
    value = {item.name: getattr(variant, item.name) for item in fields(Variant) if item.name != "extra"}
    return {**value, "session": dict(variant.session), "evaluation": dict(variant.evaluation), **variant.extra}


def _variant_from_json(value: object) -> Variant:
    entry = _expect(value, dict, "each of variants")
    return Variant(
        name=_string(entry, "name"),
        file=check_inside(_string(entry, "file")),
        sha256=_digest(_string(entry, "sha256"), "sha256"),
        precision=_string(entry, "precision"),
        scheme=_string(entry, "scheme"),
        bytes=_positive(entry, "bytes"),
        session=_expect(entry.get("session", {}), dict, "session"),
        evaluation=_known(entry, "evaluation", _EVALUATION),
        extra={key: entry[key] for key in entry if key not in _VARIANT_FIELDS},
    )


def _expect(value: object, kind: type, what: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        names = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}
        raise BundleError(f"{MANIFEST_FILE}: {what} must be {names[kind]}, found {value!r:.60}")
    return value


def _known(document: Mapping[str, Any], name: str, kinds: Mapping[str, type]) -> dict[str, Any]:
    """Gives an object of which only some fields are known."""
    value: dict[str, Any] = _expect(document.get(name, {}), dict, name)
    for key in kinds.keys() & value.keys():
        _expect(value[key], kinds[key], f"{key} of {name}")
    return value


def _field(document: Mapping[str, Any], name: str, kind: type) -> Any:
    if name not in document:
        raise BundleError(f"{MANIFEST_FILE}: the field {name!r} is missing")
    return _expect(document[name], kind, name)


def _string(document: Mapping[str, Any], name: str) -> str:
    return str(_field(document, name, str))


def _list(document: Mapping[str, Any], name: str) -> list[Any]:
    values: list[Any] = _field(document, name, list)
    if not values:
        raise BundleError(f"{MANIFEST_FILE}: {name} is empty")
    return values


def _strings(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(_expect(value, str, f"each of {name}") for value in _list(document, name))


def _positive(document: Mapping[str, Any], name: str) -> int:
    value: int = _field(document, name, int)
    if value < 1:
        raise BundleError(f"{MANIFEST_FILE}: {name} must be at least 1, found {value}")
    return value


def _max_length(document: Mapping[str, Any]) -> int:
    value = _positive(document, "max_length")
    if value > LONGEST_INPUT:
        raise BundleError(f"{MANIFEST_FILE}: max_length must be at most {LONGEST_INPUT}, found {value!r:.30}")
    return value


def _files(document: Mapping[str, Any]) -> dict[str, str]:
    files = _expect(document.get("files", {}), dict, "files")
    for path, digest in files.items():
        what = f"files[{check_inside(path)!r:.200}]"
        _digest(_expect(digest, str, what), what)
    return dict(files)


def _digest(value: str, what: str) -> str:
    if not _SHA256.fullmatch(value):
        raise BundleError(
            f"{MANIFEST_FILE}: {what} must be a SHA-256 of 64 hexadecimal digits, found {value!r:.80}"
        )
    return value


def _thresholds(document: Mapping[str, Any], labels: int, task: str) -> tuple[float, ...] | None:
    values = document.get("thresholds")
    if values is None:
        if task == "multi_label":
            raise BundleError(f"{MANIFEST_FILE}: a multi_label bundle needs thresholds, one a label")
        return None
    numbers = [value for value in _expect(values, list, "thresholds") if isinstance(value, int | float)]
    if len(numbers) != labels or any(isinstance(n, bool) or not 0 <= n <= 1 for n in numbers):
        raise BundleError(f"{MANIFEST_FILE}: thresholds must be {labels} numbers between 0 and 1")
    return tuple(float(number) for number in numbers)
