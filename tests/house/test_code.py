"""What holds for all of the code: a class has a name of its own, a docstring says what a thing does for callers."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "edgetext"
TREES = {path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")}


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    for file, tree in sorted(TREES.items()):
        yield from ((file, node) for node in ast.walk(tree) if isinstance(node, kinds))


def test_class_names_are_unique() -> None:
    names = Counter(node.name for _, node in nodes(ast.ClassDef))  # type: ignore[attr-defined]
    assert [name for name, count in names.items() if count > 1] == []


def test_no_docstring_begins_with_gives() -> None:
    documented = nodes(ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    assert [file for file, node in documented if (ast.get_docstring(node) or "").startswith("Gives")] == []  # type: ignore[arg-type]
