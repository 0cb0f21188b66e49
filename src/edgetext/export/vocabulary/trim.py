"""A trimmed vocabulary for an exported model: the tokenizer, the graph, and what it changed on held-out texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgetext.errors import needs_extra
from edgetext.export.vocabulary import DEFAULT_SIZE
from edgetext.export.vocabulary.choose import choose_tokens
from edgetext.export.vocabulary.graph import trim_graph
from edgetext.export.vocabulary.tokenizer import trim_tokenizer
from edgetext.reading import MAX_TOKENIZER_BYTES, read_object

with needs_extra("export"):
    import onnx
    from tokenizers import Tokenizer


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
    folder: Path, training: Iterable[str], held_out: Sequence[str], size: int = DEFAULT_SIZE
) -> Trim:
    """Trims ``model.onnx``, the tokenizer's files and ``config.json`` of an exported folder, in place.

    Every scheme that then starts from this graph inherits it. The reference of the gate must be the model before:
    trimming is part of what the gate has to judge.

    Args:
        folder: With ``model.onnx`` (fp32, as exported) and the tokenizer's files.
        training: Texts that choose the tokens, see ``choose_tokens``.
        held_out: Texts to count the changes on; they choose nothing.
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
    same, unknown = _compare(before, Tokenizer.from_file(str(path)), held_out, description["model"]["unk_token"])
    return Trim(len(description["model"]["vocab"]), len(kept), saved, len(held_out), same, unknown)


def _compare(before: Tokenizer, after: Tokenizer, texts: Sequence[str], unknown: str) -> tuple[int, int]:
    same = newly = 0
    for text in texts:
        old, new = before.encode(text).tokens, after.encode(text).tokens
        same += old == new
        newly += unknown in new and unknown not in old
    return same, newly
