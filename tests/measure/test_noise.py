"""The look at the machine between turns."""

import threading

from edgetext.measure.noise import NoiseCheck, Reading, best_of, disturbed


def test_a_reading_has_both_times_and_leaves_no_thread():
    before = threading.active_count()
    reading = NoiseCheck(2).read()
    assert 0 < reading.alone_ms < 1000 and 0 < reading.together_ms < 1000
    assert threading.active_count() == before


def test_with_one_thread_there_is_nothing_to_do_together():
    reading = NoiseCheck(1).read()
    assert reading.alone_ms == reading.together_ms


def test_a_turn_counts_as_disturbed_by_either_figure():
    readings = [Reading(1.0, 1.0), Reading(1.1, 1.14), Reading(1.0, 1.7), Reading(1.3, 1.0)]
    assert disturbed(readings, best_of(readings)) == (False, False, True, True)


def test_a_turn_has_the_slower_of_the_readings_around_it():
    assert Reading(1.0, 1.7).worse(Reading(1.2, 1.1)) == Reading(1.2, 1.7)
