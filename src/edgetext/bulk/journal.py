"""The unfinished output beside its target, with a note of how far it is good: what ``--resume`` goes on from.

Beside ``out.csv`` stand, while the work lasts, ``.out.csv.unfinished`` (rows) and ``.out.csv.unfinished.json``
(the note). Rows are written first, then the note is replaced as a whole; whatever stands after the length that
the note gives is cut off when the work goes on, so that a process killed at any moment loses and repeats no row.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, TypedDict

from edgetext.errors import InputError
from edgetext.fields import Count, read_part
from edgetext.files import lock, open_own, sha256, write_json
from edgetext.reading import MAX_RECORD_BYTES, parse_json

if TYPE_CHECKING:
    from edgetext.runtime.predictor import Predictor

FORMAT_VERSION = 1
BEGIN_AGAIN = "begin again with --overwrite, without --resume"
_HEAD_BYTES = 1 << 20


class Job(TypedDict, total=False):
    """What must be the same when the work goes on: input, bundle, and the options that decide the answers."""

    input: Mapping[str, Any] | None
    bundle: Mapping[str, Any]
    options: Mapping[str, Any]


@dataclass
class Note:
    """How far the work has come.

    Attributes:
        job: What must be the same when it goes on: the input, the bundle, the options.
        read: Rows of the input that are dealt with, broken ones included.
        rejected: How many of them were broken.
        columns: Columns of the input, where the output has a header.
        lengths: Bytes that are good of the side file of ``output``, and of ``rejects``.
        placing: Whether all is done, and the files are being renamed.
        format_version: Of this note.
    """

    job: Annotated[Mapping[str, Any], Job]
    read: Count
    rejected: Count
    columns: tuple[str, ...] | None
    lengths: dict[str, Count]
    placing: bool = False
    format_version: int = FORMAT_VERSION

    def disagreement(self) -> str:
        """Says where it is not whole."""
        if self.rejected > self.read:
            return f"{self.rejected} of {self.read} rows were broken"
        return "" if self.format_version == FORMAT_VERSION else f"it is of version {self.format_version}"


class Journal:
    """The side files of one output.

    Args:
        output: What will appear.
        rejects: What will appear beside it, where broken rows are set aside.
    """

    def __init__(self, output: Path, rejects: Path | None) -> None:
        self.output = output
        self.targets = {"output": output, **({"rejects": rejects} if rejects else {})}
        self._note_file = side_file(output).with_suffix(".unfinished.json")
        self._streams: dict[str, IO[bytes]] = {}

    @property
    def side(self) -> Path:
        """The side file of the output."""
        return side_file(self.output)

    @property
    def whole(self) -> Path:
        """The finished output under another name: Parquet can be written only when all rows are known."""
        if self.output.suffix.lower() != ".parquet":
            return self.side
        return self.side.with_name(f"{self.side.name}.parquet")

    def note(self) -> Note | None:
        """Reads the note of an earlier run, if there is one.

        Raises:
            InputError: It is damaged.
        """
        try:
            with open_own(self._note_file) as stream:
                value = parse_json(stream.read(MAX_RECORD_BYTES), str(self._note_file))
            note = read_part(Note, value, str(self._note_file))
        except FileNotFoundError:
            return None
        except InputError as error:
            raise InputError(f"{error}: {BEGIN_AGAIN}") from None
        headless = self.output.suffix.lower() == ".csv" and note.columns is None and note.lengths.get("output")
        if headless or value.keys() != {field.name for field in fields(Note)}:
            raise InputError(f"{self._note_file} is damaged: {BEGIN_AGAIN}")
        return note

    def begin(self, note: Note) -> None:
        """Starts the side files afresh."""
        for role in self.targets:
            self._open(role).truncate(0)
        self.commit(note)

    def go_on(self, note: Note) -> None:
        """Opens the side files of an earlier run, and cuts off what was written after its note.

        Raises:
            InputError: One of them is missing or shorter than the note says.
        """
        for role, target in self.targets.items():
            length = note.lengths.get(role, 0)
            side = side_file(target)
            if length and (not side.is_file() or side.stat().st_size < length):
                raise InputError(f"{side} is not what the earlier run left: {BEGIN_AGAIN}")
            stream = self._open(role)
            stream.truncate(length)
            stream.seek(length)

    def write(self, role: str, text: str) -> None:
        """Adds to the side file of ``output`` or of ``rejects``."""
        self._streams[role].write(text.encode("utf-8"))

    def commit(self, note: Note) -> None:
        """Makes sure that all that was written stays, and says so in the note."""
        for role, stream in self._streams.items():
            stream.flush()
            os.fsync(stream.fileno())
            note.lengths[role] = stream.tell()
        write_json(self._note_file, asdict(note))

    def place(self, note: Note) -> None:
        """Renames everything to its target; done again after an interruption, it does the rest."""
        note.placing = True
        self.commit(note)
        self.close()
        for role, target in self.targets.items():
            source = self.whole if role == "output" else side_file(target)
            if source.exists():
                source.replace(target)
        self.discard()

    def leftover(self) -> Path | None:
        """Finds a side file of an earlier run, if there is one."""
        return next((path for path in (self._note_file, self.side) if os.path.lexists(path)), None)

    def discard(self) -> None:
        """Removes the side files, as far as that is possible: the error that led here is the one to tell."""
        self.close()
        for path in (*map(side_file, self.targets.values()), self.whole, self._note_file):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Closes the side files; what was written since the last commit may be lost, and on a full disk is."""
        while self._streams:
            with suppress(OSError):
                self._streams.popitem()[1].close()

    def _open(self, role: str) -> IO[bytes]:
        side = side_file(self.targets[role])
        stream = open_own(side, write=True)
        self._streams[role] = stream
        lock(stream, side)
        return stream


def side_file(target: Path) -> Path:
    """Names the file that stands for a target while it is unfinished."""
    return target.with_name(f".{target.name}.unfinished")


def input_identity(path: Path) -> dict[str, Any]:
    """Returns size, time of the last change, and SHA-256 of the first megabyte: cheap, whatever the size."""
    try:
        facts = path.stat()
        with path.open("rb") as stream:
            head = hashlib.sha256(stream.read(_HEAD_BYTES)).hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    return {"bytes": facts.st_size, "mtime_ns": facts.st_mtime_ns, "head_sha256": head}


def bundle_identity(classify: Predictor) -> dict[str, str]:
    """Returns the model's name and SHA-256, and a digest of all else that the answers depend on."""
    manifest, variant, first = classify.manifest, classify.variant, classify.manifest.first_stage
    tokenizer = manifest.files.get("tokenizer.json") or sha256(classify.path / "tokenizer.json")
    rest: list[Any] = [manifest.task, asdict(classify.task), manifest.max_length, tokenizer]
    rest += [first.sha256, first.margin, first.withheld] if first else []
    digest = hashlib.sha256(json.dumps(rest).encode()).hexdigest()
    return {
        "variant": variant.name,
        "sha256": variant.sha256 or sha256(classify.path / variant.file),
        "rest_sha256": digest,
    }


def refuse_other_job(old: Mapping[str, Any], new: Mapping[str, Any], side: Path) -> None:
    """Raises if a run that is to go on was begun with something else.

    Raises:
        InputError: It was; the message names the first difference.
    """
    for part in ("input", "bundle"):
        if old.get(part) != new[part]:
            raise InputError(f"{side} was begun with another {part}, or it has changed: {BEGIN_AGAIN}")
    before, now = old.get("options", {}), new["options"]
    for name, value in now.items():
        began = before.get(name)
        if began != value and not (name == "rejects" and began is None):
            said = "without it" if began is None else "with it" if began is True else f"with {began}"
            raise InputError(
                f"--{name} differs from the run that is to go on, which was begun {said}: give the same"
            )
