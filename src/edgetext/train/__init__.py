"""Labelled text -> checkpoint, through ``transformers.Trainer``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgetext.lazy import hand_out

if TYPE_CHECKING:
    from edgetext.train.arguments import TrainArguments
    from edgetext.train.base import BaseModel, resolve_base
    from edgetext.train.fitting import fit
else:
    __getattr__ = hand_out(
        __name__,
        {
            "BaseModel": "edgetext.train.base",
            "TrainArguments": "edgetext.train.arguments",
            "fit": "edgetext.train.fitting",
            "resolve_base": "edgetext.train.base",
        },
    )

__all__ = [
    "BaseModel",
    "TrainArguments",
    "fit",
    "resolve_base",
]


def __dir__() -> list[str]:
    return sorted(__all__)
