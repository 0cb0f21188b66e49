"""How many texts are cut into windows and batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from edgetext.runtime.pairs import Text

WINDOW_TEXTS = 1024
WINDOW_CHARACTERS = 4 << 20
BATCH_TOKENS = 256  # padding included; bigger batches are no faster, and take more memory
BATCH_TEXTS = 32


def windows(texts: Iterable[Text], size: int = WINDOW_TEXTS) -> Iterator[list[Text]]:
    """Cuts a stream of any length into lists that fit in memory, in order.

    The first ones are short, so that the first results are there soon.

    Args:
        texts: The texts, or pairs of texts; what is neither is passed on, to be refused by its place.
        size: The most texts in a window.
    """
    window: list[Text] = []
    characters, limit = 0, min(size, BATCH_TEXTS)
    for text in texts:
        window.append(text)
        characters += _characters(text)
        if len(window) >= limit or characters >= WINDOW_CHARACTERS:
            yield window
            window, characters, limit = [], 0, min(size, limit * 2)
    if window:
        yield window


def batches(lengths: Sequence[int], tokens: int = BATCH_TOKENS, texts: int = BATCH_TEXTS) -> list[list[int]]:
    """Cuts a window into batches of similar length, so that little is padded.

    Args:
        lengths: The length of each text, in tokens.
        tokens: The most tokens in a batch, padding included; a longer text makes a batch of its own.
        texts: The most texts in a batch.

    Returns:
        Places in ``lengths``, the longest texts first: a slow batch started last would keep the others waiting.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    cut: list[list[int]] = []
    while order:
        count = max(1, min(texts, tokens // max(1, lengths[order[0]])))
        cut.append(order[:count])
        order = order[count:]
    return cut


def _characters(text: object) -> int:
    if isinstance(text, str):
        return len(text)
    return sum(len(part) for part in text if isinstance(part, str)) if isinstance(text, tuple) else 0
