"""Asks a script of this folder something, in Node."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def ask_node(script: str, question: Mapping[str, Any]) -> Any:
    """Gives what the last line that the script prints says, as JSON.

    Args:
        script: A file of this folder; it reads the question from its standard input.
        question: JSON values.
    """
    done = subprocess.run(
        ["node", script],
        cwd=HERE,
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
