import time

import pytest

from edgetext.measure import otherload


def test_the_load_of_others_is_what_is_not_ours(monkeypatch):
    readings = iter([(100.0, 50.0, 5.0), (110.0, 68.0, 11.0)])  # 10 s: 18 s busy, 6 s of them ours
    monkeypatch.setattr(otherload, "_reading", lambda: next(readings))
    assert otherload.OtherLoad().cores() == pytest.approx(1.2)


def test_our_own_work_is_not_counted():
    def reading():
        return otherload._reading()

    if reading() is None:
        pytest.skip("no /proc/stat here")
    before, stop = reading(), time.monotonic() + 0.5
    while time.monotonic() < stop:
        pass
    after = reading()
    assert 0.1 < after[2] - before[2] < 0.7
    assert after[1] - before[1] >= (after[2] - before[2]) * 0.8


def test_a_system_that_does_not_tell_gives_none(monkeypatch, tmp_path):
    monkeypatch.setattr(otherload, "_STAT", tmp_path / "missing")
    assert otherload.OtherLoad().cores() is None
