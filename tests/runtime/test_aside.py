"""Work beside the caller's: its result, its error, and a machine that gives no more threads."""

import threading

import pytest

from edgetext.runtime import aside
from edgetext.runtime.aside import Aside


def test_the_work_is_done_in_another_thread_and_its_result_comes_back():
    assert Aside(threading.get_ident).result() not in (None, threading.get_ident())


def test_what_the_work_raises_is_raised_where_it_is_waited_for():
    waiting = Aside(lambda: [].pop())
    with pytest.raises(IndexError, match="pop from empty list"):
        waiting.result()


def test_where_no_thread_can_be_started_the_work_is_done_at_once(monkeypatch):
    class NoThread:
        ident = None

        def __init__(self, **_):
            pass

        def start(self):
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(aside, "Thread", NoThread)
    assert Aside(threading.get_ident).result() == threading.get_ident()
