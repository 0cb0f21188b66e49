"""What the system refuses while something is written, told in a sentence: a full disk, a folder that is closed."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgetext.errors import EdgetextError, WriteError

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_REASONS = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the quota of the disk is used up",
    errno.EFBIG: "the file is larger than the disk or a limit allows",
    errno.EIO: "the disk reports an error",
    errno.EROFS: "the file system is read-only",
}
# Rust and pyarrow give the number in words of their own, onnxruntime the system's words alone.
_NUMBER = re.compile(r"\(os error (\d+)\)|\[errno (\d+)\]", re.IGNORECASE)
_FULL_BYTES = 1 << 16  # a disk with less is full to everybody: the write that failed took the rest


@contextmanager
def tell_failed_writes(target: Path, needs: str = "") -> Iterator[None]:
    """Turns the failure of a write inside the block into a sentence, whichever library wrote.

    Of blocks inside one another the outermost tells: it knows the target that the user named.

    Args:
        target: What is being written.
        needs: How much space that takes, as a sentence.

    Raises:
        WriteError: The disk is full, read-only or broken.
    """
    try:
        yield
    except Exception as error:
        sentence = failed_write(error, target, needs)
        if sentence is None:
            raise
        raise WriteError(sentence) from error


def failed_write(error: BaseException, target: Path, needs: str = "") -> str | None:
    """Writes the sentence about a write that the system refused; ``None`` where the error is about something else.

    Args:
        error: What was raised.
        target: What was being written.
        needs: How much space that takes, as a sentence.
    """
    number = _error_number(error)
    place = _place(error, target)
    if number is None and _is_hidden(error, place):
        number = errno.ENOSPC
    if number is None:
        return None
    advice = "choose another --output"
    if number in _NO_SPACE:
        advice = f"free some, or {advice} (TMPDIR moves temporary files)"
    return f"{_REASONS[number]}, at {os.fspath(place)}: {needs + '; ' if needs else ''}{advice}"


def is_failed_write(error: BaseException) -> bool:
    """Says whether the system refused a write: no fault of what was being written."""
    return _error_number(error) is not None


def cannot_write(place: Path, error: OSError) -> WriteError:
    """Makes the error for a file or folder that cannot be made at all, such as for want of a permission.

    Args:
        place: The folder in which it was to be made.
        error: What the system said.
    """
    if error.errno in _REASONS:
        return WriteError(failed_write(error, place) or "")
    return WriteError(f"cannot write to {place}: {error.strerror or error}; choose another --output")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an error and those that it was raised for: the number often stands in the first of them only."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _error_number(error: BaseException) -> int | None:
    for one in _chain(error):
        if isinstance(one, OSError) and one.errno in _REASONS:
            return one.errno
        said = str(one)
        match = _NUMBER.search(said)
        if match and int(match[1] or match[2]) in _REASONS:
            return int(match[1] or match[2])
        for number in _NO_SPACE:
            if os.strerror(number).lower() in said.lower():
                return number
    return None


def _is_hidden(error: BaseException, place: Path) -> bool:
    """Says whether a library failed on a full disk without saying why, as torch does."""
    return not isinstance(error, EdgetextError | MemoryError) and _free(place) < _FULL_BYTES


def _place(error: BaseException, target: Path) -> Path:
    """Finds the folder whose disk it is about: the target's, or that of temporary files."""
    import tempfile  # here and below: a program that is well starts without them

    folder = _existing(target.absolute())
    try:
        temporary = Path(tempfile.gettempdir())
    except OSError:  # none can be written
        return folder
    names = [str(one.filename) for one in _chain(error) if isinstance(one, OSError) and one.filename is not None]
    if any(Path(name).is_relative_to(folder) for name in names):
        return target
    if any(Path(name).is_relative_to(temporary) for name in names):
        return temporary
    # On one disk two readings differ by what others write between them.
    apart = _existing(temporary).stat().st_dev != folder.stat().st_dev
    return temporary if apart and _free(temporary) < _free(folder) else target


def _existing(path: Path) -> Path:
    return next((folder for folder in (path, *path.parents) if folder.is_dir()), path)


def _free(path: Path) -> int:
    import shutil

    try:
        return shutil.disk_usage(_existing(path.absolute())).free
    except OSError:
        return 1 << 62
