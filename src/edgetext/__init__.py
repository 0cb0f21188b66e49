"""Labelled text in, a small classifier for plain CPUs out, and what int8 cost it.

This module hands out the part that predicts, and loads it when it is first used: ``import edgetext`` alone
imports neither numpy nor onnxruntime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from edgetext.lazy import hand_out, import_quickly

if TYPE_CHECKING:
    from edgetext.runtime.prediction import Prediction
    from edgetext.runtime.predictor import Predictor
else:
    __getattr__ = hand_out(
        __name__,
        {"Prediction": "edgetext.runtime.prediction", "Predictor": "edgetext.runtime.predictor"},
        import_quickly,
    )

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


def __dir__() -> list[str]:
    return sorted(__all__)
