"""How many texts are cut into windows and batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from edgetext.task import Text

WINDOW_TEXTS = 1024
WINDOW_CHARACTERS = 4 << 20
BATCH_TOKENS = 256  # padding included; bigger batches are no faster, and take more memory
BATCH_TEXTS = 32
BATCH_COST = 4
"""What a batch costs beside its tokens, in tokens: 0.2 to 0.3 ms for MiniLM in int8, where a token takes 0.07."""
_GROWTH = 8


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
            window, characters, limit = [], 0, min(size, limit * _GROWTH)
    if window:
        yield window


def batches(lengths: Sequence[int], tokens: int = BATCH_TOKENS, texts: int = BATCH_TEXTS) -> list[list[int]]:
    """Cuts a window into batches of similar length, so that padding and the batches themselves cost least.

    The texts are sorted by length; which neighbours share a batch is found by dynamic programming over the places
    to cut at, as the lines of a paragraph are (Knuth and Plass, "Breaking paragraphs into lines", 1981).

    Args:
        lengths: The length of each text, in tokens.
        tokens: The most tokens in a batch, padding included; a longer text makes a batch of its own.
        texts: The most texts in a batch.

    Returns:
        Places in ``lengths``, the longest texts first: a slow batch started last would keep the others waiting.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    cut: list[list[int]] = []
    first = 0
    sizes = _sizes([lengths[place] for place in order], tokens, texts)
    while first < len(order):
        cut.append(order[first : first + sizes[first]])
        first += sizes[first]
    return cut


def _sizes(lengths: Sequence[int], tokens: int, texts: int) -> list[int]:
    """Returns how many texts the cheapest batch that begins at each place has; the lengths fall."""
    costs = [0] * (len(lengths) + 1)  # of all texts from a place on, in tokens
    sizes = [0] * len(lengths)
    for place in range(len(lengths) - 1, -1, -1):
        length = max(1, lengths[place])
        most = max(1, min(texts, tokens // length, len(lengths) - place))
        cheapest, size = length + costs[place + 1], 1
        for count in range(2, most + 1):
            cost = length * count + costs[place + count]
            if cost <= cheapest:
                cheapest, size = cost, count
        costs[place], sizes[place] = cheapest + BATCH_COST, size
    return sizes


def _characters(text: object) -> int:
    if isinstance(text, str):
        return len(text)
    return sum(len(part) for part in text if isinstance(part, str)) if isinstance(text, tuple) else 0
