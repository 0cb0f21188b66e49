"""Loads tokenizer and model of a base; no code from the model's folder is ever run, no pickle ever opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from edgetext.checkpoint import position_limit
from edgetext.errors import ModelError, needs_extra
from edgetext.train.base import BaseModel, fetch_base

_UNKNOWN_LIMIT = 512


def load_tokenizer(base: BaseModel) -> Any:
    """Gives the base's fast tokenizer.

    Raises:
        ModelError: It cannot be loaded, is not a fast one, or has no padding token.
    """
    with needs_extra("train"):
        from transformers import AutoTokenizer
    folder = fetch_base(base).folder
    with _as_model_error(base, "the tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False)
    if not tokenizer.is_fast:
        raise ModelError(f"base model {base.name}: it has no fast tokenizer (tokenizer.json); give another --base")
    if tokenizer.pad_token_id is None:
        raise ModelError(
            f"base model {base.name}: its tokenizer has no padding token; give an encoder such as minilm"
        )
    return tokenizer


def load_model(base: BaseModel, labels: Sequence[str]) -> Any:
    """Gives the base as a sequence classifier with a new head, the labels written into its config.

    Raises:
        ModelError: It cannot be loaded, or there is no such classifier of its architecture.
    """
    with needs_extra("train"):
        from transformers import AutoModelForSequenceClassification
    folder = fetch_base(base).folder
    with _as_model_error(base, "the model"):
        return AutoModelForSequenceClassification.from_pretrained(
            folder,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={label: index for index, label in enumerate(labels)},
            problem_type="single_label_classification",
            ignore_mismatched_sizes=True,  # the head of a classifier that was fine-tuned before
            use_safetensors=True,
            trust_remote_code=False,
            dtype="float32",
        )


def length_limit(tokenizer: Any, config: Any) -> int:
    """Gives the longest text that the model takes, in tokens, special tokens included."""
    told = {name: getattr(config, name, None) for name in ("model_type", "max_position_embeddings", "pad_token_id")}
    limits = [tokenizer.model_max_length, position_limit(told) or 0]
    known = [int(limit) for limit in limits if 0 < limit < 1_000_000]
    return min(known, default=_UNKNOWN_LIMIT)


@contextmanager
def _as_model_error(base: BaseModel, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # what others' files make transformers raise has no common root below this one
        where = "on the Hugging Face Hub" if base.on_hub else "in the folder"
        advice = (
            "check the name (OWNER/NAME[@REVISION]) and the network; the weights must be safetensors"
            if base.on_hub
            else "expected config.json, *.safetensors and tokenizer.json as transformers saves them"
        )
        raise ModelError(
            f"base model {base.name}: {what} {where} cannot be loaded ({_brief(error)}); {advice}"
        ) from error


def _brief(error: Exception) -> str:
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return line if len(line) <= 240 else line[:239] + "…"
