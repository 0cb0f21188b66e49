"""Fills the marked blocks of the documentation from what they are about; run it as ``make docs``.

``<!-- tree -->`` becomes the tree of the package, with the first sentence of each file's docstring.
``<!-- results: FILE -->`` becomes the table of a recorded results file, with the machine and the date named.
``<!-- runtime: FILE -->`` becomes the tables of what ``benchmarks/runtime.py`` wrote.
Each block ends at the next ``<!-- end -->``; a test checks that running this changes nothing.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from edgetext.bench.report import table_lines
from edgetext.bench.results import read_results

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "edgetext"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_BLOCK = re.compile(r"(<!-- (tree|results: (\S+)|runtime: (\S+)) -->\n).*?(<!-- end -->)", re.DOTALL)
_WIDTH = 33  # of the column with the names


def filled(text: str) -> str:
    """Gives a page with its blocks filled."""

    def fill(found: re.Match[str]) -> str:
        lines = tree() if found[2] == "tree" else results(ROOT / found[3]) if found[3] else runtime(ROOT / found[4])
        return f"{found[1]}" + "".join(f"{line}\n" for line in lines) + found[5]

    return _BLOCK.sub(fill, text)


def tree() -> Iterator[str]:
    """Gives the package's folders and files, each with a comment."""
    yield "```"
    yield "src/edgetext/"
    yield from _branch(PACKAGE, depth=1)
    yield "```"


def results(file: Path) -> Iterator[str]:
    """Gives the machine, the data and the table of a results file."""
    found = read_results(file)
    environment = found.environment
    threads = "thread" if environment["threads"] == 1 else "threads"
    yield (
        f"{environment['cpu']}, {environment['threads']} {threads}, {str(environment['date'])[:10]}; "
        f"{found.data.rows} rows of {found.data.name} "
        f"([{file.name}]({file.relative_to(ROOT).as_posix()})):"
    )
    yield ""
    yield from table_lines(found)


def runtime(file: Path) -> Iterator[str]:
    """Gives the figures and the ratios that ``benchmarks/runtime.py`` recorded."""
    found = json.loads(file.read_text("utf-8"))
    environment = found["environment"]
    turns = len(found["programs"][0]["p50_ms"])
    yield f"{environment['cpu']}, {environment['threads']} threads, {str(environment['date'])[:10]}; {turns} turns:"
    yield ""
    yield "| program | first prediction, ms | p50, ms | texts/s in bulk | memory after the first, MB |"
    yield "|---|---:|---:|---:|---:|"
    for program in found["programs"]:
        figures = (median(program[name]) for name in ("first_ms", "p50_ms", "texts_per_s", "first_mb"))
        yield "| {} | {:.0f} | {:.3f} | {:.0f} | {:.0f} |".format(program["name"], *figures)
    yield ""
    yield "| edgetext against | first prediction | p50 | bulk (`throughput`) |"
    yield "|---|---|---|---|"
    for name, ratios in found["ratios"].items():
        yield "| {} | {} | {} | {} |".format(
            name, *(_ratio(ratios[kind]) for kind in ("first prediction", "p50", "bulk"))
        )
    grown = found["stream"]
    yield ""
    yield f"A stream of {grown['lines']:,} lines made the peak memory grow by {grown['grown_mb']:.0f} MB."


def _ratio(found: dict[str, float]) -> str:
    return f"{found['median']:.2f}× ({found['low']:.2f} to {found['high']:.2f})"


def _branch(folder: Path, depth: int) -> Iterator[str]:
    entries = [entry for entry in folder.iterdir() if entry.name not in ("__pycache__", "py.typed", "__init__.py")]
    if depth == 1:
        yield _leaf("__init__.py", _comment(folder / "__init__.py"), depth)
    for entry in sorted(entries, key=lambda entry: (entry.is_dir(), entry.name)):
        if entry.is_dir():
            start = entry / "__init__.py"
            yield _leaf(f"{entry.name}/", _comment(start) if start.exists() else "", depth)
            yield from _branch(entry, depth + 1)
        elif entry.suffix == ".py":
            yield _leaf(entry.name, _comment(entry), depth)


def _leaf(name: str, comment: str, depth: int) -> str:
    return (f"{'  ' * depth}{name}".ljust(_WIDTH) + comment).rstrip()


def _comment(file: Path) -> str:
    docstring = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    first = " ".join(docstring.partition("\n\n")[0].split())
    return first.partition(". ")[0].replace("``", "").rstrip(".")


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text("utf-8")), "utf-8")
