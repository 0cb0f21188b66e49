"""A trimmed vocabulary for an exported model: the tokenizer, the graph, and what it changed on held-out texts.

In an export every candidate inherits it, and the gate compares with the model before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edgetext.checkpoint import Checkpoint
from edgetext.data.held_out import held_out
from edgetext.errors import DataError, InputError, needs_extra
from edgetext.export.candidates import gate_answers, open_with
from edgetext.export.gate import judge
from edgetext.export.vocabulary import DEFAULT_SIZE
from edgetext.export.vocabulary.graph import trim_graph
from edgetext.export.vocabulary.tokenizer import choose_tokens, trim_tokenizer
from edgetext.export.workshop import FP32, Workshop, make_variant
from edgetext.reading import MAX_TOKENIZER_BYTES, read_object

with needs_extra("export"):
    import onnx
    from tokenizers import Tokenizer

_EVALUATION_FIELD = "vocabulary"


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


def trim_vocabulary(folder: Path, training: Iterable[str], texts: Sequence[str], size: int = DEFAULT_SIZE) -> Trim:
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
        InputError: ``size`` is no positive number.
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
    """Reads the texts that the checkpoint was trained on.

    Raises:
        DataError: The checkpoint has no record of its rows; the file is missing, or is not the one that was used.
    """
    if checkpoint.split is None:
        raise DataError(
            f"{checkpoint.path} has no split.json, which tells the training texts that --trim-vocabulary needs: "
            "train it with edgetext, or leave the option out"
        )
    return tuple(example.text for example in held_out(checkpoint.split, "train"))


def trim_workshop(shop: Workshop, training: Sequence[str], size: int) -> Workshop:
    """Trims the workshop's fp32 graph and tokenizer, once the graph before has answered the held-out texts.

    Args:
        shop: Before the search; its files are changed.
        training: Texts that choose the tokens.
        size: How many tokens to keep.

    Returns:
        The workshop with the trimmed graph as ``fp32``, and the answers of the one before as the reference.

    Raises:
        ModelError: The tokenizer is no WordPiece, or the graph's table cannot be cut.
        InputError: ``size`` is no positive number, or the gate says that trimming alone loses too much.
    """
    open_with(shop, [])
    reference = gate_answers(shop, FP32)
    trim = trim_vocabulary(shop.folder, training, shop.texts, size)
    before = shop.manifest.variant(FP32)
    trimmed = make_variant(shop.folder, FP32, before.file, precision=FP32)
    shop = replace(shop, manifest=replace(shop.manifest, variants=(trimmed,)), reference=reference)
    open_with(shop, [])
    verdict = judge(
        reference,
        gate_answers(shop, FP32),
        shop.truth,
        shop.settings.max_drop,
        thresholds=shop.manifest.thresholds,
    )
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
