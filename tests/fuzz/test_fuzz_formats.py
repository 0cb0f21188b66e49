"""Ten thousand ruined files, always the same ones: each is read right or refused in one line, soon and in bounds.

To repeat a case: ``PYTHONPATH=tests python tests/fuzz/fuzz_child.py GOOD 0 1 FORMAT NUMBER``, where GOOD is the
folder ``good0`` below pytest's ``--basetemp``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from formats import FORMATS, make_good

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="bounds a process's memory as Linux does"),
]

TESTS = Path(__file__).parents[1]
PROCESSES = 2
CASES = [(name, number) for name, kind in FORMATS.items() for number in range(kind.cases)]


@dataclass
class Tally:
    """What came of the cases of one process, or of all."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, str] = field(default_factory=dict)


@pytest.mark.timeout(900)
def test_a_ruined_file_is_read_or_refused(
    tiny_bundle: Path,
    tiny_checkpoint,
    tiny_rows: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tried: Callable[[str, int], None],
) -> None:
    good = tmp_path_factory.mktemp("good")
    make_good(good, tiny_bundle, tiny_checkpoint.path, tiny_rows, TESTS / "data/bench/recorded.json")
    with ThreadPoolExecutor(PROCESSES) as pool:
        parts = list(pool.map(lambda first: run(good, first), range(PROCESSES)))
    wrong = {case: said for part in parts for case, said in part.wrong.items()}
    counts = sum((part.counts for part in parts), Counter[str]())
    for name, kind in FORMATS.items():
        tried(f"of {name} ({counts[f'{name}: read']:,} read, {counts[f'{name}: refused']:,} refused)", kind.cases)
    assert not wrong, json.dumps(wrong, indent=1)
    assert len(CASES) >= 10_000
    for name in FORMATS:  # a mutator that changes nothing, or that leaves nothing to read, tries nothing
        assert counts[f"{name}: read"] and counts[f"{name}: refused"], name


def run(good: Path, first: int) -> Tally:
    """Runs one part in child processes: where one dies, the case it was at is noted and another takes the rest."""
    found = Tally()
    while first < len(CASES):
        command = [sys.executable, str(TESTS / "fuzz/fuzz_child.py"), str(good), str(first), str(PROCESSES)]
        environment = os.environ | {"PYTHONPATH": str(TESTS)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=800, env=environment)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        for line in lines:
            found.counts.update(line.get("counts", {}))
            if "wrong" in line:
                found.wrong[line["case"]] = line["wrong"]
        if done.returncode == 0:
            return found
        begun = [line["begun"] for line in lines if "begun" in line]
        assert begun, done.stderr[-3000:]
        name, number = CASES[begun[-1]]
        found.wrong[f"{name} {number}"] = f"the process ended with {done.returncode}: {done.stderr[-600:]}"
        first = begun[-1] + PROCESSES
    return found
