"""``--text-model`` in an export: refused before the search where it cannot be, left out after it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgetext.errors import ModelError
from edgetext.progress import Progress
from edgetext.runtime.bundle import write_manifest
from edgetext.runtime.manifest import Manifest


def check_tokenizer(folder: Path) -> None:
    """Refuses a tokenizer that has no operator, before a search is spent on it.

    Raises:
        ModelError: onnxruntime-extensions has no operator for it.
    """
    from edgetext.export.text.tokenizing import tokenizing_graph  # loads onnxruntime-extensions

    tokenizing_graph(folder)


def with_text_model(folder: Path, manifest: Manifest, texts: Sequence[str], progress: Progress) -> Manifest:
    """Adds the text model to a finished bundle, and to its manifest; a text that it gets wrong leaves it out.

    Args:
        folder: The bundle.
        manifest: As written.
        texts: Held-out texts to compare on.
        progress: Told why there is no text model.

    Returns:
        The manifest as written.
    """
    from edgetext.export.text_model import add_text_model

    try:
        return write_manifest(folder, add_text_model(folder, manifest, texts))
    except ModelError as error:
        progress.note(str(error))
        return manifest
