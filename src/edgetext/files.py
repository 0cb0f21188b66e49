"""Files and folders that appear whole or not at all; standard library only.

What is unfinished lies beside its target under a hidden name that nobody can foresee, made with ``O_EXCL``, so that
nothing is written through a link that somebody laid there. Modes are what the user's umask says.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from edgetext.errors import InputError, OutputExistsError
from edgetext.ours import Kind, bears_mark, why_not_ours
from edgetext.stopping import undisturbed
from edgetext.trouble import cannot_write, tell_failed_writes

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe must not hold us up either
_BINARY = getattr(os, "O_BINARY", 0)


@contextmanager
def new_folder(target: Path, kind: Kind, *, overwrite: bool = False) -> Iterator[Path]:
    """Makes a folder to write into, which becomes ``target`` when the block ends without an error.

    The work is done in a hidden folder beside the target and renamed at the end, so that an interrupted command
    never leaves a half-written folder under the name that a later command would open.

    Args:
        target: The folder to make.
        kind: What it will be.
        overwrite: Whether one of the same kind may be replaced; it is kept until the new one is whole.

    Yields:
        The folder to write into, on the same file system as the target.

    Raises:
        OutputExistsError: The target exists and ``overwrite`` is off, or it holds something that is not ours.
        WriteError: The target cannot be written, or the disk is full.
    """
    refuse_existing(target, kind, overwrite=overwrite)
    beside = _hidden(target, "unfinished")
    try:
        with tell_failed_writes(target, kind.needs):
            _make_folder(beside)
            yield beside
            _place(beside, target, kind, overwrite=overwrite)
    finally:
        with undisturbed():
            shutil.rmtree(beside, ignore_errors=True)


def refuse_existing(target: Path, kind: Kind, *, overwrite: bool = False) -> None:
    """Raises if a folder cannot be made at ``target``: before any work is done for it.

    Args:
        target: The folder to make.
        kind: What it will be.
        overwrite: Whether one of the same kind may be replaced.

    Raises:
        OutputExistsError: Something stands there that may not be replaced.
        WriteError: The folder around it cannot be written.
    """
    if target.is_symlink():
        raise OutputExistsError(f"{target} is a link to {target.readlink()}: give the folder itself")
    _refuse_home(target)
    if target.exists() and not target.is_dir():
        raise OutputExistsError(f"{target} is a file, and a folder is to be written there: choose another --output")
    if target.is_dir():
        _refuse_folder(target, kind, overwrite=overwrite)
    _refuse_closed(target.parent)


def refuse_file(target: Path, option: str, marks: Sequence[bytes], *, overwrite: bool = False) -> None:
    """Raises if a file cannot be made at ``target``: before any work is done for it.

    Args:
        target: The file to make.
        option: Of the command line, which named it.
        marks: One of them stands in every file that may be replaced by this one (see ``edgetext.ours``).
        overwrite: Whether such a file may be replaced.

    Raises:
        InputError: Its folder is missing.
        OutputExistsError: Something stands there that may not be replaced.
        WriteError: Its folder cannot be written.
    """
    if target.is_symlink():
        raise OutputExistsError(f"{target} is a link to {target.readlink()}: give the file itself for {option}")
    if target.is_dir():
        raise OutputExistsError(f"{target} is a folder: name a file for {option}")
    if target.exists() and not target.is_file():
        raise OutputExistsError(f"{target} is no regular file: choose another {option}")
    if target.exists() and not overwrite:
        raise OutputExistsError(
            f"{target} already exists: add --overwrite to replace it, or choose another {option}"
        )
    if target.exists() and not bears_mark(target, marks):
        raise OutputExistsError(
            f"{target} is not a file that this command wrote, and --overwrite replaces no other: "
            f"move it away, or choose another {option}"
        )
    if not target.parent.is_dir():
        raise InputError(f"{target.parent} is not a folder: make it, or choose another {option}")
    _refuse_closed(target.parent)


def write_atomically(target: Path, content: bytes) -> None:
    """Writes a file beside its target and renames it, so that readers see the old or the new one whole.

    Raises:
        WriteError: It cannot be written.
    """
    beside = _hidden(target, "unfinished")
    try:
        with beside.open("xb") as stream:
            stream.write(content)
        beside.replace(target)
    except OSError as error:
        _remove(beside)
        raise cannot_write(target.parent, error) from error
    except BaseException:
        _remove(beside)
        raise


def write_json(target: Path, value: Any) -> None:
    """Writes a JSON file, readable by people and stable between runs (two spaces, UTF-8, keys as given)."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(target, (text + "\n").encode("utf-8"))


def open_own(path: Path, *, write: bool = False) -> IO[bytes]:
    """Opens a file under a name that others can foresee: a regular one of this user, through no link.

    Args:
        path: The file.
        write: Whether to write as well; it is made where it is missing.

    Raises:
        FileNotFoundError: It is missing, and nothing is to be written.
        InputError: It is a link, a pipe or a device, or somebody else's.
        WriteError: It cannot be written.
    """
    flags = (os.O_RDWR | os.O_CREAT if write else os.O_RDONLY) | _NO_FOLLOW | _BINARY
    try:
        descriptor = os.open(path, flags, 0o666)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO):  # a link, on BSD too, or a pipe or socket
            raise InputError(f"{path} is a link, a pipe or a socket, not a file of ours: remove it") from None
        raise cannot_write(path.parent, error) from error
    found = os.fstat(descriptor)
    own = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
    if not (stat.S_ISREG(found.st_mode) and own and found.st_nlink == 1):
        os.close(descriptor)
        raise InputError(f"{path} is not a file that this user wrote: remove it, or choose another --output")
    return os.fdopen(descriptor, "r+b" if write else "rb")


def lock(stream: IO[bytes], place: Path) -> None:
    """Refuses what another process is working on; the lock ends with the stream, or with the process.

    Args:
        stream: A file of it, open.
        place: What to call it.

    Raises:
        OutputExistsError: Another process has the lock.
    """
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows refuses to rename or remove what is open, which is noticed later
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise OutputExistsError(f"{place} is being written by another run: wait for it to end") from None


def open_to_all(folder: Path) -> None:
    """Sets the files of a folder to the mode of any new file: some libraries keep theirs to the user."""
    probe = _hidden(folder / "mode", "unfinished")
    with probe.open("xb") as stream:
        mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
    probe.unlink()
    for file in folder.iterdir():
        if file.is_file() and not file.is_symlink():
            file.chmod(mode)


def sha256(path: Path) -> str:
    """Computes the SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _hidden(target: Path, state: str) -> Path:
    """Chooses a name beside the target that does not exist and that nobody foresees."""
    place = target.absolute()
    return place.with_name(f".{place.name[:40]}.{secrets.token_hex(8)}.{state}")


def _make_folder(folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except OSError as error:
        raise cannot_write(folder.parent, error) from error


def _place(source: Path, target: Path, kind: Kind, *, overwrite: bool) -> None:
    """Renames the finished folder; what appeared at the target meanwhile is kept, and so is the new folder."""
    try:
        refuse_existing(target, kind, overwrite=overwrite)
    except OutputExistsError as error:
        kept = target.with_name(f"{target.name}-{secrets.token_hex(4)}")
        source.rename(kept)
        raise OutputExistsError(f"{error}; the new {kind.name} is whole, and is now {kept}") from None
    try:
        with undisturbed():
            _exchange(source, target)
    except OSError as error:
        raise cannot_write(target.parent, error) from error


def _exchange(source: Path, target: Path) -> None:
    if not target.exists():
        source.rename(target)
        return
    old = _hidden(target, "replaced")
    target.rename(old)
    try:
        source.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _refuse_home(target: Path) -> None:
    """Refuses the folders that no command may take: home, root, the current one, and those around them."""
    if target.name == "..":
        raise OutputExistsError(f"{target} ends in '..': give the folder's own name for --output")
    place, here = target.resolve(), Path.cwd().resolve()
    home = Path(os.path.expanduser("~")).resolve()  # noqa: PTH111 - Path.home() raises where there is none
    for folder, name in ((here, "the current folder"), (home, "your home folder")):
        if place == folder or place in folder.parents:
            around = "" if place == folder else "a folder around "
            raise OutputExistsError(f"{target} is {around}{name}: name a new folder for --output")
    if os.path.ismount(place):
        raise OutputExistsError(f"{target} is a mount point, which cannot be renamed: name a folder in it")


def _refuse_folder(target: Path, kind: Kind, *, overwrite: bool) -> None:
    try:
        names = sorted(entry.name for entry in target.iterdir() if not entry.name.startswith("."))
        if not any(target.iterdir()):
            return
        reason = why_not_ours(target, kind)
    except OSError as error:
        raise OutputExistsError(f"{target} cannot be read: {error.strerror}; choose another --output") from None
    if not overwrite:
        held = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        advice = "" if reason else "add --overwrite to replace it, or "
        raise OutputExistsError(
            f"{target} already exists (it holds {held or 'hidden files'}): {advice}choose another --output"
        )
    if reason:
        raise OutputExistsError(
            f"{target} {reason}: --overwrite replaces only what edgetext wrote; move that away, or choose another "
            "--output"
        )


def _refuse_closed(folder: Path) -> None:
    """Refuses a folder in which nothing can be made; one that is missing is made in the nearest that is there."""
    folder = folder.absolute()
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if not there.is_dir():
        raise cannot_write(folder, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
    if not os.access(there, os.W_OK | os.X_OK):
        number = errno.EROFS if hasattr(os, "statvfs") and os.statvfs(there).f_flag & os.ST_RDONLY else errno.EACCES
        raise cannot_write(there, OSError(number, os.strerror(number)))


def _remove(file: Path) -> None:
    """Removes a file, if that is possible: the error that led here is the one to tell."""
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return
