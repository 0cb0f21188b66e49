"""RAPL's counters, from a folder like the system's."""

import pytest

from edgetext.measure import usage


@pytest.fixture
def zones(tmp_path, monkeypatch):
    """Gives a function that sets the counters, in microjoules, of two packages that start anew at 1000 J."""
    monkeypatch.setattr(usage, "_POWERCAP", tmp_path)
    monkeypatch.setattr(usage, "_gpus", dict)

    def put(first, second):
        for name, value in (("intel-rapl:0", first), ("intel-rapl:1", second), ("intel-rapl:0:0", 77)):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "energy_uj").write_text(f"{value}\n")
            (tmp_path / name / "max_energy_range_uj").write_text("1000000000\n")

    return put


def test_the_packages_are_added_and_their_parts_are_not(zones):
    zones(1_000_000, 5_000_000)
    counted = usage.Energy()
    zones(3_500_000, 6_000_000)
    assert counted.joules() == {"cpu": 3.5}


def test_a_counter_that_starts_anew_is_no_negative_energy(zones):
    zones(999_000_000, 0)
    counted = usage.Energy()
    zones(2_000_000, 0)
    assert counted.joules() == {"cpu": 3.0}


def test_a_machine_that_does_not_count_gives_none(tmp_path, monkeypatch):
    monkeypatch.setattr(usage, "_POWERCAP", tmp_path / "missing")
    monkeypatch.setattr(usage, "_gpus", dict)
    assert usage.Energy().joules() is None
