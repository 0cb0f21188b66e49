"""Labelled text -> checkpoint, through ``transformers.Trainer``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgetext.lazy import hand_out

if TYPE_CHECKING:
    from edgetext.train.arguments import DistillSettings, TrainArguments
    from edgetext.train.base import BaseModel, resolve_base
    from edgetext.train.distillation import distill
    from edgetext.train.fitting import fit
    from edgetext.train.student import Student
else:
    __getattr__ = hand_out(
        __name__,
        {
            "BaseModel": "edgetext.train.base",
            "DistillSettings": "edgetext.train.arguments",
            "Student": "edgetext.train.student",
            "TrainArguments": "edgetext.train.arguments",
            "distill": "edgetext.train.distillation",
            "fit": "edgetext.train.fitting",
            "resolve_base": "edgetext.train.base",
        },
    )

__all__ = [
    "BaseModel",
    "DistillSettings",
    "Student",
    "TrainArguments",
    "distill",
    "fit",
    "resolve_base",
]


def __dir__() -> list[str]:
    return sorted(__all__)
