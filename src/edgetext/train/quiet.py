"""Keeps the chatter of transformers and datasets away while a model is trained; our own notes say what matters."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from edgetext.errors import needs_extra


@contextmanager
def quiet() -> Iterator[None]:
    """Lets both speak of errors only and draw no bars, and gives them their voices back afterwards."""
    with needs_extra("train"):
        from datasets.utils import logging as datasets_logging
        from transformers.utils import logging as transformers_logging
    voices = (datasets_logging, transformers_logging)
    before = [(voice, voice.get_verbosity(), voice.is_progress_bar_enabled()) for voice in voices]
    try:
        for voice in voices:
            voice.set_verbosity_error()
            voice.disable_progress_bar()
        with warnings.catch_warnings():
            # From removing old epochs: two that were saved within a second are told apart by their names instead.
            warnings.filterwarnings("ignore", message="mtime may not be reliable", category=UserWarning)
            yield
    finally:
        for voice, level, bars in before:
            voice.set_verbosity(level)
            if bars:
                voice.enable_progress_bar()
