from edgetext.measure.turns import Turn, shuffled_turns

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
