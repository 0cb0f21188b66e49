"""Rows of token ids to logits: one onnxruntime session of a bundle's model, with the encoder of its tokenizer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from edgetext.errors import BundleError, InputError, first_line
from edgetext.reading import parse_json
from edgetext.runtime.aside import Aside
from edgetext.runtime.bundle import CONFIG_FILE, Bundle
from edgetext.runtime.encode import Encoded, Encoder, load_tokenizer
from edgetext.runtime.folder import check_vocabulary
from edgetext.runtime.graph import Graph, check_graph
from edgetext.runtime.held import HeldModel
from edgetext.runtime.life import CLOSED
from edgetext.runtime.manifest import Variant
from edgetext.runtime.session import Profile, open_session
from edgetext.task import FloatArray

_MOST_TOKENS = 1 << 31  # no vocabulary is that large, and some graphs take int32
_FLOAT32 = "f"


class Model:
    """Runs rows of token ids; safe to use from many threads.

    Args:
        session: The onnxruntime session.
        graph: What it takes and gives.
        encoder: Makes rows of texts, and arrays of rows.
        files: What it was loaded from.
        labels: How many scores it gives a row.
    """

    def __init__(self, session: Any, graph: Graph, encoder: Encoder, files: HeldModel, labels: int) -> None:
        self.encoder = encoder
        self.graph = graph
        self.files = files
        self.labels = labels
        self._name = str(files.graph.path)
        self._session = session
        self._outputs = [graph.output]

    def run(self, rows: Sequence[Encoded]) -> FloatArray:
        """Runs rows as one batch.

        Returns:
            The logits, float32 of shape (rows, labels), all finite.

        Raises:
            BundleError: The model fails, or gives something else.
            InputError: It was closed.
        """
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

    def close(self) -> None:
        """Lets go of the session; batches that run are finished, later ones raise an error."""
        self._session = None


class Loader:
    """Loads the model of a predictor, as often as it is asked to.

    Args:
        bundle: The opened bundle.
        variant: Which of its models.
        verify: Whether to compare checksums.
        truncation: What is read of a long text.
    """

    def __init__(self, bundle: Bundle, variant: Variant, *, verify: bool, truncation: str) -> None:
        self._bundle = bundle
        self._variant = variant
        self._verify = verify
        self._truncation = truncation

    def load(self, profile: Profile) -> Model:
        """Loads the model and its tokenizer.

        Args:
            profile: How many threads the session has, and how they wait.

        Raises:
            BundleError: A file is missing, damaged, or not of a text classifier with these labels.
            IntegrityError: A file is not the one that was exported.
        """
        bundle, manifest = self._bundle, self._bundle.manifest
        # A checksum leaves the interpreter to others, and allocates nothing: what a thread of its own allocates and
        # frees, the allocator keeps for that thread.
        checked = Aside(self._files)
        try:
            tokenizer = load_tokenizer(bundle.tokenizer_bytes(verify=self._verify))
            if not bundle.has_manifest:
                check_vocabulary(bundle.path, tokenizer.get_vocab_size())
            padding_id = self._padding_id()
        except BaseException:
            with suppress(BundleError):
                checked.result().close()
            raise
        with checked.result() as files:
            session, graph = self._open(files, profile)
        encoder = Encoder(tokenizer, manifest.max_length, graph, padding_id, self._truncation)
        return Model(session, graph, encoder, files, len(manifest.labels))

    def load_beside(self, model: Model, profile: Profile) -> Model:
        """Opens a second session on the files of a model, which are checked once more; the encoder is shared.

        Args:
            model: One that was loaded here.
            profile: Of the second session.

        Raises:
            BundleError: The files can no longer be loaded.
            IntegrityError: They are not those that the model was loaded from.
        """
        with self._files() as files:
            files.check_same(model.files)
            session, graph = self._open(files, profile)
        return Model(session, graph, model.encoder, files, model.labels)

    def _files(self) -> HeldModel:
        return self._bundle.model(self._variant, verify=self._verify)

    def _open(self, files: HeldModel, profile: Profile) -> tuple[Any, Graph]:
        session = open_session(files, self._variant, profile)
        return session, check_graph(session, self._bundle.manifest, str(files.graph.path))

    def _padding_id(self) -> int:
        """Reads the model's padding token; some architectures look for it in the ids, past the attention mask."""
        file = self._bundle.path / CONFIG_FILE
        if not os.path.lexists(file):
            return 0
        config = parse_json(self._bundle.read(CONFIG_FILE, verify=self._verify), str(file), error=BundleError)
        found = config.get("pad_token_id") if isinstance(config, dict) else None
        return found if type(found) is int and 0 <= found < _MOST_TOKENS else 0
