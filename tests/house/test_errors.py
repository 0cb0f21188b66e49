"""The tree of errors, and that what a message recommends exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import edgetext
from edgetext import errors
from edgetext.errors import needs_extra as missing

ROOT = Path(__file__).parents[2]


def test_exit_codes_follow_the_kind_of_error():
    codes = {name: getattr(errors, name).exit_code for name in edgetext.__all__ if name.endswith("Error")}
    assert codes == {
        "BundleError": 2,
        "DataError": 2,
        "EdgetextError": 1,
        "GateRefusedError": 3,
        "InputError": 2,
        "IntegrityError": 2,
        "MissingExtraError": 2,
        "ModelError": 2,
        "OutputExistsError": 2,
        "WriteError": 2,
    }


def test_a_missing_package_becomes_the_line_that_installs_it():
    with pytest.raises(errors.MissingExtraError, match=r'pip install "edgetext\[demo\]"') as found, missing("demo"):
        import no_such_package_anywhere.inside  # noqa: F401
    assert (found.value.extra, found.value.package) == ("demo", "no_such_package_anywhere")
    assert isinstance(found.value, ImportError)


def test_a_broken_import_of_our_own_is_not_disguised():
    with pytest.raises(ModuleNotFoundError, match=r"edgetext\.nowhere"), missing("demo"):
        import edgetext.nowhere  # noqa: F401


def test_every_extra_that_the_code_names_exists():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    named = {
        name
        for file in (ROOT / "src").rglob("*.py")
        for name in re.findall(r'needs_extra\("(\w+)"\)|MissingExtraError\("(\w+)"', file.read_text("utf-8"))
    }
    assert {one or other for one, other in named} <= set(extras)


def test_exported_names_are_sorted_and_there():
    assert edgetext.__all__ == sorted(edgetext.__all__)
    assert all(hasattr(edgetext, name) for name in edgetext.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        edgetext.nothing  # noqa: B018
