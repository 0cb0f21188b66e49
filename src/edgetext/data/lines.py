"""Bytes of a text file -> lines, in the encoding that its bytes show; never in memory as a whole.

A byte order mark decides. Without one it is UTF-16 where every other byte of the beginning is NUL, else UTF-8, else
Windows-1252 (which holds Latin-1) where the bytes read as a Western language would be: any bytes at all can be
decoded as Windows-1252, and Cyrillic or Polish would come out as other letters.
"""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from edgetext.data.packed import open_bytes
from edgetext.errors import DataError

LONGEST_LINE = 32 << 20
"""Characters of a line, or of the lines that quotes hold together: 128 MB in memory at most."""
_MOST_SKIPPED = 32  # pieces of that length, before a line is taken for one that never ends
_EVIDENCE_BYTES = 8 << 20
_SHOWN_OF_LONG = 200

# The longer mark first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SHOWN = {"utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32": "UTF-32"}
_WESTERN = "cp1252"
_OTHER_KINDS = (
    (b"\x1f\x8b", "is compressed with gzip: end its name in .gz, or unpack it (gunzip)"),
    (b"BZh", "is compressed with bzip2: unpack it first (bunzip2)"),
    (b"\x28\xb5\x2f\xfd", "is compressed with Zstandard: unpack it first (unzstd)"),
    (b"\xfd7zXZ\0", "is compressed with xz: unpack it first (unxz)"),
    (
        b"PK\x03\x04",
        "is a ZIP archive, as Excel's workbooks are too: give a workbook the suffix .xlsx, and unpack others",
    ),
    (b"\xd0\xcf\x11\xe0", "is an old workbook or a document of Microsoft Office: save the sheet as .xlsx or CSV"),
    (b"PAR1", "is Parquet: give it the suffix .parquet"),
    (b"%PDF-", "is a PDF document: expected rows of text"),
    (b"SQLite format 3\0", "is an SQLite database: write its table to CSV"),
    (b"version https://git-lfs", "is a Git LFS pointer, not the data: fetch it with  git lfs pull"),
    (b"<!DOCTYPE", "is a web page, not the data: was its download refused?"),
    (b"<!doctype", "is a web page, not the data: was its download refused?"),
    (b"<html", "is a web page, not the data: was its download refused?"),
)
_ADVICE = "save it as UTF-8 (for example with  iconv -f WINDOWS-1252 -t UTF-8)"
# Four accented letters in a row, as all of Cyrillic or Greek looks; signs that are right between words and wrong
# inside of them, where they stand for letters of Polish or Turkish; and a capital letter after a small one, as the
# letters of old Macintosh files look.
_NO_WESTERN_WORD = re.compile(
    "[À-ÖØ-öø-ÿ]{4}"
    "|[A-Za-zÀ-ÖØ-öø-ÿ][‚„†‡ˆ‰‹›˜¸¨¯¡¢£¤¥¦§©ª¬®±²³¶¹º¿¼½¾][a-zà-öø-ÿ]"
    "|[a-zà-öø-ÿ][ŠŒŽŸÀ-ÖØ-Þ](?![A-ZÀ-ÖØ-Þ])"
)
_MOST_ACCENTS = 1 / 3  # of the letters of the sample; Vietnamese has less, Cyrillic and Greek have nearly only such


@dataclass(frozen=True)
class Encoding:
    """How the bytes of a file become lines.

    Attributes:
        codec: Python's name of it.
        newline: What ends a line: a line feed, or a carriage return in a file that has no line feed.
    """

    codec: str
    newline: str = "\n"

    @property
    def note(self) -> str:
        """What a user should know of it; empty for UTF-8, which everybody expects."""
        if self.codec == _WESTERN:
            return "read as Windows-1252 (Latin-1), since it is not UTF-8: see that its accents are right"
        return f"read as {_SHOWN[self.codec]}" if self.codec in _SHOWN else ""


@dataclass(frozen=True, slots=True)
class Line:
    r"""One line.

    Attributes:
        number: From 1 on.
        text: With its end; bytes that are no text in the file's encoding appear as ``\xNN``.
        fault: Why the text is not what the line holds; empty for a good line.
    """

    number: int
    text: str
    fault: str = ""


class Lines:
    """The lines of a stream of bytes.

    Args:
        stream: The bytes; it is left open.
        name: What to call it in messages.
        position: Says how many bytes have been read, where the stream's own position does not.

    Raises:
        DataError: It is compressed, or of another kind that is no text; or its mark does not fit its bytes.
    """

    def __init__(self, stream: IO[bytes], name: str, position: Callable[[], int] | None = None) -> None:
        self._bytes: Any = stream if hasattr(stream, "peek") else io.BufferedReader(stream)
        self._name = name
        self._position = position
        self.encoding = find_encoding(*_head(self._bytes), name)

    def position(self) -> int:
        """Says how many bytes have been read, to a few thousand; 0 for a stream that cannot tell."""
        if self._position is not None:
            return self._position()
        return self._bytes.tell() if self._bytes.seekable() else 0

    def __iter__(self) -> Iterator[Line]:
        """Reads a line at a time.

        Raises:
            DataError: The bytes are not in the encoding that they began in, and no line can be made of them.
        """
        codec = self.encoding.codec
        marked = codec in _SHOWN  # there a wrong byte shifts all that follow, so that nothing can be shown of it
        text = io.TextIOWrapper(
            self._bytes,
            encoding=codec,
            errors="strict" if marked else "surrogateescape",
            newline=self.encoding.newline,
        )
        try:
            number = 0
            while raw := text.readline(LONGEST_LINE):
                number += 1
                if len(raw) == LONGEST_LINE and not raw.endswith(self.encoding.newline):
                    self._skip(text)
                    yield Line(number, f"{raw[:_SHOWN_OF_LONG]}...\n", _TOO_LONG)
                else:
                    yield _line(number, raw, codec)
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self._name}: after line {number}: {error.reason}, expected {_SHOWN[codec]}: {_ADVICE}"
            ) from None
        finally:
            with suppress(ValueError):  # it was closed while lines were left
                text.detach()

    def _skip(self, text: IO[str]) -> None:
        for _ in range(_MOST_SKIPPED):
            raw = text.readline(LONGEST_LINE)
            if not raw or raw.endswith(self.encoding.newline):
                return
        raise DataError(f"{self._name} holds a line of over {_MOST_SKIPPED * LONGEST_LINE:,} characters: no text")


_TOO_LONG = f"the line is longer than {LONGEST_LINE:,} characters"


def open_lines(path: Path) -> tuple[IO[bytes], Lines]:
    """Opens a file; the caller closes the stream.

    Raises:
        DataError: It is missing, no regular file, empty, or no text.
    """
    stream, position = open_bytes(path)
    try:
        return stream, Lines(stream, str(path), position)
    except BaseException:
        stream.close()
        raise


def find_encoding(head: bytes, whole: bool, name: str) -> Encoding:
    """Tells the encoding of a file by its beginning.

    Args:
        head: The beginning.
        whole: Whether that is all; else a letter may be cut in two at its end.
        name: What to call the file in messages.

    Raises:
        DataError: It is of another kind that is no text, or its byte order mark does not fit its bytes.
    """
    for begin, what in _OTHER_KINDS:
        if head.startswith(begin):
            raise DataError(f"{name} {what}")
    codec = next((codec for mark, codec in _MARKS if head.startswith(mark)), None) or _without_mark(head, whole)
    if codec in _SHOWN:
        try:
            text = codecs.getincrementaldecoder(codec)().decode(head, final=whole)
        except UnicodeDecodeError as error:
            raise DataError(f"{name}: byte {error.start} is not {_SHOWN[codec]}: {_ADVICE}") from None
    else:
        text = head.decode("latin-1")
    return Encoding(codec, "\r" if "\r" in text and "\n" not in text else "\n")


def _head(stream: Any) -> tuple[bytes, bool]:
    """Returns the beginning without taking it, or what has come so far of a pipe; and whether it is all."""
    if not stream.seekable():
        return stream.peek(1), False
    head = stream.read(_EVIDENCE_BYTES)
    stream.seek(-len(head), io.SEEK_CUR)
    return head, len(head) < _EVIDENCE_BYTES


def _without_mark(head: bytes, whole: bool) -> str:
    if wide := _wide(head[:4096]):
        return wide
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
        return "utf-8"
    except UnicodeDecodeError:
        text = head.decode("utf-8", "surrogateescape")
    wrong = sum("\udc80" <= letter <= "\udcff" for letter in text)
    right = sum(letter > "\x7f" for letter in text) - wrong
    return _WESTERN if not right and _reads_western(head) else "utf-8"


def _wide(head: bytes) -> str:
    """Tells UTF-16 without a mark: Western text has a NUL in every other byte, and none in the others."""
    first, second = head[::2].count(0), head[1::2].count(0)
    if second > len(head) // 4 and not first:
        return "utf-16-le"
    return "utf-16-be" if first > len(head) // 4 and not second else ""


def _reads_western(head: bytes) -> bool:
    try:
        text = head.decode(_WESTERN)
    except UnicodeDecodeError:
        return False
    odd = [letter for letter in text if letter > "\x7f"]
    letters = sum(letter.isalpha() for letter in text)
    accented = sum(letter.isalpha() for letter in odd)
    return (
        "ÿ" not in odd  # the byte 255, which broken files hold and hardly any language writes
        and not any(unicodedata.category(letter) == "Cc" and letter not in "\t\n\r\f" for letter in text)
        and accented <= _MOST_ACCENTS * letters
        and _NO_WESTERN_WORD.search(text) is None
    )


def _line(number: int, raw: str, codec: str) -> Line:
    if raw.isascii():
        return Line(number, raw)
    try:
        raw.encode("utf-8")  # a byte that is no text became half of a surrogate pair
    except UnicodeEncodeError:
        plain = codec.removesuffix("-sig")
        content = raw.encode(plain, "surrogateescape")
        return Line(number, content.decode("utf-8", "backslashreplace"), _fault(content, plain))
    return Line(number, raw)


def _fault(content: bytes, codec: str) -> str:
    """Says where a line with a wrong byte has its first one."""
    try:
        content.decode(codec)
    except UnicodeDecodeError as error:
        expected = "Windows-1252" if codec == _WESTERN else "UTF-8"
        return f"{error.reason} at byte {error.start}: expected {expected}"
    return ""
