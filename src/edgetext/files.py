"""Files and folders that appear whole or not at all; standard library only."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgetext.errors import InputError, OutputExistsError

_CHUNK_BYTES = 1 << 20


@contextmanager
def new_folder(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Gives a folder to write into, which becomes ``target`` when the block ends without an error.

    The work is done in a hidden folder beside the target and renamed at the end, so that an interrupted command
    never leaves a half-written folder under the name that a later command would open.

    Args:
        target: The folder to make.
        overwrite: Whether a folder that is there may be replaced; it is kept until the new one is whole.

    Yields:
        The folder to write into, on the same file system as the target.

    Raises:
        OutputExistsError: The target exists and ``overwrite`` is off.
        InputError: The target cannot be written.
    """
    refuse_existing(target, overwrite=overwrite)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".unfinished", dir=target.parent))
    except OSError as error:
        raise InputError(
            f"cannot write to {target.parent}: {error.strerror}; choose another output folder"
        ) from error
    try:
        beside.chmod(0o755)  # mkdtemp makes it private; a bundle is for copying and serving
        yield beside
        _replace_folder(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def refuse_existing(target: Path, *, overwrite: bool = False) -> None:
    """Raises if something stands at ``target``, unless overwriting was asked for.

    Raises:
        OutputExistsError: The target exists and ``overwrite`` is off, or it is a file.
    """
    if target.is_dir():
        if overwrite or not any(target.iterdir()):
            return
        names = sorted(entry.name for entry in target.iterdir() if not entry.name.startswith("."))
        held = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        raise OutputExistsError(
            f"{target} already exists (it holds {held or 'hidden files'}): add --overwrite to replace it, "
            "or choose another --output"
        )
    if target.exists():
        raise OutputExistsError(f"{target} is a file, and a folder is to be written there: choose another --output")


def write_atomically(target: Path, content: bytes) -> None:
    """Writes a file beside its target and renames it, so that readers see the old or the new one whole."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(target: Path, value: Any) -> None:
    """Writes a JSON file, readable by people and stable between runs (two spaces, UTF-8, keys as given)."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(target, (text + "\n").encode("utf-8"))


def sha256(path: Path) -> str:
    """Gives the SHA-256 of a file as hexadecimal digits, reading a megabyte at a time."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _replace_folder(source: Path, target: Path) -> None:
    if not target.exists():
        source.rename(target)
        return
    old = target.with_name(f".{target.name}.replaced")
    shutil.rmtree(old, ignore_errors=True)
    target.rename(old)
    source.rename(target)
    shutil.rmtree(old, ignore_errors=True)
