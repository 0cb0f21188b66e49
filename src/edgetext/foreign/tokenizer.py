"""What ``tokenizer.json`` says of the ids that a tokenizer gives, read without loading it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgetext.foreign.files import read_found

TOKENIZER_FILE = "tokenizer.json"
_SETTINGS_FILES = ("tokenizer_config.json", "special_tokens_map.json")
# These classes of transformers bring no padding token of their own.
_WITHOUT_PADDING = frozenset({"PreTrainedTokenizer", "GPT2Tokenizer", "LlamaTokenizer", "CodeGenTokenizer"})


@dataclass(frozen=True)
class TokenizerFacts:
    """What can be told of a tokenizer from its files.

    Attributes:
        largest_id: Of all its tokens; ``None`` where there is no ``tokenizer.json``.
        largest_segment: That it gives to a token of a lone text.
        padding_id: Of its padding token, where a file names one.
        lacks_padding: Whether there is certainly no padding token.
    """

    largest_id: int | None = None
    largest_segment: int = 0
    padding_id: int | None = None
    lacks_padding: bool = False


def read_tokenizer(folder: Path) -> TokenizerFacts:
    """Reads what a folder says of its tokenizer.

    Raises:
        ModelError: A file is damaged.
    """
    settings = [read_found(folder, name) or {} for name in _SETTINGS_FILES]
    padding = next((name for found in settings if (name := _token(found.get("pad_token")))), None)
    kind = str(settings[0].get("tokenizer_class", "")).removesuffix("Fast")
    whole = read_found(folder, TOKENIZER_FILE)
    lacks = padding is None and kind in _WITHOUT_PADDING
    if whole is None:
        return TokenizerFacts(lacks_padding=lacks)
    ids = dict(_tokens(whole))
    return TokenizerFacts(
        largest_id=max([*ids.values(), *_template_ids(whole.get("post_processor"))], default=None),
        largest_segment=max(_template_segments(whole.get("post_processor")), default=0),
        padding_id=ids.get(padding) if padding else None,
        lacks_padding=lacks,
    )


def _tokens(whole: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yields each token with its id; what is of another form is left to the library that loads it."""
    model = whole.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocabulary, dict):
        yield from ((token, number) for token, number in vocabulary.items() if type(number) is int)
    elif isinstance(vocabulary, list):  # a Unigram model: pairs of token and score, by id
        yield from (
            (str(pair[0]), number) for number, pair in enumerate(vocabulary) if isinstance(pair, list) and pair
        )
    for token in _dicts(whole.get("added_tokens")):
        if type(token.get("id")) is int:
            yield str(token.get("content")), token["id"]


def _processors(processor: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(processor, dict):
        yield processor
        yield from _dicts(processor.get("processors"))


def _template_ids(processor: object) -> Iterator[int]:
    """Yields the ids that the post-processor itself writes around a text."""
    for one in _processors(processor):
        special = one.get("special_tokens")
        for entry in _dicts(list(special.values()) if isinstance(special, dict) else []):
            yield from (number for number in _list(entry.get("ids")) if type(number) is int)
        for name in ("cls", "sep"):
            yield from (number for number in _list(one.get(name)) if type(number) is int)


def _template_segments(processor: object) -> Iterator[int]:
    for one in _processors(processor):
        for piece in _dicts(one.get("single")):
            yield from (
                part["type_id"] for part in _dicts(list(piece.values())) if type(part.get("type_id")) is int
            )


def _token(value: object) -> str | None:
    """Reads the text of a token, which a file holds as it is or with its settings."""
    content = value.get("content") if isinstance(value, dict) else value
    return content if isinstance(content, str) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]
