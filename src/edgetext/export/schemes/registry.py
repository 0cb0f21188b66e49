"""The recipes by name, in the order of their promise; listing them imports nothing.

Each is one module of this package, whose name is the recipe's with underscores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol

from edgetext.errors import InputError
from edgetext.export.schemes.source import Source


@dataclass(frozen=True)
class SchemeEntry:
    """What is known of a recipe without importing it.

    Attributes:
        name: What users call it.
        help: What it does, in a line.
        precision: Of the weights in its products.
        static: Whether the scales of the activations are fixed, so that an answer is the same in every batch.
        calibrated: Whether it needs texts of the training kind (``Source.calibration``).
    """

    name: str
    help: str
    precision: Literal["fp32", "int8", "int4"] = "int8"
    static: bool = False
    calibrated: bool = False

    @property
    def module(self) -> str:
        """The dotted name of the module that builds it."""
        return f"{__package__}.{self.name.replace('-', '_')}"


REFERENCE = SchemeEntry("fp32", "the graph as exported: the reference, in every bundle", "fp32")
"""No recipe: it is there before any of them starts."""

_ENTRIES = (
    SchemeEntry("dynamic-int8-fused", "dynamic int8, weights per channel, on a fused graph"),
    SchemeEntry(
        "static-int8-minmax",
        "static int8, scales from the extremes on training texts: the same answers in any batch",
        static=True,
        calibrated=True,
    ),
    SchemeEntry("static-int8-smoothquant", "static-int8-minmax after SmoothQuant", static=True, calibrated=True),
    SchemeEntry(
        "dynamic-int8-fused-smooth",
        "dynamic-int8-fused after SmoothQuant: less error where few channels are far larger than the rest",
        calibrated=True,
    ),
    SchemeEntry("dynamic-int8-fused-skip-ln", "dynamic-int8-fused with SkipLayerNorm and BiasGelu fused too"),
    SchemeEntry("dynamic-int8-fused-per-tensor", "dynamic-int8-fused with one scale a weight matrix"),
    SchemeEntry("dynamic-int8-fused-fast-gelu", "dynamic-int8-fused-per-tensor with GELU by its tanh formula"),
    SchemeEntry("fp32-fused", "no quantization, on a fused graph", "fp32"),
    SchemeEntry("dynamic-int8", "dynamic int8, weights per channel, on the graph as exported (Optimum)"),
    SchemeEntry(
        "static-int8-percentile",
        "static int8, scales without the most extreme values on training texts",
        static=True,
        calibrated=True,
    ),
    SchemeEntry(
        "static-int8-entropy",
        "static int8, scales that change the values' distribution least",
        static=True,
        calibrated=True,
    ),
    SchemeEntry("dynamic-int8-per-tensor", "dynamic-int8 with one scale a weight matrix"),
    SchemeEntry("weight-only-int8", "weights in blocks of 8 bits (MatMulNBits)", static=True),
    SchemeEntry("weight-only-int4", "weights in blocks of 4 bits (MatMulNBits): the smallest", "int4", static=True),
    SchemeEntry("dynamic-int8-fused-float-embeddings", "dynamic-int8-fused with the embeddings left in fp32"),
    SchemeEntry(
        "dynamic-int8-fused-reduced-range",
        "dynamic-int8-fused with weights of 7 bits, for x86 processors without VNNI",
    ),
    SchemeEntry(
        "dynamic-int8-reduced-range", "dynamic-int8 with weights of 7 bits, for x86 processors without VNNI"
    ),
)

SCHEMES: Mapping[str, SchemeEntry] = {entry.name: entry for entry in _ENTRIES}


class Scheme(Protocol):
    """What a module of this package offers."""

    def build(self, source: Source, target: Path) -> Mapping[str, Any]:
        """Writes the model.

        Args:
            source: What it is made from.
            target: The file to write.

        Returns:
            The session options that the model must be loaded with, for the manifest.

        Raises:
            SchemeNotApplicableError: The recipe does not fit this architecture, or lacks calibration texts.
        """


class SchemeNotApplicableError(InputError):
    """The recipe does not fit the model; the message says why."""


def describe_schemes() -> tuple[tuple[str, str], ...]:
    """Gives the name of each scheme and what it does, the reference first."""
    return tuple((entry.name, entry.help) for entry in (REFERENCE, *SCHEMES.values()))


def check_scheme(name: str) -> None:
    """Refuses a name that no scheme has.

    Raises:
        InputError: No scheme has that name; the message lists those there are.
    """
    if name not in SCHEMES:
        raise InputError(f"there is no scheme {name!r}: choose one of {', '.join(SCHEMES)}")


def find_scheme(name: str) -> Scheme:
    """Gives a scheme by its name.

    Raises:
        InputError: No scheme has that name; the message lists those there are.
    """
    check_scheme(name)
    scheme: Scheme = import_module(SCHEMES[name].module)
    return scheme
