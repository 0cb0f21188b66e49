"""A base model's tokenizer as what measures texts, without loading the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edgetext.checkpoint import MINILM
from edgetext.data.report.lengths import WORDS, Ruler
from edgetext.errors import ModelError, first_line
from edgetext.foreign.check import read_config
from edgetext.foreign.config import position_limit
from edgetext.foreign.tokenizer import TOKENIZER_FILE
from edgetext.train.base import fetch_base, resolve_base
from edgetext.train.encode import USUAL_LIMIT, check_max_length


def base_ruler(name: str, max_length: int | None = None) -> Ruler:
    """Finds what measures texts in the tokens of a base model.

    Args:
        name: As ``resolve_base`` takes it.
        max_length: The most tokens that will be read; by default 512, or fewer where the model reads fewer.

    Returns:
        The model's tokenizer; what counts words where it has no ``tokenizer.json``, or where the model is the
        default one and is not on this machine.

    Raises:
        ModelError: The model or its tokenizer cannot be used, or it reads less than ``max_length``.
    """
    base = resolve_base(name)
    if base.on_hub and name == MINILM:
        return WORDS
    folder = fetch_base(base).folder or Path(base.location)
    file = folder / TOKENIZER_FILE
    if not file.is_file():
        return WORDS
    limit = position_limit(read_config(folder)) or USUAL_LIMIT
    check_max_length(max_length, limit, name)
    return Ruler("tokens", name, _counter(file), max_length or min(limit, USUAL_LIMIT))


def _counter(file: Path) -> Callable[[Sequence[tuple[str, ...]]], list[int]]:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises no class of its own
        raise ModelError(f"{file} cannot be read: {first_line(error)}") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(texts: Sequence[tuple[str, ...]]) -> list[int]:
        whole = [each if len(each) > 1 else each[0] for each in texts]
        return [len(encoding.ids) for encoding in tokenizer.encode_batch(whole)]

    return count
