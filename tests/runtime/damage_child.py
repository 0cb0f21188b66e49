"""Opens damaged bundles, in a process of its own since the damage may end it; arguments: BUNDLE FIRST STEP.

Prints a JSON line before each case and one after it, so that whoever reads them knows the case that killed it.
"""

from __future__ import annotations

import faulthandler
import itertools
import json
import math
import shutil
import sys
import tempfile
from pathlib import Path

from damages import Damage, damages

from edgetext import InputError, Predictor

HANG_SECONDS = 60
TEXTS = ["a dog in the park", "", "a bowl of ramen with egg " * 10]


def main(bundle: Path, first: int, step: int) -> None:
    """Runs every ``step``-th case from the ``first`` on."""
    with tempfile.TemporaryDirectory() as place:
        for number, damage in itertools.islice(enumerate(damages(bundle)), first, None, step):
            print(json.dumps({"begun": number, "name": damage.name}), flush=True)
            faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
            print(json.dumps({"done": number, "outcomes": outcomes(bundle, damage, Path(place))}), flush=True)
            faulthandler.cancel_dump_traceback_later()


def outcomes(bundle: Path, damage: Damage, place: Path) -> list[str]:
    """Gives what came of it with checksums and without: ``works``, ``refused``, or what is wrong."""
    folder = place / "case" / "bundle"
    shutil.copytree(bundle, folder)
    try:
        damage.do(folder)
        return [outcome(folder, damage.variant, verify=verify) for verify in (True, False)]
    finally:
        shutil.rmtree(folder.parent)


def outcome(folder: Path, variant: str | None, *, verify: bool) -> str:
    """Opens it and asks it; anything but sound predictions or one line of ours is told."""
    try:
        with Predictor(folder, variant=variant, threads=1, verify=verify) as classify:
            found = [classify(TEXTS[0]), *classify.predict(TEXTS)]
            sums = [sum(prediction.scores.values()) for prediction in found]
            if classify.task.one_label and not all(math.isclose(value, 1, abs_tol=1e-4) for value in sums):
                return f"scores that sum to {sums}"
            if not all(prediction.label in classify.labels for prediction in found):
                return "a label that is not there"
    except InputError as error:
        return "refused" if "\n" not in str(error) and len(str(error)) < 2000 else f"no single line: {error!r:.300}"
    except BaseException as error:  # the panics of tokenizers are no Exception
        return f"{type(error).__name__}: {error!s:.300}"
    return "works"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
