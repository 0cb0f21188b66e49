"""What a recipe makes its model from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """The exported model, and what a recipe may need beside it.

    Attributes:
        folder: With ``model.onnx`` (fp32, as exported), ``config.json`` and ``tokenizer.json``.
        model_type: The architecture as transformers names it, such as ``bert``.
        max_length: The longest input in tokens, special tokens included.
        calibration: Texts of the training kind, for recipes that fix the activations' scales; may be empty.
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
