"""Bytes of a text file -> text, or an error that names the byte."""

from __future__ import annotations

import codecs
from pathlib import Path

from edgetext.errors import DataError

# The longer mark first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ADVICE = "save it as UTF-8 (for example with  iconv -f WINDOWS-1252 -t UTF-8)"


def read_text(path: Path) -> str:
    """Reads a text file in UTF-8, or in what its byte order mark says.

    Raises:
        DataError: The file is empty, cannot be read, or its bytes are not text in that encoding.
    """
    content = read_bytes(path)
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: byte {error.start} is not {encoding.removesuffix('-sig').upper()}, "
            f"and no other encoding can be told from the file: {_ADVICE}"
        ) from None
    _refuse_binary(path, text)
    return text


def read_bytes(path: Path) -> bytes:
    """Reads a file that must hold something.

    Raises:
        DataError: The file is empty or cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): check its permissions") from error
    if not content.strip():
        raise DataError(f"{path}: the file is empty; expected labelled texts, one a row")
    return content


def _refuse_binary(path: Path, text: str) -> None:
    """Refuses NUL in the first line: UTF-16 without its mark, or no text file; later ones are faults of a row."""
    first_line = text.partition("\n")[0]
    if "\0" in first_line:
        at = len(first_line.partition("\0")[0].encode("utf-8"))
        raise DataError(
            f"{path}: byte {at} is NUL, so this is no text, or UTF-16 without a byte order mark: save it as UTF-8"
        )
