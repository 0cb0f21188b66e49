"""How often answers change, bounded exactly: figures that can be worked out by hand."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from edgetext.metrics.changed import bound_changed, texts_to_bound


@pytest.mark.parametrize("texts", [1, 60, 299])
def test_with_no_change_it_is_a_root_of_the_error(texts):
    assert bound_changed(0, texts, 0.95).at_most == pytest.approx(1 - 0.05 ** (1 / texts))


@pytest.mark.parametrize(("changed", "least"), [(0, 299), (1, 473)])
def test_the_fewest_texts_that_show_one_point(changed, least):
    assert bound_changed(changed, least, 0.95).at_most < 0.01 < bound_changed(changed, least - 1, 0.95).at_most


def test_at_the_bound_so_few_changes_are_as_rare_as_the_error():
    assert binom.cdf(7, 1000, bound_changed(7, 1000, 0.9875).at_most) == pytest.approx(0.0125)
    assert bound_changed(5, 5, 0.95).at_most == 1.0


@pytest.mark.parametrize(("changed", "texts"), [(2, 1), (0, 0), (-1, 5)])
def test_counts_that_cannot_be_are_refused(changed, texts):
    with pytest.raises(ValueError, match=f"found {changed} of {texts}"):
        bound_changed(changed, texts, 0.95)


def test_how_many_texts_would_do_at_the_same_rate():
    found = bound_changed(1, 300, 0.95)
    wanted = texts_to_bound(found, 0.01, 10_000_000)
    assert 600 <= wanted <= 900
    assert bound_changed(-(-wanted // 300), wanted, 0.95).at_most < 0.01
    assert texts_to_bound(bound_changed(3, 300, 0.95), 0.01, 100_000) is None
