"""What ``config.json`` says of a classifier: its labels, and its sizes by any architecture's names for them.

The names are transformers' own (``attribute_map`` of its configurations); standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgetext.errors import InputError

_VOCABULARY = ("vocab_size", "n_words")
_POSITIONS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length")
# Their positions begin after the padding token's id, so that the table has fewer places than rows.
_OFFSET_POSITIONS = frozenset(
    {
        "camembert", "data2vec-text", "ibert", "longformer", "mpnet", "roberta", "roberta-prelayernorm",
        "xlm-roberta", "xlm-roberta-xl", "xmod",
    }
)  # fmt: skip
_RELATIVE = frozenset({"longt5", "mt5", "switch_transformers", "t5", "umt5"})  # n_positions is no limit of theirs
_DEFAULT_LABELS = 2  # transformers leaves them out of config.json
_MOST_LABELS = 1 << 20


def read_labels(file: Path, config: Mapping[str, Any], error: type[InputError]) -> tuple[str, ...]:
    """Reads the labels by class index.

    Args:
        file: ``config.json``, for the message.
        config: What it says.
        error: What to raise.

    Raises:
        InputError: There are fewer than two, one is named twice, or an index is left out; of the class ``error``.
    """
    named = config.get("id2label", _unnamed(config))
    if not isinstance(named, dict) or set(named) != {str(index) for index in range(len(named))}:
        raise error(f"{file}: id2label must map 0, 1, ... to the labels")
    labels = tuple(str(named[str(index)]) for index in range(len(named)))
    if len(labels) < 2:
        raise error(
            f"{file}: id2label names {len(labels)} label, and a classifier needs at least two different labels"
        )
    if len(set(labels)) < len(labels):
        raise error(f"{file}: id2label names a label twice; expected at least two different labels")
    return labels


def positions(config: Mapping[str, Any]) -> int | None:
    """Reads the rows of the table of positions, or ``None`` where the config does not say."""
    if str(config.get("model_type")) in _RELATIVE:
        return None
    return _count(config, _POSITIONS)


def position_limit(config: Mapping[str, Any]) -> int | None:
    """Tells how many tokens a model's table of positions holds, or ``None`` where the config does not say.

    Args:
        config: What ``config.json`` says.
    """
    rows = positions(config)
    if rows is None or not counts_from_padding(config):
        return rows
    padding = config.get("pad_token_id")
    return rows - (padding if type(padding) is int else 1) - 1


def counts_from_padding(config: Mapping[str, Any]) -> bool:
    """Tells whether the architecture finds a token's position by the padding token's id."""
    return str(config.get("model_type")) in _OFFSET_POSITIONS


def vocabulary(config: Mapping[str, Any]) -> int | None:
    """Reads how many tokens the model has an embedding for, or ``None`` where the config does not say."""
    return _count(config, _VOCABULARY)


def segments(config: Mapping[str, Any]) -> int | None:
    """Reads how many segments (token types) the model knows, or ``None`` where the config does not say."""
    return _count(config, ("type_vocab_size",))


def _unnamed(config: Mapping[str, Any]) -> dict[str, str]:
    """The names that transformers gives to labels that have none."""
    count = config.get("num_labels", _DEFAULT_LABELS)
    known = count if type(count) is int and 0 <= count <= _MOST_LABELS else _DEFAULT_LABELS
    return {str(index): f"LABEL_{index}" for index in range(known)}


def _count(config: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    found = (config.get(name) for name in names)
    return next((value for value in found if type(value) is int and value >= 0), None)
