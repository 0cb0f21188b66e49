"""The gate's three verdicts, and that it does not let through what is worse than the margin."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn.metrics import f1_score

from edgetext.export import gate
from edgetext.metrics.changed import bound_changed
from edgetext.metrics.paired import PairedCounts, score_difference
from edgetext.task import MultiLabel, SingleLabel

ONE = SingleLabel(("no", "yes"))
MANY = MultiLabel(("a", "b", "c"))


def judge(reference, candidate, truth, *arguments, task=ONE, **more):
    return gate.judge(task, reference, candidate, np.asarray(truth), *arguments, **more)


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


def share_that_pass(rows, lost, won, comparisons=1, draws=1000, seed=11):
    """The share of simulated pairs that pass at one point; what the gate decides depends on these counts alone."""
    rng = np.random.default_rng(seed)
    changed = rng.multinomial(rows, [lost, won, 1 - lost - won], size=draws)
    confidence = 1 - 0.05 / comparisons
    kinds, times = np.unique(changed[:, :2], axis=0, return_counts=True)
    counts = [PairedCounts(rows - int(a) - int(b), int(a), int(b), 0) for a, b in kinds]
    passed = [-score_difference(table, confidence).low < 0.01 for table in counts]
    return times[passed].sum() / draws


@pytest.mark.parametrize("rows", [400, 1000, 3000])
@pytest.mark.parametrize("won", [0.0, 0.002, 0.01, 0.03])
def test_at_most_five_percent_pass_with_a_true_loss_just_over_the_margin(rows, won):
    assert share_that_pass(rows, lost=0.0101 + won, won=won) <= 0.05


@pytest.mark.parametrize(
    ("rows", "lost", "won"), [(1000, 0.0005, 0.0005), (3000, 0.004, 0.004), (3000, 0.002, 0.0)]
)
def test_a_harmless_candidate_mostly_passes_where_there_are_texts_enough(rows, lost, won):
    assert share_that_pass(rows, lost, won) >= 0.8


@pytest.mark.parametrize("rows", [400, 1000, 3000])
def test_the_best_of_four_bad_candidates_rarely_passes(rows):
    parts = gate.error_parts(4)
    each = [share_that_pass(rows, 0.0121, 0.002, comparisons=part, seed=part + at) for at, part in enumerate(parts)]
    assert sum(each) <= 0.05  # no less than the share of searches in which any of the four passes


def test_the_parts_of_the_error_make_a_whole_and_the_first_is_the_largest():
    assert [gate.error_parts(looks) for looks in (1, 2, 3, 4)] == [(1,), (2, 2), (2, 4, 4), (2, 4, 8, 8)]
    assert all(sum(1 / part for part in gate.error_parts(looks)) == 1 for looks in range(1, 12))


def test_the_simulation_counts_what_the_gate_decides():
    wrong = with_errors(TRUTH, [7])
    counts = PairedCounts(399, 1, 0, 0)
    verdict = judge(answers(TRUTH), answers(wrong), TRUTH, comparisons=4)
    assert verdict.loss_high == pytest.approx(-score_difference(counts, 1 - 0.05 / 4).low)


def test_more_looks_at_the_same_texts_take_more_texts_to_pass():
    alone, among = (judge(answers(TRUTH), answers(TRUTH), TRUTH, comparisons=count) for count in (1, 4))
    assert (alone.decision, among.decision) == ("passed", "undecided")
    assert (among.comparisons, among.confidence) == (4, 0.9875)
    assert among.sentence.startswith(
        "undecided: int8 lost 0.00 points of accuracy on 400 held-out texts (98.75 % interval of the loss -1.54 to "
        "1.54 points, margin 1.00 point, one of several looks at these texts); about "
    )
    assert judge(*[answers(TRUTH * 2)] * 2, TRUTH * 2, comparisons=4).decision == "passed"


def test_calibration_is_told_before_and_after():
    verdict = judge(answers(TRUTH, confidence=0.9), answers(TRUTH, confidence=0.6), TRUTH)
    assert verdict.calibration_error_reference == pytest.approx(0.1, abs=1e-6)
    assert verdict.calibration_error == pytest.approx(0.4, abs=1e-6)


def labels_of(texts, labels=3, seed=2):
    return np.random.default_rng(seed).random((texts, labels)) < 0.4


def sure(given, confidence=0.9):
    return np.where(given, confidence, 1 - confidence).astype(np.float32)


def test_multi_label_is_held_to_micro_f1():
    truth = labels_of(1000)
    lost = truth.copy()
    lost[:30] = False
    passed = judge(sure(truth), sure(truth, 0.8), truth, task=MANY)
    failed = judge(sure(truth), sure(lost), truth, task=MANY)
    assert (passed.decision, failed.decision) == ("passed", "failed")
    assert passed.metric == "micro F1"
    assert (passed.accuracy_reference, passed.accuracy, passed.agreement) == (1.0, 1.0, 1.0)
    assert failed.accuracy == pytest.approx(f1_score(truth, lost, average="micro"))
    assert failed.agreement == pytest.approx(1 - truth[:30].any(axis=1).sum() / 1000)
    assert failed.sentence.startswith("failed: int8 lost 1.")
    assert "points of micro F1 on 1000 held-out texts (95 % interval" in failed.sentence
    assert passed.calibration_error == pytest.approx(0.2, abs=1e-6)
    assert passed.to_json()["method"].startswith("paired non-inferiority, BCa bootstrap over texts")


def test_multi_label_uses_the_threshold_of_each_label():
    truth = labels_of(1000)
    candidate = sure(truth)
    candidate[:, 1] *= 0.6  # 0.9 becomes 0.54
    assert judge(sure(truth), candidate, truth, task=MANY).decision == "passed"
    assert (
        judge(sure(truth), candidate, truth, task=MultiLabel(MANY.labels, thresholds=(0.5, 0.6, 0.5))).decision
        == "failed"
    )


def test_multi_label_with_few_texts_is_undecided_and_says_how_many_would_settle_it():
    truth = labels_of(60)
    verdict = judge(sure(truth), sure(truth), truth, task=MANY)
    assert (verdict.decision, verdict.loss) == ("undecided", 0.0)
    assert f"about {verdict.rows_to_settle} texts would settle it" in verdict.sentence
    more = np.tile(truth, (math.ceil(verdict.rows_to_settle / 60), 1))
    assert judge(sure(more), sure(more), more, task=MANY).decision == "passed"


def test_no_comparison_at_all_is_refused():
    with pytest.raises(ValueError, match="comparisons must be at least 1"):
        judge(answers([0, 1]), answers([0, 1]), [0, 1], comparisons=0)


def test_answers_of_another_task_are_refused():
    truth = labels_of(10)
    with pytest.raises(ValueError, match="shapes differ"):
        judge(sure(truth), sure(truth), truth[:, 0].astype(int), task=MANY)
    with pytest.raises(ValueError, match="shapes differ"):
        judge(sure(truth), sure(truth), truth, task=MultiLabel(("a", "b")))


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
    assert (kept["metric"], kept["comparisons"], kept["loss"]["confidence"]) == ("accuracy", 1, 0.95)
    assert kept["calibration_error_fp32"] == pytest.approx(0.1, abs=1e-6)
    assert kept["calibration_error"] == pytest.approx(0.0975, abs=1e-6)
    assert json.loads(json.dumps(kept)) == kept


def some(changed, texts):
    """What two models say of texts without labels: other answers to so many of them."""
    said = np.zeros(texts, np.int64)
    other = said.copy()
    other[:changed] = 1
    return answers(said), answers(other)


def test_few_labels_pass_by_texts_that_have_none():
    truth = TRUTH[:60]
    said = answers(truth)
    assert judge(said, said, truth).decision == "undecided"
    verdict = judge(said, said, truth, unlabelled=some(1, 700))
    assert (verdict.decision, verdict.changed.changed, verdict.changed.texts) == ("passed", 1, 760)
    assert verdict.changed.at_most == bound_changed(1, 760, 0.9875).at_most < 0.01
    assert verdict.confidence == 0.975  # half of the error is that of the paired test, whose one end counts
    assert "1 of 760 texts" in verdict.sentence
    assert f"{100 * verdict.changed.at_most:.2f} points" in verdict.sentence
    kept = verdict.to_json()["changed_answers"]
    assert (kept["texts"], kept["changed"], kept["at_most"]) == (760, 1, verdict.changed.at_most)


def test_either_test_is_enough_with_half_of_the_error():
    alone = judge(answers(TRUTH), answers(TRUTH), TRUTH)
    shared = judge(answers(TRUTH), answers(TRUTH), TRUTH, unlabelled=some(3, 10))
    assert (alone.decision, shared.decision) == ("passed", "undecided")  # 498 texts are then the least
    twice = TRUTH * 2
    by_labels = judge(answers(twice), answers(twice), twice, unlabelled=some(30, 100))
    assert (by_labels.decision, by_labels.changed.at_most > 0.01) == ("passed", True)
    looks = judge(answers(TRUTH), answers(TRUTH), TRUTH, comparisons=4, unlabelled=some(0, 600))
    assert looks.decision == "passed"
    assert (looks.confidence, looks.changed.confidence) == pytest.approx((1 - 0.05 / 8, 1 - 0.025 / 8))


def test_undecided_with_both_says_what_would_settle_it():
    truth = TRUTH[:60]
    verdict = judge(answers(truth), answers(truth), truth, unlabelled=some(0, 100))
    assert verdict.decision == "undecided"
    assert 498 <= verdict.rows_to_settle <= 548
    assert 437 <= verdict.texts_to_settle <= 481
    assert f"{verdict.rows_to_settle} labelled texts" in verdict.sentence
    assert f"{verdict.texts_to_settle} texts with labels or without" in verdict.sentence
    more = judge(answers(truth), answers(truth), truth, unlabelled=some(0, verdict.texts_to_settle - 60))
    assert more.decision == "passed"
    never = judge(answers(truth), answers(truth), truth, unlabelled=some(30, 1000))
    assert (never.texts_to_settle, never.rows_to_settle) == (None, verdict.rows_to_settle)


def test_one_lost_answer_among_few_is_chance_where_thousands_hardly_change_and_a_tenth_is_not():
    truth = TRUTH[:60]
    one = judge(answers(truth), answers(with_errors(truth, [5])), truth, unlabelled=some(2, 2000))
    assert (one.decision, one.loss > 0.01) == ("passed", True)
    assert judge(answers(truth), answers(with_errors(truth, [5])), truth).decision == "failed"
    other_kind = judge(answers(truth), answers(with_errors(truth, range(6))), truth, unlabelled=some(0, 3000))
    assert (other_kind.decision, other_kind.changed.at_most < 0.01) == ("failed", True)


def test_f1_is_not_bounded_by_changed_answers():
    truth = labels_of(10)
    with pytest.raises(ValueError, match="micro F1"):
        judge(sure(truth), sure(truth), truth, task=MANY, unlabelled=(sure(truth), sure(truth)))


@pytest.mark.parametrize("rows", [60, 400])
@pytest.mark.parametrize("texts", [500, 3000])
@pytest.mark.parametrize("won", [0.0, 0.003])
def test_at_most_five_percent_pass_by_either_test_with_a_true_loss_just_over_the_margin(rows, texts, won):
    lost = 0.0101 + won
    rng = np.random.default_rng(19)
    labelled = rng.multinomial(rows, [lost, won, 1 - lost - won], size=1000)[:, :2]
    changed = labelled.sum(axis=1) + rng.binomial(texts, lost + won, size=1000)
    found = {kind: pairs(rows, *kind) for kind in map(tuple, labelled.tolist())}
    bounds = {count: bound_changed(count, rows + texts, 0.9875) for count in changed.tolist()}
    decisions = [
        gate._decide(found[tuple(kind)], bounds[count], 0.01)
        for kind, count in zip(labelled.tolist(), changed.tolist(), strict=True)
    ]
    assert decisions.count("passed") <= 50
    assert won or decisions.count("passed") > 0  # nothing but lost answers is what the bound is exact for


def pairs(rows, lost, won):
    return score_difference(PairedCounts(rows - lost - won, lost, won, 0), 0.975)


def test_the_simulation_with_both_tests_decides_as_the_gate_does():
    truth = TRUTH[:60]
    for lost, changed in ((0, 0), (1, 2), (1, 30), (6, 0)):
        bound = bound_changed(lost + changed, 2060, 0.9875)
        candidate = answers(with_errors(truth, range(lost)))
        verdict = judge(answers(truth), candidate, truth, unlabelled=some(changed, 2000))
        assert verdict.decision == gate._decide(pairs(60, lost, 0), bound, 0.01)


def test_another_models_answers_are_told_by_its_name_and_decided_by_its_own_thresholds():
    truth = labels_of(1000)
    teacher = np.where(truth, 0.4, 0.1).astype(np.float32)
    against = gate.Against("big", MultiLabel(MANY.labels, thresholds=(0.3, 0.3, 0.3)))
    verdict = judge(teacher, sure(truth), truth, task=MANY, against=against)
    assert (verdict.decision, verdict.accuracy_reference, verdict.agreement) == ("passed", 1.0, 1.0)
    assert "against big on 1000 held-out texts" in verdict.sentence
    assert verdict.to_json()["against"] == "big"
    assert "against" not in judge(sure(truth), sure(truth), truth, task=MANY).to_json()
