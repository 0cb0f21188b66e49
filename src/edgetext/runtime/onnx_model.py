"""A model that onnxruntime runs; the one way from a predictor to onnxruntime, imported where a bundle needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgetext.errors import BundleError, InputError, first_line
from edgetext.runtime.batching import batches
from edgetext.runtime.encode import Encoded, Encoder
from edgetext.runtime.graph import Graph, check_graph
from edgetext.runtime.held import HeldModel
from edgetext.runtime.life import CLOSED
from edgetext.runtime.manifest import Manifest, Variant
from edgetext.runtime.model import Model
from edgetext.runtime.profiles import Profile
from edgetext.runtime.session import open_session
from edgetext.task import FloatArray

_FLOAT32 = "f"


class OnnxModel(Model):
    """A session of onnxruntime.

    Args:
        files: An ONNX model's, already checked.
        variant: What the manifest says of it.
        manifest: What it should fit.
        profile: How many threads the session has, and how they wait.
        make_encoder: Makes the encoder for what the graph takes.

    Raises:
        BundleError: onnxruntime cannot load it, or it is no text classifier with these labels.
        IntegrityError: It is not the file that was checked.
    """

    def __init__(
        self,
        files: HeldModel,
        variant: Variant,
        manifest: Manifest,
        profile: Profile,
        make_encoder: Callable[[Graph], Encoder],
    ) -> None:
        self._name = str(files.graph.path)
        self._session: Any = open_session(files, variant, profile)
        graph = check_graph(self._session, manifest, self._name)
        self._outputs = [graph.output]
        super().__init__(make_encoder(graph), files, len(manifest.labels), profile.callers)

    def run(self, rows: Sequence[Encoded]) -> FloatArray:
        """See ``Model``."""
        session = self._session
        if session is None:
            raise InputError(CLOSED)
        arrays = self.encoder.single(rows[0]) if len(rows) == 1 else self.encoder.batch(rows)
        try:
            logits: FloatArray = session.run(self._outputs, arrays)[0]
        except Exception as error:  # onnxruntime's exceptions share no base but this one
            raise BundleError(f"{self._name} failed while it ran: {first_line(error)}") from error
        wanted = (len(rows), self.labels)
        if logits.shape != wanted or logits.dtype.char != _FLOAT32 or not np.isfinite(logits).all():
            finite = "" if logits.shape != wanted else ", not all of them finite numbers"
            raise BundleError(
                f"{self._name} gave {logits.dtype} scores of shape {logits.shape}{finite}: expected {wanted[0]} "
                f"texts by {wanted[1]} labels, all finite; do not use this model, or export it again"
            )
        return logits

    def batches(self, rows: Sequence[Encoded], texts: int) -> list[list[int]]:
        """See ``Model``: rows of similar length, since they are padded to the longest."""
        return batches([len(row.ids) for row in rows], texts=texts)

    def close(self) -> None:
        """See ``Model``."""
        self._session = None
