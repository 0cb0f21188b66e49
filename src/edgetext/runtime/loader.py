"""Loads what a predictor asks: the model of a bundle, with its tokenizer, and the first stage before it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, suppress
from typing import NamedTuple

from tokenizers import Tokenizer

from edgetext.errors import BundleError
from edgetext.lazy import import_quickly
from edgetext.reading import parse_json
from edgetext.runtime.aside import Aside
from edgetext.runtime.bundle import CONFIG_FILE, Bundle
from edgetext.runtime.encode import Encoder, load_tokenizer
from edgetext.runtime.first_stage import FirstModel
from edgetext.runtime.folder import check_vocabulary
from edgetext.runtime.graph import Graph
from edgetext.runtime.held import HeldModel
from edgetext.runtime.manifest import FirstStage, Variant
from edgetext.runtime.model import Model
from edgetext.runtime.profiles import Profile, bulk_profile
from edgetext.runtime.static import StaticTable, read_static
from edgetext.runtime.table_model import TAKES, TableModel

_MOST_TOKENS = 1 << 31  # no vocabulary is that large, and some graphs take int32


class Stages(NamedTuple):
    """What a predictor asks.

    Attributes:
        model: The model.
        first: What is asked before it; ``None`` where nothing is.
    """

    model: Model
    first: FirstModel | None


class _Compared(NamedTuple):
    """What was compared with its checksum: the first stage, which is mapped already, and the model's open files."""

    first: StaticTable | None
    files: HeldModel


class Loader:
    """Loads the model of a predictor, as often as it is asked to.

    Args:
        bundle: The opened bundle.
        variant: Which of its models.
        first_stage: What to load beside it; ``None`` where nothing is asked before the model.
        verify: Whether to compare checksums.
        truncation: What is read of a long text.
    """

    def __init__(
        self, bundle: Bundle, variant: Variant, first_stage: FirstStage | None, *, verify: bool, truncation: str
    ) -> None:
        self._bundle = bundle
        self._variant = variant
        self._first_stage = first_stage
        self._verify = verify
        self._truncation = truncation

    def load(self, profile: Profile) -> Stages:
        """Loads the model, its tokenizer, and the first stage.

        Args:
            profile: How many threads the session has, and how they wait.

        Raises:
            BundleError: A file is missing, damaged, or not of a text classifier with these labels.
            IntegrityError: A file is not the one that was exported.
        """
        bundle = self._bundle
        # A checksum leaves the interpreter to others, and allocates nothing: what a thread of its own allocates and
        # frees, the allocator keeps for that thread.
        checked = Aside(self._compared)
        try:
            tokenizer = load_tokenizer(bundle.tokenizer_bytes(verify=self._verify))
            if not bundle.has_manifest:
                check_vocabulary(bundle.path, tokenizer.get_vocab_size())
            padding_id = self._padding_id()
        except BaseException:
            with suppress(BundleError):
                checked.result().files.close()
            raise

        def make_encoder(graph: Graph) -> Encoder:
            return Encoder(tokenizer, bundle.manifest.max_length, graph, padding_id, self._truncation)

        with checked.result().files as files:
            first = self._first_model(checked.result().first, tokenizer)
            if self._variant.is_static:
                return Stages(self._table_model(files, tokenizer, make_encoder), first)
            return Stages(self._onnx_model(files, profile, make_encoder), first)

    def bulk_profile(self, profile: Profile) -> Profile | None:
        """Makes the profile of a second session for many texts, or ``None`` where that would gain nothing."""
        return None if self._variant.is_static else bulk_profile(profile)

    def load_beside(self, model: Model, profile: Profile) -> Model:
        """Opens a second session on the files of a model, which are checked once more; the encoder is shared.

        Args:
            model: One that was loaded here.
            profile: Of the second session, see ``bulk_profile``.

        Raises:
            BundleError: The files can no longer be loaded.
            IntegrityError: They are not those that the model was loaded from.
        """
        with self._files() as files:
            files.check_same(model.files)
            return self._onnx_model(files, profile, lambda _: model.encoder)

    def _compared(self) -> _Compared:
        return _Compared(self._first_table(), self._files())

    def _files(self) -> HeldModel:
        return self._bundle.model(self._variant, verify=self._verify)

    def _onnx_model(self, files: HeldModel, profile: Profile, make_encoder: Callable[[Graph], Encoder]) -> Model:
        onnx = import_quickly("edgetext.runtime.onnx_model")
        model: Model = onnx.OnnxModel(files, self._variant, self._bundle.manifest, profile, make_encoder)
        return model

    def _table_model(
        self, files: HeldModel, tokenizer: Tokenizer, make_encoder: Callable[[Graph], Encoder]
    ) -> Model:
        table = read_static(files.graph)
        self._check_fits(table, tokenizer, self._variant.file)
        return TableModel(table, make_encoder(TAKES), files)

    def _first_table(self) -> StaticTable | None:
        if self._first_stage is None:
            return None
        with closing(self._bundle.first_stage(self._first_stage, verify=self._verify)) as held:
            return read_static(held)

    def _first_model(self, table: StaticTable | None, tokenizer: Tokenizer) -> FirstModel | None:
        first = self._first_stage
        if first is None or table is None:
            return None
        self._check_fits(table, tokenizer, first.file)
        return FirstModel(table, self._bundle.manifest.decides, first.margin, first.withheld)

    def _check_fits(self, table: StaticTable, tokenizer: Tokenizer, file: str) -> None:
        labels, tokens = len(self._bundle.manifest.labels), tokenizer.get_vocab_size()
        if len(table.bias) != labels:
            wrong = f"gives {len(table.bias)} scores a text, and there are {labels} labels"
        elif tokens > table.vocabulary:
            wrong = f"has vectors for {table.vocabulary} tokens, and the tokenizer has {tokens}"
        else:
            return
        raise BundleError(f"{self._bundle.path / file} {wrong}: it is of another model; export the bundle again")

    def _padding_id(self) -> int:
        """Reads the model's padding token; some architectures look for it in the ids, past the attention mask."""
        file = self._bundle.path / CONFIG_FILE
        if not os.path.lexists(file):
            return 0
        config = parse_json(self._bundle.read(CONFIG_FILE, verify=self._verify), str(file), error=BundleError)
        found = config.get("pad_token_id") if isinstance(config, dict) else None
        return found if type(found) is int and 0 <= found < _MOST_TOKENS else 0
