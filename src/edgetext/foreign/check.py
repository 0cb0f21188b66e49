"""The one check of a model that others made, before anything is built on it: do its parts agree with one another?

It reads headers and JSON, so that it takes milliseconds and no torch. What only a loaded model shows (weights that
are missing or no numbers) ``load`` says. It is silent where an architecture's names tell nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from edgetext.errors import ModelError
from edgetext.fields import read_part
from edgetext.foreign import config as sizes
from edgetext.foreign.files import read_found
from edgetext.foreign.tensors import Tensors, read_tensors
from edgetext.foreign.tokenizer import TokenizerFacts, read_tokenizer

CONFIG_FILE = "config.json"
NO_PADDING = (
    "its tokenizer has no padding token, and batches need one: set one with transformers (tokenizer.pad_token = "
    "tokenizer.eos_token; model.config.pad_token_id = tokenizer.pad_token_id) and save both, or take an encoder "
    "such as minilm"
)
_ADAPTER_FILE = "adapter_config.json"
_HEADS = (
    "classifier", "classifier.out_proj", "classifier.linear_out", "classification_head.out_proj", "logits_proj",
    "score", "sequence_summary.summary",
)  # fmt: skip
_EMBEDDINGS = (
    "word_embeddings", "word_embedding", "wte", "embed_tokens", "tok_embeddings", "tokens_embed", "embed_in",
    "shared",
)  # fmt: skip
_POSITIONS = ("position_embeddings", "wpe", "positions_embed")
_SEGMENTS = ("token_type_embeddings",)


class _Config(TypedDict, total=False):
    """What is compared as a text; its numbers are passed over where they are none."""

    architectures: tuple[str, ...] | None
    problem_type: str | None
    model_type: str | None


def read_config(folder: Path) -> dict[str, Any]:
    """Reads what the folder's ``config.json`` says.

    Raises:
        ModelError: There is none (as in the folder of an adapter), it is damaged, or the weights are quantized.
    """
    if adapter := read_found(folder, _ADAPTER_FILE):
        raise ModelError(_merge_first(folder, adapter))
    config = read_found(folder, CONFIG_FILE)
    if config is None:
        raise ModelError(f"{folder} is no model of transformers: it holds no {CONFIG_FILE}")
    read_part(_Config, config, str(folder / CONFIG_FILE), error=ModelError)
    if coded := config.get("quantization_config"):
        method = coded.get("quant_method") if isinstance(coded, dict) else coded
        raise ModelError(
            f"{folder} is quantized already ({str(method)!r:.40}, says {CONFIG_FILE}): give the model before that"
        )
    return config


def check_parts(
    folder: Path, config: Mapping[str, Any], *, labels: int | None = None, max_length: object = None
) -> Tensors:
    """Compares weights, config and tokenizer with one another.

    Args:
        folder: The model.
        config: From ``read_config``.
        labels: How many the head must tell apart; ``None`` for a base, whose head is made anew.
        max_length: The longest input that the model was trained with, where that is recorded.

    Returns:
        What the weights' files hold.

    Raises:
        ModelError: The weights are not whole, or two parts disagree; the message has both numbers.
    """
    tensors, tokenizer = read_tensors(folder), read_tokenizer(folder)
    if labels is not None:
        _check_head(folder, tensors, labels)
    _check_table(folder, tensors, _EMBEDDINGS, "vocab_size", sizes.vocabulary(config))
    _check_table(folder, tensors, _POSITIONS, "max_position_embeddings", sizes.positions(config))
    _check_table(folder, tensors, _SEGMENTS, "type_vocab_size", sizes.segments(config))
    _check_length(folder, config, max_length)
    _check_tokens(folder, config, tensors, tokenizer)
    _check_padding(folder, config, tensors, tokenizer)
    return tensors


def too_few_embeddings(largest: int, rows: int) -> str:
    """Says that a tokenizer gives ids which its model has no embedding for."""
    return (
        f"the tokenizer's largest id is {largest}, and the model has embeddings for {rows} tokens (0 to "
        f"{rows - 1}): the tokenizer is another model's, or model.resize_token_embeddings was left out"
    )


def _merge_first(folder: Path, adapter: Mapping[str, Any]) -> str:
    method, base = adapter.get("peft_type", "LORA"), adapter.get("base_model_name_or_path")
    kind = "LoRA" if method == "LORA" else f"{method!r:.20}"
    return (
        f"{folder} holds a {kind} adapter, not a model: merge it first with the package peft, "
        f"PeftModel.from_pretrained(base, {str(folder)!r}).merge_and_unload().save_pretrained(MERGED), where base "
        f"is the model it was trained on{f' ({base!r:.80})' if base else ''}, and save the tokenizer there too"
    )


def _check_head(folder: Path, tensors: Tensors, labels: int) -> None:
    heads = {name: tensors.shapes.get(f"{name}.weight") for name in _HEADS}
    found = {name: shape[0] for name, shape in heads.items() if shape is not None and len(shape) == 2}
    if len(found) == 1 and labels not in found.values():
        ((name, rows),) = found.items()
        raise ModelError(
            f"{folder}: {CONFIG_FILE} names {labels} labels, and the head ({name}.weight) has {rows} rows: "
            "id2label must name each of them"
        )


def _check_table(folder: Path, tensors: Tensors, names: tuple[str, ...], field: str, told: int | None) -> None:
    found = tensors.rows(*names)
    if found is not None and told is not None and found[1] < told:  # some architectures add rows of their own
        raise ModelError(
            f"{folder}: {CONFIG_FILE} says {field} is {told}, and {found[0]} has {found[1]} rows: they are of "
            "different models; copy the folder again"
        )


def _check_length(folder: Path, config: Mapping[str, Any], max_length: object) -> None:
    limit = sizes.position_limit(config)
    if limit is not None and limit < 1 and sizes.counts_from_padding(config):
        raise ModelError(
            f"{folder}: {CONFIG_FILE} says pad_token_id is {config.get('pad_token_id')}, and positions, which are "
            f"counted from there, are {sizes.positions(config)}: none are left for a text"
        )
    if type(max_length) is int and limit is not None and max_length > limit:
        raise ModelError(
            f"{folder}: training.json says max_length is {max_length} tokens, and the model has positions for "
            f"{limit}"
        )


def _check_tokens(folder: Path, config: Mapping[str, Any], tensors: Tensors, tokenizer: TokenizerFacts) -> None:
    rows = _embeddings(config, tensors)
    if rows is not None and tokenizer.largest_id is not None and tokenizer.largest_id >= rows:
        raise ModelError(f"{folder}: {too_few_embeddings(tokenizer.largest_id, rows)}")
    types = tensors.rows(*_SEGMENTS)
    if types is not None and 0 < types[1] <= tokenizer.largest_segment:
        raise ModelError(
            f"{folder}: the tokenizer gives a text the segment {tokenizer.largest_segment}, and the model knows "
            f"{types[1]} (type_vocab_size): the tokenizer is another model's"
        )


def _check_padding(folder: Path, config: Mapping[str, Any], tensors: Tensors, tokenizer: TokenizerFacts) -> None:
    if tokenizer.lacks_padding:
        raise ModelError(f"{folder}: {NO_PADDING}")
    rows, told = _embeddings(config, tensors), config.get("pad_token_id")
    if type(told) is not int or rows is None:
        return
    if told >= rows:
        raise ModelError(
            f"{folder}: {CONFIG_FILE} says pad_token_id is {told}, and the model has embeddings for {rows} tokens"
        )
    reads_padding = sizes.counts_from_padding(config) or "score.weight" in tensors.shapes
    if reads_padding and tokenizer.padding_id is not None and tokenizer.padding_id != told:
        raise ModelError(
            f"{folder}: {CONFIG_FILE} says pad_token_id is {told}, and the tokenizer pads with "
            f"{tokenizer.padding_id}: this architecture finds the text by it, so both must be the same"
        )


def _embeddings(config: Mapping[str, Any], tensors: Tensors) -> int | None:
    """Tells for how many tokens there is an embedding."""
    table = tensors.rows(*_EMBEDDINGS)
    return table[1] if table else sizes.vocabulary(config)
