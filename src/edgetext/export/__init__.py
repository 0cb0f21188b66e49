"""Checkpoint -> bundle: the ONNX graph, its int8 variants, and the gate that they must pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgetext.lazy import hand_out

if TYPE_CHECKING:
    from edgetext.export.assembly import Exported
    from edgetext.export.export import export_bundle
    from edgetext.export.settings import ExportSettings
    from edgetext.export.tuning import CalibrationTexts
else:
    __getattr__ = hand_out(
        __name__,
        {
            "CalibrationTexts": "edgetext.export.tuning",
            "ExportSettings": "edgetext.export.settings",
            "Exported": "edgetext.export.assembly",
            "export_bundle": "edgetext.export.export",
        },
    )

__all__ = [
    "CalibrationTexts",
    "ExportSettings",
    "Exported",
    "export_bundle",
]


def __dir__() -> list[str]:
    return sorted(__all__)
