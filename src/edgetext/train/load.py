"""Loads tokenizer and model of a base; no code from the model's folder is ever run, no pickle ever opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgetext.foreign.config import position_limit
from edgetext.foreign.load import Source, check_embeddings, check_numbers, load_classifier
from edgetext.foreign.load import load_tokenizer as load_foreign_tokenizer
from edgetext.train.base import BaseModel, fetch_base

_UNKNOWN_LIMIT = 512


def load_base(base: BaseModel, labels: Sequence[str]) -> tuple[Any, Any]:
    """Gives the base's fast tokenizer, and the base as a classifier with a new head that fits it.

    Raises:
        ModelError: One of them cannot be loaded, or the tokenizer gives ids that the model does not know.
    """
    tokenizer, model = load_tokenizer(base), load_model(base, labels)
    check_embeddings(_source(base).name, tokenizer, model)
    return tokenizer, model


def load_tokenizer(base: BaseModel) -> Any:
    """Gives the base's fast tokenizer.

    Raises:
        ModelError: It cannot be loaded, is not a fast one, or has no padding token.
    """
    return load_foreign_tokenizer(_source(base), extra="train")


def load_model(base: BaseModel, labels: Sequence[str]) -> Any:
    """Gives the base as a sequence classifier with a new head, the labels written into its config.

    Raises:
        ModelError: It cannot be loaded, there is no such classifier of its architecture, or it lacks weights.
    """
    model = load_classifier(_source(base), extra="train", labels=labels)
    check_numbers(_source(base).name, model.named_parameters())
    return model


def length_limit(tokenizer: Any, config: Any) -> int:
    """Gives the longest text that the model takes, in tokens, special tokens included."""
    told = {"model_type": config.model_type, **vars(config)}
    limits = [tokenizer.model_max_length, position_limit(told) or 0]
    known = [int(limit) for limit in limits if 0 < limit < 1_000_000]
    return min(known, default=_UNKNOWN_LIMIT)


def _source(base: BaseModel) -> Source:
    return Source(f"base model {base.name}", str(fetch_base(base).folder))
