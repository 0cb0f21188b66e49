"""Tries mutations in a process of its own, which one may end: GOOD FIRST STEP [FORMAT NUMBER] are the arguments.

With FORMAT and NUMBER one case is repeated, with its traceback. GOOD is a folder that ``formats.make_good`` filled.
Prints a JSON line before each case, and one after it where it was not just read or refused.
"""

from __future__ import annotations

import faulthandler
import itertools
import json
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

from formats import FORMATS, Format

from edgetext import EdgetextError

SEED = "2026"
HANG_S = 5.0
DEAD_S = 40.0
GROWTH_BYTES = 1 << 30
LONGEST = 2000  # characters of a message


def cases() -> Iterator[tuple[str, int]]:
    """Gives every case: the formats' in turn, so that the processes share each."""
    for name, kind in FORMATS.items():
        yield from ((name, number) for number in range(kind.cases))


def main(good: Path, first: int, step: int, *only: str) -> None:
    """Tries every ``step``-th case from the ``first`` on."""
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "case"
        shutil.copytree(good, place)
        if only:
            trial = Trial(place, only[0], int(only[1]))
            print(trial.outcome(tell=True))
            return
        limits(place)
        counts = Counter[str]()
        for index, (name, number) in itertools.islice(enumerate(cases()), first, None, step):
            print(json.dumps({"begun": index}), flush=True)
            faulthandler.dump_traceback_later(DEAD_S, exit=True)
            outcome = Trial(place, name, number).watched()
            faulthandler.cancel_dump_traceback_later()
            counts[f"{name}: {outcome}" if outcome in ("read", "refused") else "wrong"] += 1
            if outcome not in ("read", "refused"):
                print(json.dumps({"case": f"{name} {number}", "wrong": outcome}), flush=True)
        print(json.dumps({"counts": counts}), flush=True)


def limits(place: Path) -> None:
    """Reads a good file of each format, and lets the process grow by three times what is wrong already."""
    for kind in FORMATS.values():
        kind.use(place / kind.file)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + 3 * GROWTH_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


class Trial:
    """One case."""

    def __init__(self, place: Path, name: str, number: int) -> None:
        self.kind: Format = FORMATS[name]
        self.file = place / self.kind.file
        self.seed = f"{SEED} {name} {number}"

    def watched(self) -> str:
        """Gives the outcome, with the time and the memory that it took among what can be wrong."""
        before, begun = peak_bytes(), time.monotonic()
        outcome = self.outcome()
        took, grown = time.monotonic() - begun, peak_bytes() - before
        if took > HANG_S:
            return f"it took {took:.1f} s ({outcome})"
        return f"memory grew by {grown >> 20} MB ({outcome})" if grown > GROWTH_BYTES else outcome

    def outcome(self, *, tell: bool = False) -> str:
        """Gives ``read``, ``refused``, or what is wrong."""
        content = self.file.read_bytes()
        try:
            self.file.write_bytes(self.kind.mutated(content, self.seed))
            self.kind.use(self.file)
        except EdgetextError as error:
            said = str(error)
            fine = "\n" not in said and len(said) < LONGEST and said.encode("utf-8", "ignore").decode() == said
            return "refused" if fine else f"no single line: {said!r:.300}"
        except BaseException as error:  # a panic of Rust is no Exception
            if tell:
                traceback.print_exc()
            where = traceback.extract_tb(error.__traceback__)[-1]
            return f"{type(error).__name__}: {error!s:.200} ({Path(where.filename).name}:{where.lineno})"
        finally:
            self.file.write_bytes(content)
        return "read"


def peak_bytes() -> int:
    """Gives the most memory that the process held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
