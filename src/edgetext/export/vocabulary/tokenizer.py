"""A WordPiece tokenizer with a smaller vocabulary: which tokens stay, and its files without the others.

Greedy longest-match splitting makes this safe: a text whose tokens all stay is split exactly as before, since at
each place the longest match is still there and no new one has come. A word that loses a token is spelled with
shorter pieces, down to single characters, which all stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgetext.errors import InputError, ModelError, needs_extra
from edgetext.export.vocabulary import DEFAULT_SIZE
from edgetext.files import write_atomically, write_json
from edgetext.reading import MAX_TOKENIZER_BYTES, read_object

with needs_extra("export"):
    from tokenizers import Tokenizer

_CONFIG_IDS = ("pad_token_id", "bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id", "mask_token_id")


def choose_tokens(
    description: Mapping[str, Any], texts: Iterable[str], size: int = DEFAULT_SIZE
) -> tuple[int, ...]:
    """Chooses the tokens to keep.

    These stay whatever the size: special and added tokens, single characters in both forms, tokens with a
    character that has no such form, and every token of ``texts``. The rest is filled up in the order of the
    vocabulary: BERT's is sorted by how often a token occurs in general English, behind its block of single
    characters, so that the general list needs no other source. Unused places such as ``[unused7]`` go.

    Args:
        description: The content of ``tokenizer.json``.
        texts: Those that the model was trained on. Held-out texts have no place here: the gate would be biased.
        size: How many tokens to keep; more stay where more must.

    Returns:
        The ids, ascending.

    Raises:
        InputError: ``size`` is no positive number.
        ModelError: The tokenizer is no WordPiece.
    """
    if size < 1:
        raise InputError(f"--trim-vocabulary must keep at least 1 token, found {size}")
    _check_wordpiece(description)
    vocabulary: dict[str, int] = description["model"]["vocab"]
    needed = _indispensable(description) | _seen(description, texts)
    by_rank = sorted(vocabulary.items(), key=lambda item: item[1])
    spare = [number for token, number in by_rank if number not in needed and not token.startswith("[unused")]
    return tuple(sorted(needed | set(spare[: max(0, size - len(needed))])))


def trim_tokenizer(folder: Path, kept: Sequence[int]) -> None:
    """Rewrites the tokenizer's files and ``config.json`` so that only the kept tokens are left, numbered anew.

    Args:
        folder: With ``tokenizer.json``; ``tokenizer_config.json``, ``config.json`` and ``vocab.txt`` may be there.
        kept: Old ids, ascending; the new id of each is its place here.

    Raises:
        ModelError: The tokenizer is no WordPiece.
    """
    new = {old: number for number, old in enumerate(kept)}
    path = folder / "tokenizer.json"
    description = read_object(path, limit=MAX_TOKENIZER_BYTES)
    _check_wordpiece(description)
    write_json(path, _description(description, new))
    if (folder / "tokenizer_config.json").is_file():
        _rewrite_tokenizer_config(folder / "tokenizer_config.json", new)
    if (folder / "config.json").is_file():
        _rewrite_config(folder / "config.json", new)
    if (folder / "vocab.txt").is_file():
        tokens = sorted(description["model"]["vocab"].items(), key=lambda item: item[1])
        write_atomically(folder / "vocab.txt", "".join(f"{token}\n" for token, _ in tokens).encode("utf-8"))


def _description(description: dict[str, Any], new: Mapping[int, int]) -> dict[str, Any]:
    model = description["model"]
    model["vocab"] = {token: new[number] for token, number in model["vocab"].items() if number in new}
    for entry in description["added_tokens"]:
        entry["id"] = new[entry["id"]]
    if description.get("padding"):
        description["padding"]["pad_id"] = new[description["padding"]["pad_id"]]
    processor = description.get("post_processor") or {}
    for step in processor.get("processors", [processor]):
        for special in step.get("special_tokens", {}).values():  # TemplateProcessing
            special["ids"] = [new[number] for number in special["ids"]]
        for name in ("sep", "cls"):  # BertProcessing and RobertaProcessing: a pair of token and id
            if name in step:
                step[name] = [step[name][0], new[step[name][1]]]
    return description


def _rewrite_tokenizer_config(path: Path, new: Mapping[int, int]) -> None:
    config = read_object(path)
    if "added_tokens_decoder" in config:
        decoder = config["added_tokens_decoder"]
        config["added_tokens_decoder"] = {str(new[int(number)]): entry for number, entry in decoder.items()}
    write_json(path, config)


def _rewrite_config(path: Path, new: Mapping[int, int]) -> None:
    config = read_object(path)
    config["vocab_size"] = len(new)
    for name in _CONFIG_IDS:
        if config.get(name) in new:  # an id that the vocabulary never had is not this tokenizer's
            config[name] = new[config[name]]
    write_json(path, config)


def _check_wordpiece(description: Mapping[str, Any]) -> None:
    """Refuses a tokenizer whose tokens cannot be dropped one by one.

    Raises:
        ModelError: It is no WordPiece: BPE builds tokens from others by merges, and Unigram weighs all splits of a
            word against each other, so that dropping one token changes words that never used it.
    """
    kind = description["model"].get("type")
    if kind != "WordPiece":
        raise ModelError(
            f"--trim-vocabulary needs a WordPiece tokenizer, as BERT's, and this one is {kind}: leave it out"
        )


def _seen(description: Mapping[str, Any], texts: Iterable[str]) -> set[int]:
    tokenizer = Tokenizer.from_str(json.dumps(description))
    tokenizer.no_truncation()
    return {number for text in texts for number in tokenizer.encode(text).ids}


def _indispensable(description: Mapping[str, Any]) -> set[int]:
    model = description["model"]
    vocabulary: dict[str, int] = model["vocab"]
    joint: str = model.get("continuing_subword_prefix", "##")
    kept = {entry["id"] for entry in description["added_tokens"]} | {vocabulary[model["unk_token"]]}
    for token, number in vocabulary.items():
        if token.startswith("[unused"):
            continue
        pieces = _spelled(token, joint)
        if pieces == [token] or any(piece not in vocabulary for piece in pieces):
            kept.add(number)
    return kept


def _spelled(token: str, joint: str) -> list[str]:
    """The single-character tokens that spell a token."""
    inner = token.startswith(joint) and token != joint
    letters = token.removeprefix(joint) if inner else token
    return [letter if place == 0 and not inner else joint + letter for place, letter in enumerate(letters)]
