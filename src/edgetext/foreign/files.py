"""Where a file of a folder that others made may lie, and what only stands in for one; standard library only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgetext.errors import ModelError
from edgetext.reading import MAX_RECORD_BYTES, read_object

_POINTER = b"version https://git-lfs.github.com/spec/"  # https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_MOST_POINTER_BYTES = 1024


def home(folder: Path) -> Path:
    """Finds the folder that files may lie in: in the Hub's cache, snapshots are links to blobs beside them."""
    if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--"):
        return folder.parent.parent
    return folder


def is_lfs_pointer(file: Path) -> bool:
    """Tells whether a file is the few lines that Git leaves where Git LFS did not fetch what they name."""
    if file.stat().st_size > _MOST_POINTER_BYTES:
        return False
    with file.open("rb") as stream:
        return stream.read(len(_POINTER)) == _POINTER


def find_file(folder: Path, name: str) -> Path | None:
    """Finds a file of a folder, or ``None`` where it is not there.

    Raises:
        ModelError: It is no regular file, a link that leaves the folder (and is none of the Hub's cache), or a Git
            LFS pointer.
    """
    file = folder / name
    try:
        place = file.resolve(strict=True)
        if not place.is_relative_to(home(folder.resolve())):
            raise ModelError(f"{file} is a link that leaves its folder: copy the file into it")
        if not place.is_file():
            raise ModelError(f"{file} is no regular file")
        if is_lfs_pointer(place):
            raise ModelError(
                f"{file} is a Git LFS pointer, not the file itself ({_what(name)}): fetch it with 'git lfs pull'"
            )
    except FileNotFoundError:
        if file.is_symlink():
            raise ModelError(f"{file} is a link to nothing: copy the file into the folder") from None
        return None
    except (OSError, RuntimeError) as error:  # links in a circle, a folder that may not be read
        raise ModelError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return place


def read_found(folder: Path, name: str) -> dict[str, Any] | None:
    """Reads a JSON file of a folder that must hold an object, ``None`` where it is not there.

    Raises:
        ModelError: As for ``find_file`` and ``reading.read_object``.
    """
    return read_object(folder / name, limit=MAX_RECORD_BYTES, error=ModelError) if find_file(folder, name) else None


def _what(name: str) -> str:
    return "no weights" if name.endswith(".safetensors") else "its content is elsewhere"
