"""Vocabulary trimming: tokens that no text of the domain needs leave the tokenizer and the embedding table.

In an export every candidate inherits it, and the gate compares with the model before.

Greedy longest-match splitting makes this safe: a text whose tokens all stay is split exactly as before, since at
each place the longest match is still there and no new one has come. A word that loses a token is spelled with
shorter pieces, down to single characters, which all stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edgetext.checkpoint import Checkpoint
from edgetext.data.held_out import held_out
from edgetext.errors import DataError, InputError, ModelError, needs_extra
from edgetext.export.gate import judge
from edgetext.export.graph.walk import GraphIndex
from edgetext.export.settings import DEFAULT_VOCABULARY
from edgetext.export.workshop import FP32, Workshop, gate_answers, make_variant, open_with
from edgetext.files import write_atomically, write_json
from edgetext.reading import MAX_TOKENIZER_BYTES, read_object
from edgetext.task import parts_of

with needs_extra("export"):
    import numpy as np
    import onnx
    from onnx import ModelProto, NodeProto, numpy_helper
    from tokenizers import Tokenizer

_EVALUATION_FIELD = "vocabulary"
_CONFIG_IDS = ("pad_token_id", "bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id", "mask_token_id")
_HARMLESS = frozenset({"Cast", "Gather", "Shape"})


@dataclass(frozen=True)
class Trim:
    """What trimming did.

    Attributes:
        tokens_before: Size of the vocabulary.
        tokens_after: How many are kept.
        bytes_saved: By how much the fp32 embedding table shrank.
        texts: Held-out texts that were split both ways.
        same: How many of them have exactly the tokens they had; the others are spelled with shorter ones.
        newly_unknown: How many of them got an unknown token that they had not.
    """

    tokens_before: int
    tokens_after: int
    bytes_saved: int
    texts: int
    same: int
    newly_unknown: int

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        return (
            f"vocabulary trimmed from {self.tokens_before:,} to {self.tokens_after:,} tokens; "
            f"{self.same:,} of {self.texts:,} held-out texts keep exactly their tokens"
        )


def trim_vocabulary(
    folder: Path, training: Iterable[str], texts: Sequence[str], size: int = DEFAULT_VOCABULARY
) -> Trim:
    """Trims ``model.onnx``, the tokenizer's files and ``config.json`` of an exported folder, in place.

    Every scheme that then starts from this graph inherits it. The reference of the gate must be the model before:
    trimming is part of what the gate has to judge.

    Args:
        folder: With ``model.onnx`` (fp32, as exported) and the tokenizer's files.
        training: Texts that choose the tokens, see ``choose_tokens``.
        texts: Held-out ones, to count the changes on; they choose nothing.
        size: How many tokens to keep.

    Raises:
        ModelError: The tokenizer is no WordPiece, or the graph's table cannot be cut.
    """
    path = folder / "tokenizer.json"
    description = read_object(path, limit=MAX_TOKENIZER_BYTES)
    kept = choose_tokens(description, training, size)
    before = Tokenizer.from_file(str(path))
    model = onnx.load(folder / "model.onnx")
    saved = trim_graph(model, kept)  # before any file changes: it may refuse
    trim_tokenizer(folder, kept)
    onnx.save(model, folder / "model.onnx")
    same, unknown = _compare(before, Tokenizer.from_file(str(path)), texts, description["model"]["unk_token"])
    return Trim(len(description["model"]["vocab"]), len(kept), saved, len(texts), same, unknown)


def training_texts(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Reads the texts, and both parts of pairs, that the checkpoint was trained on.

    Raises:
        DataError: The checkpoint has no record of its rows; the file is missing, or is not the one that was used.
    """
    if checkpoint.split is None:
        raise DataError(
            f"{checkpoint.path} has no split.json, which tells the training texts that --trim-vocabulary needs: "
            "train it with edgetext, or leave the option out"
        )
    return tuple(part for example in held_out(checkpoint.split, "train") for part in parts_of(example.text))


def trim_workshop(shop: Workshop, training: Sequence[str], size: int) -> Workshop:
    """Trims the workshop's fp32 graph and tokenizer, once the graph before has answered the held-out texts.

    Args:
        shop: Before the search; its files are changed.
        training: Texts that choose the tokens.
        size: How many tokens to keep.

    Returns:
        The workshop with the trimmed graph as ``fp32``, and the answers of the one before as the reference, unless
        it is a teacher's.

    Raises:
        ModelError: The tokenizer is no WordPiece, or the graph's table cannot be cut.
        InputError: The gate says that trimming alone loses too much.
    """
    open_with(shop, [])
    own = gate_answers(shop, FP32)
    trim = trim_vocabulary(shop.folder, training, [part for text in shop.texts for part in parts_of(text)], size)
    before = shop.manifest.variant(FP32)
    trimmed = make_variant(shop.folder, FP32, before.file, precision=FP32)
    shop = replace(
        shop,
        manifest=replace(shop.manifest, variants=(trimmed,)),
        reference=own if shop.against is None else shop.reference,
    )
    open_with(shop, [])
    rows, trimmed_answers = len(shop.truth), gate_answers(shop, FP32)
    verdict = judge(shop.task, own[:rows], trimmed_answers[:rows], shop.truth, shop.settings.max_drop)
    if verdict.decision == "failed":
        raise InputError(
            f"--trim-vocabulary {size} alone loses {100 * verdict.loss:.2f} points of {verdict.metric} on "
            f"{verdict.rows} held-out texts, over the margin of {100 * verdict.max_drop:g}: keep more tokens"
        )
    shop.progress.note(trim.sentence)
    told = {**asdict(trim), "loss": verdict.loss, "decision": verdict.decision}
    kept = replace(trimmed, evaluation={**before.evaluation, _EVALUATION_FIELD: told})
    return replace(shop, manifest=replace(shop.manifest, variants=(kept,)))


def _compare(before: Tokenizer, after: Tokenizer, texts: Sequence[str], unknown: str) -> tuple[int, int]:
    same = newly = 0
    for text in texts:
        old, new = before.encode(text).tokens, after.encode(text).tokens
        same += old == new
        newly += unknown in new and unknown not in old
    return same, newly


def choose_tokens(
    description: Mapping[str, Any], texts: Iterable[str], size: int = DEFAULT_VOCABULARY
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
        ModelError: The tokenizer is no WordPiece.
    """
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


def trim_graph(model: ModelProto, kept: Sequence[int]) -> int:
    """Takes the rows of the dropped tokens out of the embedding table.

    Args:
        model: The fp32 graph as exported; changed in place.
        kept: Old ids, ascending; the new id of each is its place here.

    Returns:
        How many bytes the table lost.

    Raises:
        ModelError: The token table is not found, is used for something else as well, or the graph looks at the
            token ids themselves (for the padding token) and their numbers would change.
    """
    index = GraphIndex(model.graph)
    lookups, others = _readers_of_ids(index)
    tables = {node.input[0] for node in lookups}
    if len(tables) != 1 or (table := tables.pop()) not in index.initializers:
        raise ModelError("the vocabulary cannot be trimmed: this graph has no single table of token embeddings")
    if len(index.consumers(table)) != len(lookups):
        raise ModelError("the vocabulary cannot be trimmed: this graph uses its token embeddings elsewhere too")
    if others and any(number != old for number, old in enumerate(kept[:4])):
        raise ModelError(
            "the vocabulary cannot be trimmed: this graph compares token ids, and the first of them would change"
        )
    tensor = index.initializers[table]
    before = numpy_helper.to_array(tensor)
    if kept[-1] >= len(before):
        raise ModelError(
            f"the tokenizer has a token {kept[-1]}, and the model's table {len(before)} rows: they do not match"
        )
    after = np.ascontiguousarray(before[list(kept)])
    tensor.CopyFrom(numpy_helper.from_array(after, table))
    return int(before.nbytes - after.nbytes)


def _readers_of_ids(index: GraphIndex) -> tuple[list[NodeProto], list[NodeProto]]:
    """The lookups by token id, and the nodes that make something else of the ids."""
    lookups: list[NodeProto] = []
    others: list[NodeProto] = []
    names = ["input_ids"]
    while names:
        name = names.pop()
        for node in index.consumers(name):
            if node.op_type == "Cast":
                names.extend(node.output)
            elif node.op_type == "Gather" and node.input[1] == name:
                lookups.append(node)
            elif node.op_type not in _HARMLESS:
                others.append(node)
    return lookups, others
