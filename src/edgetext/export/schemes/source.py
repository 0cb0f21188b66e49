"""What a scheme makes its model from, and how it says that it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgetext.errors import InputError


class SchemeNotApplicableError(InputError):
    """The scheme does not fit the model; the message says why."""


@dataclass(frozen=True)
class Source:
    """The exported model, and what a scheme may need beside it.

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
    calibration: Sequence[str] = ()
    keep: frozenset[str] = frozenset()

    @property
    def model(self) -> Path:
        """The fp32 graph as exported."""
        return self.folder / "model.onnx"
