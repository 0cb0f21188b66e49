from __future__ import annotations

from collections.abc import Iterator

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
    assert batching.batches([3, 100, 4, 90, 5], tokens=200, texts=8) == [[1, 3], [4, 2, 0]]


def test_windows_grow_and_keep_the_order() -> None:
    texts = [str(number) for number in range(3000)]
    cut = list(batching.windows(texts, 1024))
    assert [len(window) for window in cut[:6]] == [32, 64, 128, 256, 512, 1024]
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
