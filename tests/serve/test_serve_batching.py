"""How texts of many requests become batches, and what happens when too many wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgetext import Predictor
from edgetext.errors import InputError
from edgetext.serve.batching import Batch, Batcher, QueueFullError, Room
from edgetext.serve.settings import Batching


class Gate:
    """A predictor that answers when it is let; it gives back the texts, and remembers its batches."""

    profile = SimpleNamespace(callers=1)

    def __init__(self) -> None:
        self.open = threading.Event()
        self.batches: list[list[str]] = []

    def by_first_stage(self, text: str) -> str | None:
        return text.upper() if text.startswith("quick") else None

    def predict(self, texts: Sequence[str]) -> list[str]:
        self.batches.append(list(texts))
        assert self.open.wait(20)
        return list(texts)

    def __call__(self, text: str) -> str:
        return self.predict([text])[0]


@pytest.fixture(scope="module")
def classify(tiny_bundle: Path) -> Iterator[Predictor]:
    with Predictor(tiny_bundle, deterministic=True, threads=1) as predictor:
        yield predictor


def batcher(gate: Any, **settings: Any) -> Batcher:
    made = Batching(**settings)
    return Batcher(gate, Room(made.queue), made)


async def begun(*asked: Any) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.create_task(one) for one in asked]
    await asyncio.sleep(0.05)
    return tasks


def test_what_waits_while_the_model_is_busy_is_one_batch() -> None:
    async def run(gate: Gate) -> list[Any]:
        asked = batcher(gate, batch=4)
        tasks = [*await begun(asked.ask(["a"])), *await begun(*(asked.ask([word]) for word in "bcdef"))]
        gate.open.set()
        answers = await asyncio.gather(*tasks)
        await asked.close()
        return answers

    gate = Gate()
    answers = asyncio.run(run(gate))
    assert gate.batches == [["a"], ["b", "c", "d", "e"], ["f"]]
    assert [answer.predictions for answer in answers] == [[word] for word in "abcdef"]
    assert [answer.batch for answer in answers] == [1, 4, 4, 4, 4, 1]


def test_a_batch_that_could_begin_waits_as_long_as_it_is_told() -> None:
    async def run(gate: Gate) -> None:
        asked = batcher(gate, wait_ms=10_000, batch=3)
        gate.open.set()
        await asyncio.wait_for(
            asyncio.gather(*(asked.ask([word]) for word in "abc")), 5
        )  # full: it waits no longer
        await asyncio.wait_for(batcher(gate, wait_ms=1).ask(["d"]), 5)

    gate = Gate()
    asyncio.run(run(gate))
    assert gate.batches == [["a", "b", "c"], ["d"]]


def test_what_finds_no_room_is_refused_at_once_and_the_rest_is_answered() -> None:
    async def run(gate: Gate) -> list[Any]:
        asked = batcher(gate, queue=3)
        tasks = await begun(*(asked.ask([word, word]) for word in "ab"))  # the second is taken whole
        with pytest.raises(QueueFullError, match="3 that may"):
            await asyncio.wait_for(asked.ask(["c"]), 1)
        assert (await asked.ask(["quick"])).predictions == ["QUICK"]  # needs no room
        gate.open.set()
        answers = await asyncio.gather(*tasks)
        assert (await asked.ask(["c"])).predictions == ["c"]
        return answers

    assert [answer.predictions for answer in asyncio.run(run(Gate()))] == [["a", "a"], ["b", "b"]]


def test_a_small_request_does_not_wait_for_all_of_a_large_one() -> None:
    async def run(gate: Gate) -> None:
        asked = batcher(gate, batch=2)
        tasks = [*await begun(asked.ask(list("abcdef"))), *await begun(asked.ask(["z"]))]
        gate.open.set()
        large, _ = await asyncio.gather(*tasks)
        assert large.predictions == list("abcdef")

    gate = Gate()
    asyncio.run(run(gate))
    assert ["z"] in gate.batches[:3]


def test_closing_waits_for_what_was_taken() -> None:
    async def run(gate: Gate) -> None:
        asked = batcher(gate)
        (task, closing) = await begun(asked.ask(["a"]), asked.close())
        assert not closing.done()
        gate.open.set()
        await closing
        assert task.done() and (await task).predictions == ["a"]

    asyncio.run(run(Gate()))


def test_a_text_that_fails_does_not_spoil_those_it_came_with(classify: Predictor) -> None:
    async def run() -> list[Any]:
        room, settings, seen = Room(100), Batching(wait_ms=200, batch=3), []
        asked = Batcher(classify, room, settings, seen.append)
        texts = ["a bowl of ramen", "a \ud800", "beef stew"]
        answers = await asyncio.gather(*(asked.ask([text]) for text in texts), return_exceptions=True)
        await asked.close()
        assert room.taken == 0
        assert all(isinstance(batch, Batch) for batch in seen)
        return answers

    first, wrong, last = asyncio.run(run())
    assert isinstance(wrong, InputError) and "Unicode" in str(wrong)
    assert first.predictions == [classify("a bowl of ramen")] and last.predictions == [classify("beef stew")]


def test_the_first_stage_answers_without_a_batch(tiny_first: Path) -> None:
    texts = ["soup", "the road to the mountain", "egg", "a dog in the park", "beef stew", "rain over the city"]

    async def run(quick: Predictor) -> list[Any]:
        asked = Batcher(quick, Room(100), Batching())
        answers = [await asked.ask([text]) for text in texts]
        await asked.close()
        return answers

    with Predictor(tiny_first, deterministic=True) as quick:
        expected = quick.predict(texts)
        answers = asyncio.run(run(quick))
    assert [answer.predictions for answer in answers] == [[one] for one in expected]
    assert {(answer.predictions[0].stage, answer.batch) for answer in answers} == {("first", 0), ("model", 1)}
