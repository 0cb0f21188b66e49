from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from edgetext import InputError, Predictor

TEXTS = ["a dog in the park", "soup", "a bowl of ramen", "the road"] * 30


def test_a_copy_by_pickle_is_the_same_and_open(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_bundle.parent)
    options = {"variant": "fp32", "profile": "throughput", "threads": 2, "verify": False}
    predictor = Predictor(tiny_bundle.name, **options, truncation="windows", deterministic=True)  # type: ignore[arg-type]
    expected = predictor.predict(TEXTS)
    content = pickle.dumps(predictor)
    predictor.close()
    monkeypatch.chdir("/")
    for copied in (content, pickle.dumps(predictor)):
        with pickle.loads(copied) as copy:
            assert (copy.variant.name, copy.profile) == ("fp32", predictor.profile)
            assert copy.predict(TEXTS) == expected
    assert len(content) < 1000


def answer(predictor: Predictor, connection: Connection) -> None:
    connection.send([prediction.label for prediction in predictor.predict(TEXTS)])


@pytest.mark.parametrize("profile", ["latency", "throughput"])
def test_spawned_processes_open_their_own(tiny_bundle: Path, profile: str) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with Predictor(tiny_bundle, profile=profile, threads=2) as predictor:
        worker = context.Process(target=answer, args=(predictor, theirs))
        worker.start()
        assert ours.poll(60)
        assert ours.recv() == [prediction.label for prediction in predictor.predict(TEXTS)]
        worker.join(60)
    assert worker.exitcode == 0


FORK = """
import os, signal, sys
from edgetext import InputError, Predictor
classify = Predictor(sys.argv[1], profile=sys.argv[2], threads=3)
closed = Predictor(sys.argv[1])
closed.close()
texts = ["a dog", "soup", "a bowl of ramen"] * 50
for again in range(2):  # enough for a second session
    expected = classify.predict(texts)
stream = classify.stream(texts * 20, window=32)
next(stream)

def refused(call):
    try:
        call()
    except InputError as error:
        return str(error)
    raise AssertionError("an answer, where none should be")

def child():
    signal.alarm(20)
    assert "forked" in refused(lambda: list(stream))
    assert "closed" in refused(lambda: closed("a dog"))
    for again in range(2):
        assert [item.label for item in classify.predict(texts)] == [item.label for item in expected]
        assert classify("a dog").label == expected[0].label
    grandchild = os.fork()
    if grandchild == 0:
        leave(lambda: classify.predict(texts))
    assert os.waitpid(grandchild, 0)[1] == 0
    classify.close()
    assert "closed" in refused(lambda: classify("a dog"))

def leave(work):
    try:
        work()
    except BaseException as error:
        print(repr(error), flush=True)
        os._exit(1)
    os._exit(0)

started = os.fork()
if started == 0:
    leave(child)
assert os.waitpid(started, 0)[1] == 0
assert classify.predict(texts) == expected
classify.close()
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("profile", ["latency", "throughput", "background"])
def test_a_forked_process_opens_its_own(tiny_bundle: Path, profile: str) -> None:
    command = [sys.executable, "-c", FORK, str(tiny_bundle), profile]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


def test_apredict_lets_the_loop_go_on(tiny_bundle: Path) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.005)
            ticks += 1

    def slow_texts() -> Iterator[str]:
        for text in TEXTS[:40]:
            time.sleep(0.005)
            yield text

    async def both(predictor: Predictor) -> None:
        ticking = asyncio.create_task(tick())
        found = await asyncio.gather(predictor.apredict(slow_texts()), predictor.apredict(TEXTS[:40], top_k=1))
        ticking.cancel()
        assert found[0] == predictor.predict(TEXTS[:40])
        assert len(found[1][0].scores) == 1
        with pytest.raises(InputError, match="text 0 is 3"):
            await predictor.apredict([3])  # type: ignore[list-item]

    with Predictor(tiny_bundle, threads=1) as predictor:
        asyncio.run(both(predictor))
    assert ticks >= 5


@pytest.mark.parametrize("profile", ["latency", "throughput"])
def test_close_waits_for_running_calls(tiny_bundle: Path, profile: str) -> None:
    begun, closed, read = threading.Event(), threading.Event(), threading.Event()
    found: list[int] = []

    def slow_texts() -> Iterator[str]:
        for text in TEXTS:
            yield text
            if not begun.is_set():
                begun.set()
                closed.wait(0.3)  # time for close to be called, and to return too soon
        read.set()

    predictor = Predictor(tiny_bundle, profile=profile, threads=2)
    caller = threading.Thread(target=lambda: found.append(len(predictor.predict(slow_texts()))))
    caller.start()
    assert begun.wait(10)
    predictor.close()
    assert read.is_set()
    closed.set()
    caller.join(10)
    assert found == [len(TEXTS)]
    with pytest.raises(InputError, match="closed"):
        predictor("a dog")


def test_closing_from_within_a_call_does_not_hang(tiny_bundle: Path) -> None:
    predictor = Predictor(tiny_bundle, threads=1)

    def closing() -> Iterator[str]:
        yield "a dog"
        predictor.close()
        yield "soup"

    with pytest.raises(InputError, match="closed"):
        predictor.predict(closing())


@pytest.mark.parametrize("profile", ["latency", "throughput"])
def test_many_threads_and_one_that_closes(tiny_bundle: Path, profile: str) -> None:
    predictor = Predictor(tiny_bundle, profile=profile, threads=2)
    expected, wrong = predictor("a dog"), []

    def call() -> None:
        try:
            while True:
                if predictor("a dog") != expected or len(predictor.predict(TEXTS[:5])) != 5:
                    wrong.append("another answer")
        except InputError as error:
            if "closed" not in str(error):
                wrong.append(str(error))
        except BaseException as error:
            wrong.append(repr(error))

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    predictor.close()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


def test_a_stream_left_open_says_that_it_was_closed(tiny_bundle: Path) -> None:
    for profile in ("latency", "throughput"):
        predictor = Predictor(tiny_bundle, profile=profile, threads=2)
        stream = predictor.stream(iter(TEXTS * 100), window=8)
        next(stream)
        predictor.close()
        with pytest.raises(InputError, match="closed"):
            list(stream)
