"""The manifest of a bundle, ``bundle.json``: what the folder holds and how to load it. Format version 1."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Annotated, Any, TypedDict

from edgetext.errors import BundleError
from edgetext.fields import LATER, NOT_EMPTY, Rule, Share, between, read_part, write_part
from edgetext.reading import listed
from edgetext.task import TASKS, Task, make_task

FORMAT_VERSION = 1
MANIFEST_FILE = "bundle.json"
STATIC_SUFFIX = ".safetensors"
LONGEST_INPUT = 1 << 20  # tokens; no text classifier reads more, and arrays are sized by it

_Sha256 = Annotated[str, Rule("be a SHA-256 of 64 hexadecimal digits", re.compile(r"[0-9a-fA-F]{64}").fullmatch)]
_Temperature = Annotated[float, between(1e-3, 1e3)]
_Task = Annotated[str, Rule(f"be one of {', '.join(TASKS)}", TASKS.__contains__)]
_Size = Annotated[int, Rule("be at least 1", lambda size: size >= 1)]
_Length = Annotated[int, Rule(f"be from 1 to {LONGEST_INPUT}", lambda length: 1 <= length <= LONGEST_INPUT)]


class _Evaluation(TypedDict, total=False):
    """What is read of a variant's evaluation, by commands that come to it late."""

    verdict: str
    sentence: str
    kept_fp32: tuple[Any, ...]


class _Provenance(TypedDict, total=False):
    """What is read of where a bundle comes from, by commands that come to it late."""

    base_model: str
    data: tuple[Any, ...]
    rows: Mapping[str, Any]


class _Extra(TypedDict, total=False):
    """What is read of the manifest's other fields."""

    examples: tuple[str | tuple[str, ...], ...]
    title: str


@dataclass(frozen=True)
class Variant:
    """One model of the bundle: an ONNX file, or a table of word vectors (``runtime/static.py``).

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
    sha256: _Sha256
    precision: str
    scheme: str
    bytes: _Size
    session: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Annotated[Mapping[str, Any], _Evaluation] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_static(self) -> bool:
        """Whether it is a table of word vectors, which numpy alone computes with."""
        return self.file.endswith(STATIC_SUFFIX)


@dataclass(frozen=True)
class FirstStage:
    """A quick classifier that is asked before the model, and trusted only where it is sure (``runtime/static.py``).

    Attributes:
        file: Path inside the bundle, with forward slashes.
        sha256: Of the file.
        bytes: Size of the file.
        margin: How far from any other answer its own must be to be trusted, 0 to 1; see ``Task.margin``.
        variant: The model that the texts go to that it leaves; what was shown holds for this one alone.
        coverage: The share of the held-out texts that it answered.
        withheld: Labels that it is never trusted to give.
        evaluation: What the gate measured of the two together, as JSON values.
        extra: Fields of newer versions, kept as they are.
    """

    file: str
    sha256: _Sha256
    bytes: _Size
    margin: Share
    variant: str
    coverage: Share
    withheld: tuple[str, ...] = ()
    evaluation: Annotated[Mapping[str, Any], _Evaluation] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What ``bundle.json`` says.

    Attributes:
        task: Its name (``edgetext.task``); ``decides`` is the task itself.
        labels: The labels, by class index.
        max_length: The longest input in tokens, special tokens included.
        inputs: Names of the graph's inputs.
        variants: The models, the reference first.
        default_variant: Name of the model that is loaded when none is asked for.
        thresholds: Multi label: the probability from which on a label is given, one a label.
        temperature: What logits are divided by before they become probabilities.
        min_confidence: The confidence from which on an answer is sure; ``None`` where all are.
        first_stage: What is asked before the model; ``None`` where nothing is.
        text_column: The column that the texts were read from in training; empty where nobody knows.
        text_pair_column: The column of the second texts, for a model of pairs; empty for a model of texts.
        provenance: Base model, data fingerprint, library versions, seed, date, command.
        created_with: Name and version of the program that wrote the bundle.
        files: SHA-256 by path of the other files that predictions depend on: the tokenizer, external weights.
        extra: Fields of newer versions, kept as they are.
    """

    task: _Task
    labels: tuple[str, ...]
    max_length: _Length
    inputs: Annotated[tuple[str, ...], NOT_EMPTY]
    variants: Annotated[tuple[Variant, ...], NOT_EMPTY]
    default_variant: str
    thresholds: tuple[Share, ...] | None = None
    temperature: _Temperature | None = field(default=None, metadata=LATER)
    min_confidence: Share | None = field(default=None, metadata=LATER)
    first_stage: FirstStage | None = field(default=None, metadata=LATER)
    text_column: str = ""
    text_pair_column: str = field(default="", metadata=LATER)
    provenance: Annotated[Mapping[str, Any], _Provenance] = field(default_factory=dict)
    created_with: str = ""
    files: Mapping[str, _Sha256] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def decides(self) -> Task:
        """The task, with its labels, thresholds and temperature."""
        return make_task(TASKS[self.task], self.labels, self.temperature or 1.0, self.thresholds or ())

    @property
    def models(self) -> tuple[str, ...]:
        """The files of the variants, and of the first stage where there is one."""
        first = (self.first_stage.file,) if self.first_stage else ()
        return (*(variant.file for variant in self.variants), *first)

    def variant(self, name: str | None = None) -> Variant:
        """Returns a variant by its name, or the default one.

        Raises:
            BundleError: No variant has that name.
        """
        wanted = name or self.default_variant
        for variant in self.variants:
            if variant.name == wanted:
                return variant
        known = listed(variant.name for variant in self.variants)
        raise BundleError(f"this bundle has no variant {wanted!r:.60}: it has {known}")

    @property
    def sources(self) -> frozenset[str]:
        """The fingerprints of the files that the model was trained on or chosen by, as far as it tells."""
        told = self.provenance.get("data")
        sources = told if isinstance(told, list) else []
        return frozenset(str(source.get("fingerprint")) for source in sources if isinstance(source, Mapping))

    def disagreement(self) -> str:
        """Says which of its fields cannot go together; nothing where all do."""
        names, labels, thresholds = [variant.name for variant in self.variants], self.labels, self.thresholds
        if len(labels) < 2 or len(set(labels)) < len(labels):
            return "labels must be at least two different names"
        if thresholds is None and not TASKS[self.task].one_label:
            return f"a {self.task} bundle needs thresholds, one a label"
        if thresholds is not None and len(thresholds) != len(labels):
            return f"thresholds must be {len(labels)} numbers, one a label"
        if len(set(names)) < len(names):
            return "two variants have the same name"
        if self.default_variant not in names:
            return f"default_variant is {self.default_variant!r:.60}, and there is {listed(names)}"
        return self._disagreement_of_first_stage(names)

    def _disagreement_of_first_stage(self, names: Sequence[str]) -> str:
        first = self.first_stage
        if first is None:
            return ""
        if first.variant not in names:
            return f"first_stage is of the variant {first.variant!r:.60}, and there is {listed(names)}"
        unknown = sorted(set(first.withheld) - set(self.labels))
        return f"first_stage withholds {unknown[0]!r:.60}, which is none of the labels" if unknown else ""

    def to_json(self) -> dict[str, Any]:
        """Returns the manifest as plain JSON values, unknown fields included."""
        parts: dict[str, Any] = {"variants": [write_part(variant) for variant in self.variants]}
        if self.first_stage is not None:
            parts["first_stage"] = write_part(self.first_stage)
        return {"format_version": FORMAT_VERSION, **write_part(self), **parts}

    @classmethod
    def from_json(cls, value: object) -> Manifest:
        """Checks and reads the manifest; it is input like any other and nothing in it is taken on trust.

        Raises:
            BundleError: A field is missing or of the wrong kind, or the format version is not known.
        """
        document = dict(value) if isinstance(value, dict) else value
        version = document.pop("format_version", None) if isinstance(document, dict) else FORMAT_VERSION
        if version != FORMAT_VERSION or isinstance(version, bool):
            raise BundleError(
                f"{MANIFEST_FILE}: format_version is {version!r:.60} and this edgetext reads {FORMAT_VERSION}: "
                "update edgetext, or export again"
            )
        manifest = read_part(cls, document, MANIFEST_FILE, error=BundleError)
        read_part(_Extra, manifest.extra, MANIFEST_FILE, error=BundleError)
        for path in (*manifest.files, *manifest.models):
            check_inside(path)
        return manifest


def check_inside(path: str) -> str:
    """Returns the path if it is relative and stays inside the bundle.

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
