from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgetext import InputError
from edgetext.export.drift import compare, measure_drift
from edgetext.runtime.bundle import open_bundle
from edgetext.task import MultiLabel

TEXTS = [
    f"{words} {ending}"
    for words in ("a bowl of ramen", "a dog", "rain over the city")
    for ending in "abcdefghijklm"
]


def test_int8_drifts_and_fp32_only_rounds(tiny_bundle: Path) -> None:
    int8, fp32 = (measure_drift(tiny_bundle, name, TEXTS) for name in ("int8", "fp32"))
    assert int8.texts == fp32.texts == len(TEXTS) and int8.batch == 32
    assert fp32.largest_change < 1e-5 < int8.largest_change < 0.5
    assert fp32.mean_change <= fp32.largest_change and int8.mean_change <= int8.largest_change
    assert fp32.labels_flipped == 0
    assert measure_drift(tiny_bundle, "int8", TEXTS, batch=1).largest_change == 0


def test_what_is_counted(tiny_bundle: Path) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    alone = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.4, 0.3, 0.3], [0.4, 0.3, 0.3]], np.float32)
    together = np.array([[0.5, 0.4, 0.1], [0.2, 0.3, 0.5], [0.4, 0.3, 0.3], [0.4, 0.3, 0.3]], np.float32)
    single = compare(alone, together, manifest.decides)
    assert single.to_json() == {
        "texts": 4,
        "batch": 32,
        "largest_change": pytest.approx(0.2, abs=1e-6),
        "mean_change": pytest.approx(0.075, abs=1e-6),
        "labels_flipped": 0.25,
    }
    # The first text's second label reaches 0.35 now; the second text loses one and wins none that counts.
    several = compare(alone, together, MultiLabel(manifest.labels, thresholds=(0.5, 0.35, 0.6)))
    assert several.labels_flipped == 0.5


def test_wrong_use_is_one_sentence(tiny_bundle: Path) -> None:
    with pytest.raises(InputError, match="none was given"):
        measure_drift(tiny_bundle, "int8", [])
    with pytest.raises(InputError, match=r"shape \(1, 3\) cannot be compared with answers of shape \(2, 3\)"):
        compare(np.zeros((1, 3), np.float32), np.zeros((2, 3), np.float32), open_bundle(tiny_bundle).manifest)
