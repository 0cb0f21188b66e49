"""The gate's three verdicts, and that it does not let through what is worse than the margin."""

from __future__ import annotations

import numpy as np
import pytest

from edgetext.export.gate import judge


def answers(classes, labels=2, confidence=0.9):
    """Probabilities that answer with the given classes."""
    rows = np.full((len(classes), labels), (1 - confidence) / (labels - 1), dtype=np.float32)
    rows[np.arange(len(classes)), classes] = confidence
    return rows


def with_errors(truth, wrong):
    """The right answers but for the texts whose numbers are given."""
    found = np.array(truth)
    found[list(wrong)] = 1 - found[list(wrong)]
    return found


TRUTH = [0, 1] * 200


def test_equal_answers_on_400_texts_pass_at_one_point():
    probabilities = answers(with_errors(TRUTH, range(16)))
    verdict = judge(probabilities, probabilities, TRUTH)
    assert verdict.decision == "passed"
    assert (verdict.accuracy_reference, verdict.accuracy, verdict.loss) == (0.96, 0.96, 0.0)
    assert verdict.loss_high == pytest.approx(0.00951, abs=1e-5)
    assert verdict.agreement == 1.0
    assert verdict.sentence == (
        "passed: int8 lost 0.00 points of accuracy on 400 held-out texts "
        "(95 % interval of the loss -0.95 to 0.95 points, margin 1.00 point)"
    )


def test_equal_answers_on_200_texts_are_too_few_to_tell():
    truth = TRUTH[:200]
    verdict = judge(answers(truth), answers(truth), truth)
    assert verdict.decision == "undecided"
    assert verdict.loss_high == pytest.approx(0.018845, abs=1e-5)
    assert verdict.rows_to_settle is not None
    # 381 texts without a changed answer are the least that would do; the search goes in steps of a tenth.
    assert 381 <= verdict.rows_to_settle <= 419
    assert f"about {verdict.rows_to_settle} texts would settle it" in verdict.sentence


def test_a_loss_above_the_margin_fails():
    verdict = judge(answers(TRUTH), answers(with_errors(TRUTH, range(6))), TRUTH)
    assert verdict.decision == "failed"
    assert verdict.loss == pytest.approx(0.015)
    assert verdict.rows_to_settle is None


def test_a_gain_is_called_one():
    verdict = judge(answers(with_errors(TRUTH, range(3))), answers(TRUTH), TRUTH)
    assert verdict.sentence.startswith("passed: int8 gained 0.75 points of accuracy on 400 held-out texts")
    assert (verdict.loss, verdict.decision) == (pytest.approx(-0.0075), "passed")


def test_a_loss_at_the_margin_cannot_be_settled_by_more_texts():
    verdict = judge(answers(TRUTH), answers(with_errors(TRUTH, range(4))), TRUTH)
    assert verdict.decision == "undecided"
    assert verdict.rows_to_settle is None
    assert "too close to the margin" in verdict.sentence


def test_errors_that_cancel_out_still_widen_the_interval():
    reference, candidate = with_errors(TRUTH, range(10)), with_errors(TRUTH, range(10, 20))
    verdict = judge(answers(reference), answers(candidate), TRUTH)
    assert verdict.loss == 0.0
    assert verdict.decision == "undecided"
    assert verdict.agreement == pytest.approx(0.95)


def test_changes_of_probability_are_told_apart_from_changes_of_label():
    verdict = judge(answers(TRUTH, confidence=0.9), answers(TRUTH, confidence=0.8), TRUTH)
    assert verdict.agreement == 1.0
    assert verdict.mean_change == pytest.approx(0.1, abs=1e-6)
    assert verdict.largest_change == pytest.approx(0.1, abs=1e-6)


def test_a_swapped_label_is_refused():
    verdict = judge(answers(TRUTH), answers([1 - label for label in TRUTH]), TRUTH)
    assert (verdict.decision, verdict.accuracy) == ("failed", 0.0)


@pytest.mark.parametrize("lost", [0.0102, 0.0152])
def test_at_most_five_percent_pass_with_a_true_loss_just_over_the_margin(lost):
    rng = np.random.default_rng(11)
    passed = 0
    truth = np.zeros(1500, dtype=int)
    for _ in range(1000):
        draw = rng.random(1500)
        reference = (draw >= 0.95).astype(int)  # wrong on 5 %
        candidate = np.where(draw < lost, 1, np.where(draw >= 1 - (lost - 0.0101), 0, reference))
        passed += judge(answers(reference), answers(candidate), truth).decision == "passed"
    assert passed <= 50


@pytest.mark.parametrize("max_drop", [0.0, 1.0, -0.1])
def test_a_margin_that_is_no_share_is_refused(max_drop):
    with pytest.raises(ValueError, match="max_drop"):
        judge(answers([0, 1]), answers([0, 1]), [0, 1], max_drop)


def test_other_texts_are_refused():
    with pytest.raises(ValueError, match="shapes differ"):
        judge(answers([0, 1]), answers([0]), [0, 1])


def test_the_manifest_keeps_the_interval():
    kept = judge(answers(TRUTH), answers(with_errors(TRUTH, [0])), TRUTH).to_json()
    assert kept["verdict"] == "undecided"
    assert kept["loss"]["value"] == pytest.approx(0.0025)
    assert kept["loss"]["low"] < 0 < kept["loss"]["value"] < kept["loss"]["high"] < 0.02
    assert (kept["accuracy_fp32"], kept["accuracy"], kept["rows"]) == (1.0, 0.9975, 400)
