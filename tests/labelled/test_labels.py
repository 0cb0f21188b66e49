from __future__ import annotations

from edgetext.checkpoint import DataSource
from edgetext.data.example import Example, LabelledData
from edgetext.data.labels import look_alikes, ordered
from edgetext.data.split import resolve_split


def test_numbers_stand_in_the_order_of_their_values() -> None:
    numbers = [str(number) for number in range(12)]
    assert ordered(reversed(numbers)) == tuple(numbers)
    assert ordered(["b", "10", "9", "-1", "2.5", "a", "007", "1" * 400]) == (
        "-1", "2.5", "007", "9", "10", "1" * 400, "a", "b",
    )  # fmt: skip


def test_a_class_index_is_the_number_that_the_label_says() -> None:
    rows = tuple(Example(f"text {number}", (str(number % 12),), number + 1) for number in range(120))
    split = resolve_split(LabelledData("d", DataSource("d.csv", "", 120, "text", "label"), rows))
    assert split.labels == tuple(map(str, range(12)))
    assert split.record.parts["train"].rows


def test_labels_that_look_alike_are_told() -> None:
    accents = ("cafe", "cafe\u0301", "caf\u00e9")
    groups = [("Food", "food"), ("a b", "a\u00a0b"), ("ab", "a\u200bb"), accents, ("fine", "\ufb01ne")]
    assert look_alikes(["x", *(label for group in reversed(groups) for label in group)]) == groups
    rows = tuple(
        Example(f"text {number}", (("Food", "food\u200b")[number % 2],), number + 1) for number in range(40)
    )
    split = resolve_split(LabelledData("d", DataSource("d.csv", "", 40, "text", "label"), rows))
    assert split.labels == ("Food", "food\u200b")
    assert any("'Food' and 'food\\u200b'" in note for note in split.notes)
