"""Keeps the chatter of the export libraries off the user's terminal; their errors still come as exceptions."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Silences warnings and logs inside the block.

    Tracing warns of constants that are meant to be constant, and the quantizer of a step that these graphs do not
    need; both report each pass.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
