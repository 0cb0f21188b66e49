"""The schemes by name, in the order of their promise; listing them imports nothing heavy.

Each is a row of the table: a builder of this package and its keywords. To add one: a row, and where no builder does
what it needs, a keyword of one or a module with a function of its own (see ``Builder``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from edgetext.errors import InputError
from edgetext.export.quiet import quiet

if TYPE_CHECKING:
    from edgetext.task import Text


class SchemeNotApplicableError(InputError):
    """The scheme does not fit the model; the message says why."""


@dataclass(frozen=True)
class SchemeInput:
    """What a scheme makes its model from: the exported one, and what it may need beside it.

    Attributes:
        folder: With ``model.onnx`` (fp32, as exported), ``config.json`` and ``tokenizer.json``.
        model_type: The architecture as transformers names it, such as ``bert``.
        max_length: The longest input in tokens, special tokens included.
        calibration: Texts of the training kind, for schemes that fix the activations' scales; may be empty.
        keep: Names of the exported graph's nodes that stay fp32; a rewrite that joins such a node with others
            keeps the joint one.
    """

    folder: Path
    model_type: str
    max_length: int
    calibration: Sequence[Text] = ()
    keep: frozenset[str] = frozenset()

    @property
    def model(self) -> Path:
        """The fp32 graph as exported."""
        return self.folder / "model.onnx"


Builder: TypeAlias = Callable[..., Mapping[str, Any]]
"""Takes a ``SchemeInput``, the file to write and the row's keywords, and returns the session options that the model
must be loaded with. Where the scheme does not fit the model, it raises ``SchemeNotApplicableError`` and leaves no
file."""


@dataclass(frozen=True)
class SchemeEntry:
    """What is known of a scheme without importing what builds it.

    Attributes:
        name: What users call it.
        help: What it does, in a line.
        builder: ``"module:function"`` in this package.
        keywords: What the function is given besides the source and the target.
        precision: Of the weights in its products.
        calibrated: Whether it needs texts of the training kind (``SchemeInput.calibration``).
    """

    name: str
    help: str
    builder: str
    keywords: Mapping[str, Any] = field(default_factory=dict)
    precision: Literal["fp32", "int8", "int4"] = "int8"
    calibrated: bool = False

    def build(self, source: SchemeInput, target: Path) -> Mapping[str, Any]:
        """Writes the model.

        Args:
            source: What it is made from.
            target: The file to write.

        Returns:
            The session options that the model must be loaded with, for the manifest.

        Raises:
            SchemeNotApplicableError: The scheme does not fit this architecture, or lacks calibration texts.
            RuntimeError: The file is not what ``precision`` says.
        """
        if self.calibrated and not source.calibration:
            raise SchemeNotApplicableError("it is calibrated on training texts, and there are none")
        module, _, function = self.builder.partition(":")
        builder: Builder = getattr(import_module(f"{__package__}.{module}"), function)
        with quiet():
            session = builder(source, target, **self.keywords)
        if self.precision != "fp32":
            self._check(target)
        return session

    def _check(self, target: Path) -> None:
        from edgetext.export.graph.integer import integer_share

        if not integer_share(target):
            target.unlink()
            raise RuntimeError(f"none of its products with weights is {self.precision}")


REFERENCE = ("fp32", "the graph as exported: the reference, in every bundle")
"""No scheme: it is there before any of them starts."""

_ENTRIES = (
    SchemeEntry(
        "dynamic-int8-fused",
        "dynamic int8, weights per channel, on a fused graph",
        "int8:build_dynamic",
    ),
    SchemeEntry(
        "static-int8-minmax",
        "static int8, scales from the extremes on training texts: the same answers in any batch",
        "int8:build_static",
        {"method": "MinMax"},
        calibrated=True,
    ),
    SchemeEntry(
        "static-int8-smoothquant",
        "static-int8-minmax after SmoothQuant",
        "int8:build_static",
        {"method": "MinMax", "smooth": True},
        calibrated=True,
    ),
    SchemeEntry(
        "dynamic-int8-fused-smooth",
        "dynamic-int8-fused after SmoothQuant: less error where few channels are far larger than the rest",
        "int8:build_dynamic",
        {"rewrite": "smooth"},
        calibrated=True,
    ),
    SchemeEntry(
        "dynamic-int8-fused-skip-ln",
        "dynamic-int8-fused with SkipLayerNorm and BiasGelu fused too",
        "int8:build_dynamic",
        {"rewrite": "slow-fusions"},
    ),
    SchemeEntry(
        "dynamic-int8-fused-per-tensor",
        "dynamic-int8-fused with one scale a weight matrix",
        "int8:build_dynamic",
        {"per_channel": False},
    ),
    SchemeEntry(
        "dynamic-int8-fused-fast-gelu",
        "dynamic-int8-fused-per-tensor with GELU by its tanh formula",
        "int8:build_dynamic",
        {"per_channel": False, "rewrite": "fast-gelu"},
    ),
    SchemeEntry(
        "fp32-fused",
        "no quantization, on a fused graph",
        "prepared:build_fused",
        precision="fp32",
    ),
    SchemeEntry(
        "dynamic-int8",
        "dynamic int8, weights per channel, on the graph as exported, as Optimum quantizes",
        "exported:build_as_exported",
    ),
    SchemeEntry(
        "static-int8-percentile",
        "static int8, scales without the most extreme values on training texts",
        "int8:build_static",
        {"method": "Percentile"},
        calibrated=True,
    ),
    SchemeEntry(
        "static-int8-entropy",
        "static int8, scales that change the values' distribution least",
        "int8:build_static",
        {"method": "Entropy"},
        calibrated=True,
    ),
    SchemeEntry(
        "dynamic-int8-per-tensor",
        "dynamic-int8 with one scale a weight matrix",
        "exported:build_as_exported",
        {"per_channel": False},
    ),
    SchemeEntry(
        "weight-only-int8",
        "weights in blocks of 8 bits (MatMulNBits)",
        "weight_only:build_weight_only",
        {"bits": 8},
    ),
    SchemeEntry(
        "weight-only-int4",
        "weights in blocks of 4 bits (MatMulNBits): the smallest",
        "weight_only:build_weight_only",
        {"bits": 4},
        precision="int4",
    ),
    SchemeEntry(
        "dynamic-int8-fused-float-embeddings",
        "dynamic-int8-fused with the embeddings left in fp32",
        "int8:build_dynamic",
        {"embeddings": False},
    ),
    SchemeEntry(
        "dynamic-int8-fused-reduced-range",
        "dynamic-int8-fused with weights of 7 bits, for x86 processors without VNNI",
        "int8:build_dynamic",
        {"reduce_range": True},
    ),
    SchemeEntry(
        "dynamic-int8-reduced-range",
        "dynamic-int8 with weights of 7 bits, for x86 processors without VNNI",
        "exported:build_as_exported",
        {"reduce_range": True},
    ),
)

SCHEMES: Mapping[str, SchemeEntry] = {entry.name: entry for entry in _ENTRIES}


def describe_schemes() -> tuple[tuple[str, str], ...]:
    """Lists the schemes, each with what it does, the reference first."""
    return (REFERENCE, *((entry.name, entry.help) for entry in SCHEMES.values()))


def find_scheme(name: str) -> SchemeEntry:
    """Finds a scheme by its name.

    Raises:
        InputError: No scheme has that name; the message lists those there are.
    """
    if name not in SCHEMES:
        raise InputError(f"there is no scheme {name!r}: choose one of {', '.join(SCHEMES)}")
    return SCHEMES[name]
