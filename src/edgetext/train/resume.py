"""The working folder of a training, beside its output: what ``--resume`` goes on from.

Beside ``checkpoint`` stands, while a training lasts, ``.checkpoint.training``: ``begun.json``, which says what was
begun, and the epochs as transformers' Trainer saves them. The Trainer keeps optimizer and random states by
``torch.save``. The folder is closed to other users, and these files are read with ``weights_only``, which runs no
code, before the Trainer sees them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from edgetext.data.example import Example
from edgetext.errors import InputError, ModelError, OutputExistsError, needs_extra
from edgetext.files import lock, open_own
from edgetext.ours import TRAINING, why_not_ours
from edgetext.progress import Progress
from edgetext.reading import MAX_JSON_BYTES, parse_json
from edgetext.stopping import undisturbed

BEGUN_FILE = "begun.json"
_STATE_FILE = "trainer_state.json"
_EPOCH = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True)
class Working:
    """A training's working folder.

    Attributes:
        path: Where the Trainer may write.
        last: The last epoch that is whole, to go on from; ``None`` at the beginning.
    """

    path: Path
    last: Path | None


def working_place(output: Path) -> Path:
    """Names the working folder of an output."""
    return output.absolute().with_name(f".{output.absolute().name}.training")


@contextmanager
def working_folder(
    output: Path, begun: Mapping[str, Any], progress: Progress, *, resume: bool
) -> Iterator[Working]:
    """Opens the working folder of a training, and removes it when the block ends; Ctrl-C leaves whole epochs.

    Args:
        output: What is to be made.
        begun: What must be the same when the training goes on, as JSON values.
        progress: Told of what was left and what becomes of it.
        resume: Whether to go on with what an interrupted training left.

    Raises:
        InputError: What was left was begun with something else.
        ModelError: What was left cannot be read.
        OutputExistsError: Another process is training for this output, or what stands there is not ours.
    """
    place = working_place(output)
    _refuse_strangers(place)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open_own(place / BEGUN_FILE, write=True) as stream:
        lock(stream, place)
        last = _go_on(place, stream, begun, progress) if resume else None
        if last is None:
            _begin(place, stream, begun, progress)
        try:
            yield Working(place, last)
        except KeyboardInterrupt:
            if kept := _last_epoch(place):
                progress.note(f"stopped: {_words(kept)} kept, and --resume goes on after that")
            else:
                _remove(place)
            raise
        except BaseException:
            _remove(place)
            raise
    _remove(place)


def digest(parts: Sequence[Sequence[Example]]) -> str:
    """Computes the SHA-256 of texts and labels, part by part."""
    found = hashlib.sha256()
    for part in parts:
        for example in part:
            found.update(json.dumps([example.text, example.labels]).encode())
        found.update(b"\n")
    return found.hexdigest()


def _go_on(place: Path, stream: IO[bytes], begun: Mapping[str, Any], progress: Progress) -> Path | None:
    content = stream.read(MAX_JSON_BYTES)
    last = _last_epoch(place)
    if not content or last is None:
        progress.note("no epoch of an earlier training is there to go on from: it begins at the first")
        return None
    try:
        before = parse_json(content, str(place / BEGUN_FILE))
    except InputError as error:
        raise ModelError(f"{error}: begin again without --resume") from None
    _refuse_other(place, before if isinstance(before, dict) else {}, json.loads(json.dumps(begun)))
    _refuse_pickles(last)
    progress.note(f"going on after {_words(last)} of an interrupted training")
    return last


def _begin(place: Path, stream: IO[bytes], begun: Mapping[str, Any], progress: Progress) -> None:
    if left := _last_epoch(place):
        progress.note(f"an interrupted training left {_words(left)}, now removed; --resume would have gone on")
    for entry in place.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
    stream.seek(0)
    stream.truncate()
    stream.write(json.dumps(begun, indent=2).encode())
    stream.flush()


def _refuse_strangers(place: Path) -> None:
    """Refuses a folder that another user may have laid there, or that holds what a training does not write."""
    try:
        found = place.lstat()
    except FileNotFoundError:
        return
    own = not hasattr(os, "geteuid") or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)
    if not stat.S_ISDIR(found.st_mode) or not own:
        raise OutputExistsError(f"{place} is not a folder that this user alone writes: remove it")
    if reason := why_not_ours(place, TRAINING):
        raise OutputExistsError(f"{place} {reason}: move that away, or choose another --output")


def _refuse_other(place: Path, before: Mapping[str, Any], now: Mapping[str, Any], within: str = "") -> None:
    for name in {**now, **before}:
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            _refuse_other(place, old, new, f"{within}{name}: ")
        elif old != new:
            raise InputError(
                f"the training in {place} was begun with other {within}{name.replace('_', ' ')} ({old!r:.80}, now "
                f"{new!r:.80}): give the same again, or leave --resume out to begin anew"
            )


def _refuse_pickles(epoch: Path) -> None:
    """Reads the states that the Trainer will load, by a reader that makes tensors and numbers and runs no code."""
    with needs_extra("train"):
        import torch
        from transformers.trainer import safe_globals
    for file in (*epoch.glob("*.pt"), *epoch.glob("*.pth")):
        try:
            with safe_globals():
                torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # zip, pickle and torch each have a tree
            raise ModelError(
                f"{file} cannot be read, or holds more than numbers: begin again without --resume"
            ) from error


def _last_epoch(place: Path) -> Path | None:
    """Finds the last epoch that was saved whole: its state is what the Trainer writes last."""
    found = [entry for entry in place.iterdir() if _EPOCH.fullmatch(entry.name) and _state(entry)]
    return max(found, key=lambda entry: int(entry.name.rpartition("-")[2]), default=None)


def _state(epoch: Path) -> dict[str, Any]:
    try:
        found = json.loads((epoch / _STATE_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _words(epoch: Path) -> str:
    count = round(_state(epoch).get("epoch", 0))
    return f"{count} epoch{'' if count == 1 else 's'}"


def _remove(place: Path) -> None:
    with undisturbed():
        shutil.rmtree(place, ignore_errors=True)
