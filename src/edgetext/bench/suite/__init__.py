"""The bench's backends as a pytest-benchmark suite, so that a team's own CI can hold them to their last figures.

::

    pytest --pyargs edgetext.bench.suite --bundle BUNDLE --checkpoint CHECKPOINT --data DATA \
        --benchmark-save=before
    pytest --pyargs edgetext.bench.suite --bundle BUNDLE --checkpoint CHECKPOINT --data DATA \
        --benchmark-compare --benchmark-compare-fail=median:10%

All backends run in pytest's own process here, one after the other, since pytest-benchmark times calls: for figures
to compare backends by, each in a process of its own and in turns, there is ``edgetext bench``.
"""
