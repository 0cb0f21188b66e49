"""The tokenizer's files for a smaller vocabulary, as transformers, Optimum and transformers.js read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgetext.export.vocabulary.choose import check_wordpiece
from edgetext.files import write_atomically, write_json
from edgetext.reading import MAX_TOKENIZER_BYTES, read_object

_CONFIG_IDS = ("pad_token_id", "bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id", "mask_token_id")


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
    check_wordpiece(description)
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
