from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from damages import damages

pytestmark = pytest.mark.slow

CHILD = Path(__file__).with_name("damage_child.py")
PROCESSES = 2


@pytest.mark.timeout(600)
def test_a_damaged_bundle_works_or_is_refused_in_one_line(
    tiny_bundle: Path, tried: Callable[[str, int], None]
) -> None:
    cases = damages(tiny_bundle)
    with ThreadPoolExecutor(PROCESSES) as pool:
        parts = list(pool.map(lambda first: run(tiny_bundle, first, len(cases)), range(PROCESSES)))
    found = {number: outcomes for part in parts for number, outcomes in part.items()}
    assert len(found) == len(cases) >= 1000
    wrong = {
        cases[number].name: outcomes for number, outcomes in found.items() if set(outcomes) - {"works", "refused"}
    }
    assert not wrong
    checked, unchecked = zip(*found.values(), strict=True)
    tried("damaged bundles", len(cases))
    # Without checksums more of them work, since a changed weight is still a weight; many are refused all the same.
    assert Counter(checked)["works"] <= Counter(unchecked)["works"] < len(cases) / 2


def run(bundle: Path, first: int, count: int) -> dict[int, list[str]]:
    """Runs one part in child processes: where one dies, the case it was at is noted and another takes the rest."""
    found: dict[int, list[str]] = {}
    while first < count:
        command = [sys.executable, str(CHILD), str(bundle), str(first), str(PROCESSES)]
        paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # it imports what this one does
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500, env=paths)
        # Each line must be one of the child's: opening a bundle prints nothing.
        lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
        found |= {line["done"]: line["outcomes"] for line in lines if "done" in line}
        if done.returncode == 0:
            return found
        assert lines, done.stderr
        last = int(lines[-1].get("begun", first))
        found[last] = [f"the process ended with {done.returncode}: {done.stderr[-600:]}"] * 2
        first = last + PROCESSES
    return found
