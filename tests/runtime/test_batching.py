from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetext.runtime import batching


@given(st.lists(st.integers(1, 600), max_size=200))
def test_every_text_is_in_one_batch_within_the_budget(lengths: list[int]) -> None:
    cut = batching.batches(lengths, tokens=512, texts=32)
    assert sorted(place for batch in cut for place in batch) == list(range(len(lengths)))
    for batch in cut:
        longest = max(lengths[place] for place in batch)
        assert len(batch) == 1 or longest * len(batch) <= 512
        assert len(batch) <= 32


def test_similar_lengths_stand_together_longest_first() -> None:
    assert batching.batches([3, 100, 4, 98, 5], tokens=200, texts=8) == [[1, 3], [4, 2, 0]]


def test_a_batch_ends_where_padding_would_cost_more_than_another_batch() -> None:
    assert batching.batches([30, 29, 20, 20], tokens=512, texts=8) == [[0, 1], [2, 3]]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=9))
def test_no_other_cut_is_cheaper(lengths: list[int]) -> None:
    tokens, texts = 60, 4
    falling = sorted(lengths, reverse=True)

    def cost(batch: Sequence[int]) -> int:
        return max(batch) * len(batch) + batching.BATCH_COST

    def cheapest(left: Sequence[int]) -> int:
        fitting = range(1, max(1, min(texts, tokens // left[0], len(left))) + 1) if left else ()
        return min((cost(left[:count]) + cheapest(left[count:]) for count in fitting), default=0)

    cut = batching.batches(lengths, tokens, texts)
    assert sum(cost([lengths[place] for place in batch]) for batch in cut) == cheapest(falling)


def test_windows_grow_and_keep_the_order() -> None:
    texts = [str(number) for number in range(3000)]
    cut = list(batching.windows(texts, 1024))
    assert [len(window) for window in cut] == [32, 256, 1024, 1024, 664]
    assert [text for window in cut for text in window] == texts


def test_windows_are_cut_by_characters_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "WINDOW_CHARACTERS", 10)
    assert [len(window) for window in batching.windows(["abcdef"] * 5)] == [2, 2, 1]


def test_windows_read_no_further_than_asked() -> None:
    def endless() -> Iterator[str]:
        while True:
            yield "text"

    cut = batching.windows(endless(), 1)
    assert [next(cut), next(cut)] == [["text"], ["text"]]
