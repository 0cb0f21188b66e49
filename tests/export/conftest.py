"""The classifier that the gate's tests damage."""

from __future__ import annotations

import pytest

from hard_model import make_hard_model


@pytest.fixture(scope="session")
def hard_model(tiny_base, tmp_path_factory):
    """Gives an exported tiny classifier and 1,500 held-out texts that are close calls; do not change it."""
    return make_hard_model(tiny_base, tmp_path_factory.mktemp("hard"))
