"""What the base install weighs, package by package, and which of the packages a prediction imports.

Run it as::

    python benchmarks/installed_size.py BUNDLE -o benchmarks/results/installed_size.json

It makes a clean environment in a temporary folder, installs this repository into it without extras at the versions
of ``constraints.txt``, and counts the bytes of every file, without the interpreter, pip, and compiled modules.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from edgetext.files import write_json
from edgetext.measure.environment import capture_environment
from edgetext.runtime.threads import usable_threads

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("pip", "setuptools")

# Runs in the clean environment, which has nothing of ours but the package.
LIST = """
import json, sys
from importlib.metadata import distributions, packages_distributions
from edgetext import Predictor
with Predictor(sys.argv[1]) as classify:
    classify("a text")
tops = {name.partition(".")[0] for name in list(sys.modules)}
used = {package for top in tops for package in packages_distributions().get(top, [])}
print(json.dumps([
    {"name": item.name, "version": item.version, "imported": item.name in used, "bytes": sum(
        file.locate().stat().st_size for file in item.files or []
        if file.suffix != ".pyc" and file.locate().is_file())}
    for item in distributions()]))
"""


def packages(bundle: Path) -> list[dict[str, Any]]:
    """Lists name, version, bytes, and whether a prediction imports it, of each package; the largest first."""
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python = str(Path(place, "Scripts" if sys.platform == "win32" else "bin", "python"))
        install = [python, "-m", "pip", "install", "--quiet", "--no-compile"]
        subprocess.run([*install, "--constraint", str(ROOT / "constraints.txt"), str(ROOT)], check=True)
        command = [python, "-B", "-c", LIST, str(bundle.resolve())]
        listed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=place).stdout
    found: list[dict[str, Any]] = json.loads(listed)
    return sorted((item for item in found if item["name"] not in TOOLS), key=lambda item: -item["bytes"])


def bundle_bytes(bundle: Path) -> int:
    """Counts the bytes of the files that one deployed variant needs: all but the other models."""
    from edgetext.runtime.bundle import open_bundle

    manifest = open_bundle(bundle).manifest
    others = {variant.file for variant in manifest.variants} - {manifest.variant().file}
    return sum(
        file.stat().st_size
        for file in bundle.rglob("*")
        if file.is_file() and file.relative_to(bundle).as_posix() not in others
    )


def main() -> None:
    """Measures, and writes it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    threads = usable_threads()
    document = {
        "environment": capture_environment(threads),
        "bundle_bytes": bundle_bytes(arguments.bundle),
        "packages": packages(arguments.bundle),
    }
    write_json(arguments.output, document)


if __name__ == "__main__":
    main()
