"""Files packed with gzip, read as if they were not; bounded whatever they unpack to."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO

from edgetext.errors import DataError
from edgetext.reading import open_regular

SUFFIX = ".gz"
MOST_EXPANSION = 200
"""How many times its own size a file may unpack to: texts pack to a fifth, a log that repeats to a hundredth."""
FREE_BYTES = 64 << 20
"""What any file may unpack to."""
_AT_A_TIME = 1 << 20


class _Unpacked(io.RawIOBase):
    """The bytes that a packed file holds, once, from its beginning to its end."""

    def __init__(self, packed: BinaryIO, path: Path) -> None:
        self._packed = packed
        self._path = path
        self._bytes = gzip.GzipFile(fileobj=packed)
        self._size = path.stat().st_size
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            count = self._bytes.readinto(buffer)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{self._path}: not readable as gzip ({error}): is it whole?") from None
        self._given += count
        refuse_bomb(self._path, self._given, FREE_BYTES + MOST_EXPANSION * self._size)
        return count

    def position(self) -> int:
        return self._packed.tell()

    def close(self) -> None:
        self._packed.close()
        super().close()


def refuse_bomb(path: Path, held: int, most: int) -> None:
    """Refuses a file that holds far more than its size allows.

    Args:
        path: The file.
        held: How many bytes were found in it so far.
        most: How many it may hold.

    Raises:
        DataError: It holds more.
    """
    if held > most:
        size = path.stat().st_size
        raise DataError(
            f"{path}: {size:,} bytes hold {held:,} or more, which no file of texts does: do not use this file"
        )


def is_packed(path: Path) -> bool:
    """Says whether a file's name ends as one that is packed."""
    return path.suffix.lower() == SUFFIX


def format_suffix(path: Path) -> str:
    """Finds the suffix that tells the format, in small letters: ``.csv`` of ``rows.CSV.gz``."""
    return (Path(path.stem) if is_packed(path) else path).suffix.lower()


def open_bytes(path: Path) -> tuple[IO[bytes], Callable[[], int] | None]:
    """Opens a file to read its bytes from beginning to end, unpacked where it is packed.

    Returns:
        The stream, and what says how many bytes of a packed file have been read; ``None`` for one that is not.

    Raises:
        DataError: It cannot be opened. The stream raises it where the file is damaged, or unpacks to far more than
            its size allows.
    """
    stream = open_regular(path, error=DataError)
    if not is_packed(path):
        return stream, None
    unpacked = _Unpacked(stream, path)
    return io.BufferedReader(unpacked, _AT_A_TIME), unpacked.position


def open_seekable(path: Path) -> IO[bytes]:
    """Opens a file in which a reader jumps; what is packed is unpacked into a temporary file first.

    Raises:
        DataError: As for ``open_bytes``.
    """
    stream, _ = open_bytes(path)
    if not is_packed(path):
        return stream
    from tempfile import TemporaryFile  # here: predicting from other files must not wait for it

    with stream:
        whole = TemporaryFile()  # noqa: SIM115  the caller closes it
        try:
            while piece := stream.read(_AT_A_TIME):
                whole.write(piece)
            whole.seek(0)
        except BaseException:
            whole.close()
            raise
    return whole
