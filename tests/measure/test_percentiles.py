import numpy as np
import pytest

from edgetext.measure.percentiles import percentiles


@pytest.mark.parametrize("count", [1, 2, 3, 100, 300, 1001])
def test_they_are_numpys(count):
    samples = np.random.default_rng(count).lognormal(size=count).tolist()
    found = percentiles(samples)
    assert [found.p50, found.p90, found.p99] == pytest.approx(np.percentile(samples, [50, 90, 99]).tolist())


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="no percentile without samples"):
        percentiles([])
