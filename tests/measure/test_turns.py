import pytest

from edgetext.measure.turns import Turn, passes_to_settle, shuffled_turns, sums

NAMES = ["a", "b", "c", "d", "e"]


def test_each_has_one_turn_a_round():
    turns = list(shuffled_turns(NAMES, 4, seed=1))
    for number in range(4):
        assert sorted(turn.index for turn in turns if turn.round == number) == [0, 1, 2, 3, 4]
    assert [turn.round for turn in turns] == sorted(turn.round for turn in turns)


def test_the_seed_decides_the_order():
    assert list(shuffled_turns(NAMES, 4, seed=1)) == list(shuffled_turns(NAMES, 4, seed=1))
    assert list(shuffled_turns(NAMES, 4, seed=1)) != list(shuffled_turns(NAMES, 4, seed=2))


def test_rounds_differ_from_each_other():
    turns = list(shuffled_turns(NAMES, 20, seed=1))
    orders = {tuple(turn.index for turn in turns if turn.round == number) for number in range(20)}
    assert len(orders) > 10
    assert turns[0] == Turn(0, turns[0].index)


@pytest.mark.parametrize(
    ("passes", "warm_up"),
    [
        ([10.0] * 12, 0),
        ([900, 12, 10, 10, 10, 10, 10, 10], 2),
        ([900, 10.9, 10, 10, 10, 10, 10, 10], 1),
        ([20, 18, 16, 14, 12, 10, 10, 10], 5),  # slowly faster: not before it no longer is
        ([10, 10, 10, 10, 30, 30, 30, 30], 0),  # slower later is a disturbance, and no warm-up
        ([7.0], 0),
    ],
)
def test_the_warm_up_ends_where_passes_get_no_faster(passes, warm_up):
    assert passes_to_settle(passes) == warm_up


def test_passes_are_made_of_whole_ones():
    assert sums([1, 2, 3, 4, 5, 6, 7], 3) == [6, 15]
    assert sums([1, 2], 3) == [3]
