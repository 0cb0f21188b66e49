import pytest

from edgetext.measure.warmup import passes_to_settle, sums


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
