"""A file of a bundle: found in its folder, wherever links lead, and held open from its checksum to its use."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from edgetext.errors import BundleError, IntegrityError
from edgetext.foreign.files import home, is_lfs_pointer
from edgetext.reading import MAX_MODEL_BYTES, irregular, open_regular
from edgetext.runtime.manifest import check_inside


def place_in(folder: Path, relative: str) -> Path:
    """Finds a file of a bundle, with all links followed.

    Args:
        folder: The bundle's.
        relative: Path inside the bundle, with forward slashes.

    Raises:
        BundleError: There is no such file, something else stands there, or it lies outside the folder.
    """
    try:
        place = (folder / check_inside(relative)).resolve(strict=True)
        kind = irregular(place.stat().st_mode)
    except (OSError, RuntimeError):  # missing, too long a name, or links in a circle
        raise BundleError(
            f"{folder} is damaged: the file {relative:.200} is missing; copy or export it again"
        ) from None
    if not place.is_relative_to(home(folder.resolve())):
        raise BundleError(f"{folder / relative} is a link that leaves the bundle's folder: copy the file into it")
    if kind:
        raise BundleError(f"{folder} is damaged: {relative:.200} is {kind}, and a file must stand there")
    if is_lfs_pointer(place):
        raise BundleError(f"{folder / relative} is a Git LFS pointer, not the file: fetch it with 'git lfs pull'")
    return place


class Held:
    """An open file, that everything is read from; onnxruntime alone must be given its name.

    Args:
        path: The file.
        limit: The largest size to accept, in bytes.

    Raises:
        BundleError: It cannot be opened, is no regular file, is empty, or larger.
    """

    def __init__(self, path: Path, limit: int = MAX_MODEL_BYTES) -> None:
        self.path = path
        self._stream = open_regular(path, error=BundleError)
        self.identity = _identity(self._stream.fileno())
        size = os.fstat(self._stream.fileno()).st_size
        if not 0 < size <= limit:
            self.close()
            raise BundleError(f"{path} is damaged: it {'is larger than any model' if size else 'is empty'}")

    @contextmanager
    def mapped(self) -> Iterator[mmap.mmap]:
        """Maps its content until the block's end, since pages that are mapped twice count twice."""
        with self.map() as content:
            yield content

    def map(self) -> mmap.mmap:
        """Maps its content for as long as anybody uses it; the file itself may be closed before."""
        return mmap.mmap(self._stream.fileno(), 0, access=mmap.ACCESS_READ)

    def sha256(self) -> str:
        """Computes its digest in one go over its pages, which leaves the interpreter to the tokenizer's thread."""
        with self.mapped() as content:
            return hashlib.sha256(content).hexdigest()

    def check_unchanged(self) -> None:
        """Raises unless its name still stands for this very file, with the content that it had when it was opened.

        Raises:
            BundleError: Nothing that can be opened has its name any more.
            IntegrityError: Another file has, or it was written to.
        """
        with open_regular(self.path, error=BundleError) as now:
            if _identity(now.fileno()) != self.identity:
                raise IntegrityError(
                    f"{self.path} was changed or replaced while it was loaded: open the bundle again"
                )

    def close(self) -> None:
        """Closes it; again does nothing."""
        self._stream.close()


class HeldModel:
    """The files of one model, held open until it is loaded; use it in a ``with`` block.

    Attributes:
        graph: The ONNX file, or the table of word vectors.
        weights: The files beside it that it reads weights from.
    """

    def __init__(self, graph: Held) -> None:
        self.graph = graph
        self.weights: list[Held] = []

    def add(self, weights: Held) -> Held:
        """Adds a file with weights, and gives it back."""
        self.weights.append(weights)
        return weights

    def check_unchanged(self) -> None:
        """As ``Held.check_unchanged``, for each of the files."""
        for held in self._all():
            held.check_unchanged()

    def check_same(self, other: HeldModel) -> None:
        """Raises unless these are the files of another model, untouched since that one's were opened.

        Raises:
            IntegrityError: They are others, or were written to.
        """
        if [held.identity for held in self._all()] != [held.identity for held in other._all()]:
            raise IntegrityError(f"{self.graph.path} was changed or replaced since it was loaded: open it again")

    def close(self) -> None:
        """Closes them."""
        for held in self._all():
            held.close()

    def _all(self) -> tuple[Held, ...]:
        return (self.graph, *self.weights)

    def __enter__(self) -> HeldModel:
        """Returns itself, to be closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes it."""
        self.close()


def _identity(descriptor: int) -> tuple[int, ...]:
    """Collects what changes when another file gets the name, or somebody writes to this one or renames it."""
    found = os.fstat(descriptor)
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
