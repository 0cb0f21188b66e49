"""Labelled text in, a small classifier for plain CPUs out, and what int8 cost it.

This module hands out the part that predicts, and loads it when it is first used: ``import edgetext`` alone
imports neither numpy nor onnxruntime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgetext import telemetry
from edgetext.errors import (
    BundleError,
    DataError,
    EdgetextError,
    GateRefusedError,
    InputError,
    IntegrityError,
    MissingExtraError,
    ModelError,
    OutputExistsError,
    WriteError,
)

if TYPE_CHECKING:
    from edgetext.runtime.prediction import Prediction
    from edgetext.runtime.predictor import Predictor

__version__ = "0.1.0"

telemetry.turn_off()  # every module of edgetext is imported after this one, and every library by one of them

__all__ = [
    "BundleError",
    "DataError",
    "EdgetextError",
    "GateRefusedError",
    "InputError",
    "IntegrityError",
    "MissingExtraError",
    "ModelError",
    "OutputExistsError",
    "Prediction",
    "Predictor",
    "WriteError",
    "__version__",
]

_LAZY = {"Prediction": "edgetext.runtime.prediction", "Predictor": "edgetext.runtime.predictor"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'edgetext' has no attribute {name!r}")
    from edgetext.quick_import import import_quickly

    return getattr(import_quickly(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
