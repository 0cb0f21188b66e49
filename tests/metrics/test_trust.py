"""How sure a first stage must be: what is let through, what is refused, and how often chance lets harm pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgetext.metrics.trust import MARGINS, Cascade, certainty, choose_margin, label_losses
from edgetext.task import MultiLabel, SingleLabel

LABELS = tuple(f"label {number}" for number in range(10))
TASK = SingleLabel(LABELS)
ROWS = 1000


def made(rows: int = ROWS, seed: int = 1) -> Cascade:
    """A reference that is nearly always right, and a first stage that is right where it is sure."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, len(LABELS), rows)
    reference = np.where(random.random(rows) < 0.04, (truth + 1) % 10, truth)
    sure = random.random(rows).astype(np.float32)
    wrong = sure < 0.4
    first = np.where(wrong, (truth + random.integers(1, 10, rows)) % 10, reference)
    return Cascade(TASK, truth, reference, reference, first, sure)


def test_the_margin_is_where_harm_begins() -> None:
    cascade = made()
    found = choose_margin(cascade, 0.01)
    assert found.margin is not None
    assert 0.36 <= found.margin <= 0.46
    assert found.objection
    assert not cascade.objection(found.margin, 0.01)
    assert cascade.objection(found.margin - 0.06, 0.01)


def test_all_texts_may_be_answered_where_nothing_is_lost() -> None:
    cascade = made()
    found = choose_margin(replace(cascade, first=cascade.reference), 0.01)
    assert found.margin == MARGINS[-1]
    assert not found.objection


def test_two_swapped_labels_are_refused() -> None:
    cascade = made()
    swapped = np.where(cascade.reference == 3, 4, np.where(cascade.reference == 4, 3, cascade.reference))
    found = choose_margin(replace(cascade, first=swapped), 0.01)
    assert found.margin is None
    assert found.objection


def test_one_label_always_given_is_refused() -> None:
    cascade = made()
    always = replace(cascade, first=np.full(ROWS, 7), certainty=np.ones(ROWS, np.float32))
    assert choose_margin(always, 0.01).margin is None


def test_trusting_every_answer_is_refused() -> None:
    assert choose_margin(made(), 0.01, margins=(0.0,)).margin is None


def test_a_rare_label_that_is_always_wrong_does_not_hide_in_the_mean() -> None:
    truth = np.repeat(np.arange(10), [6, *[444] * 9])
    perfect = Cascade(TASK, truth, truth, truth, truth, np.ones(len(truth), np.float32))
    rare = np.where(truth == 0, 1, truth)
    found = choose_margin(replace(perfect, first=rare), 0.01)
    assert found.margin is None
    assert "label 0" in found.objection
    missed, misled = label_losses(replace(perfect, first=rare), np.ones(len(truth), bool))
    assert missed[0] == 1
    assert misled[1] == pytest.approx(6 / 450)


def test_few_texts_show_nothing() -> None:
    assert choose_margin(made(100), 0.01).margin is None
    unsure = replace(made(), certainty=np.zeros(ROWS, np.float32))
    found = choose_margin(unsure, 0.01)
    assert found.margin is None
    assert "200 of 1000" in found.objection


def test_a_label_that_is_withheld_is_trusted_at_no_margin() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    found = certainty(SingleLabel(("a", "b")), probabilities, ("b",))
    assert found[0] == pytest.approx(0.8)
    assert found[1] < 0
    several = certainty(MultiLabel(("a", "b")), probabilities, ("b",))
    assert several[0] == pytest.approx(0.4)
    assert several[1] < 0


def test_several_labels_are_judged_by_their_f1() -> None:
    random = np.random.default_rng(3)
    truth = random.random((600, 4)) < 0.4
    task = MultiLabel(LABELS[:4])
    same = Cascade(task, truth, truth, truth, truth, np.full(600, 0.4, np.float32))
    assert choose_margin(same, 0.02, margins=(0.3,)).margin == 0.3
    blind = truth & np.array([True, True, True, False])
    assert choose_margin(replace(same, first=blind), 0.02, margins=(0.3,)).margin is None


@pytest.mark.parametrize("harm_from", [0.5, 0.0])
def test_a_loss_just_over_the_margin_passes_once_in_twenty_times_at_most(harm_from: float) -> None:
    """Harm among the surest half, so that every margin loses too much; or everywhere, so that the laxest does."""
    random = np.random.default_rng(5)
    truth = np.zeros(600, np.int64)
    passed = 0
    for _ in range(1000):
        sure, event = random.random((2, 600))
        harm = np.where(sure >= harm_from, 0.031 / (1 - harm_from), 0.02)
        reference = np.where(event > 0.98, 1, 0)
        first = np.where(event < harm, 1, 0)
        cascade = Cascade(TASK, truth, reference, reference, first, sure.astype(np.float32))
        found = choose_margin(cascade, 0.01, margins=(0.5, 0.25, 0.0))
        passed += found.margin is not None and found.margin <= harm_from
    assert passed <= 50
