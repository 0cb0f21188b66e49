"""Sends a bundle, a checkpoint or a Space to the Hugging Face Hub in one commit; says what is there if it fails.

A new repository is made private and opened when its commit is there, so that nothing half-public can be seen.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgetext.errors import EdgetextError, InputError, first_line, needs_extra
from edgetext.foreign.files import read_found
from edgetext.hub.card import CARD_FILE, render_card
from edgetext.hub.parcel import Parcel, pack
from edgetext.ours import SPACE, Kind, belongs
from edgetext.progress import Progress, Silent
from edgetext.reading import listed
from edgetext.runtime.hub import calm

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo, SpaceInfo

_PATIENCE_S = 10.0
SPACE_FILE = "space.json"
_BRANCH = re.compile(r"[\w][\w./-]*", re.ASCII)
_OF_THE_HUB = (".gitattributes", ".gitignore", CARD_FILE)
"""What a repository holds that somebody made on the Hub's page."""


@dataclass(frozen=True)
class PushSettings:
    """Where a folder is sent, and how.

    Attributes:
        name: ``OWNER/NAME`` on the Hub.
        private: Whether a new repository stays private.
        revision: The branch to commit to, made where it is missing; the main one if not given.
        texts: Whether texts that the bundle keeps are sent too.
        license: For the card, as the Hub names licences, such as ``apache-2.0``.
        language: For the card, such as ``en``, or several with commas between.
    """

    name: str
    private: bool = False
    revision: str | None = None
    texts: bool = False
    license: str | None = None
    language: str | None = None


@dataclass(frozen=True)
class Pushed:
    """What is on the Hub now.

    Attributes:
        name: ``OWNER/NAME``.
        commit: Its 40 digits.
        url: Of the repository's page.
        private: Whether it can be seen by its owner alone.
        files: The paths that were sent.
        bytes: Of all of them.
        texts: The texts that the folder holds, a few words each.
        texts_sent: Whether they were sent.
        others: What else lies in the folder and was not sent.
    """

    name: str
    commit: str
    url: str
    private: bool
    files: tuple[str, ...]
    bytes: int
    texts: tuple[str, ...]
    texts_sent: bool
    others: tuple[str, ...]


@dataclass(frozen=True)
class HubRepository:
    """A repository that may be written to, by all that can be known before.

    Attributes:
        api: The client, with its token.
        name: ``OWNER/NAME``.
        type: What kind of repository: ``model`` or ``space``.
        there: What the Hub tells of it; ``None`` where it is to be made.
        head: The commit that the branch is at, or that a new one will begin at.
        files: What lies there.
    """

    api: HfApi
    name: str
    type: str
    there: ModelInfo | SpaceInfo | None
    head: str | None = None
    files: tuple[str, ...] = ()


def find_repository(settings: PushSettings, kind: Kind) -> HubRepository:
    """Looks whether a folder could be pushed: name, token and what stands there; nothing is sent.

    Args:
        settings: Where to.
        kind: Of folder.

    Raises:
        InputError: The name is none, there is no token or none that may write, the Hub cannot be reached, or
            something else stands there.
        MissingExtraError: ``huggingface_hub`` is not installed.
    """
    with needs_extra("hub"):
        from huggingface_hub import HfApi, get_token
    _check_names(settings)
    token = get_token()
    if not token:
        raise InputError(
            "there is no token of the Hugging Face Hub on this machine: log in by 'hf auth login', or set HF_TOKEN"
        )
    api = HfApi(token=token)
    with _one_sentence(f"{settings.name} cannot be pushed to"):
        _refuse_reader(api.whoami())
        found = _look(api, settings, "space" if kind is SPACE else "model")
    _refuse_other(found, settings, kind)
    return found


def push(folder: Path, settings: PushSettings, progress: Progress | None = None) -> Pushed:
    """Sends a bundle, a checkpoint or a Space in one commit.

    Files of the same kind that the repository has and the folder lacks are removed by the commit; all others stay.

    Args:
        folder: The bundle, the checkpoint or the Space.
        settings: Where to, and how.
        progress: Told of what is left out, before anything is sent.

    Raises:
        InputError: As for ``find_repository``, or the connection broke; the message says what is on the Hub then.
        BundleError: The bundle cannot be opened, or is not the one that was exported.
        ModelError: The checkpoint cannot be opened.
        MissingExtraError: ``huggingface_hub`` is not installed.
    """
    with needs_extra("hub"):
        import huggingface_hub  # noqa: F401
    parcel = pack(folder, texts=settings.texts)
    repository = find_repository(settings, parcel.kind)
    if parcel.facts is not None:
        card = render_card(parcel.facts, settings.name, license=settings.license, language=settings.language)
        parcel = replace(parcel, files={**parcel.files, CARD_FILE: card})
    for sentence in _told(parcel, repository, settings):
        (progress or Silent()).note(sentence)
    new = repository.there is None
    with calm(), _quiet():
        if new:
            repository = _make(repository, folder)
        commit = _commit(repository, parcel, settings, new=new)
        private = _open(repository, settings, commit, new=new)
    return Pushed(
        name=settings.name,
        commit=commit,
        url=f"{repository.api.endpoint}/{'spaces/' if repository.type == 'space' else ''}{settings.name}",
        private=private,
        files=tuple(sorted(parcel.files)),
        bytes=sum(len(one) if isinstance(one, bytes) else one.stat().st_size for one in parcel.files.values()),
        texts=parcel.texts,
        texts_sent=settings.texts,
        others=parcel.others,
    )


def _check_names(settings: PushSettings) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # which it does document

    wanted = "expected OWNER/NAME, of letters, digits, '-', '_' and '.'"
    try:
        validate_repo_id(settings.name)
    except HFValidationError as error:
        raise InputError(f"{settings.name!r:.200} is no name on the Hugging Face Hub: {wanted}") from error
    if "/" not in settings.name:
        raise InputError(f"{settings.name!r:.200} has no owner: {wanted}")
    if settings.revision is not None and not _BRANCH.fullmatch(settings.revision):
        raise InputError(f"--revision {settings.revision!r:.200} is no name of a branch")


def _refuse_reader(who: Any) -> None:
    role = ((who.get("auth") or {}).get("accessToken") or {}).get("role")
    if role == "read":
        raise InputError(
            "the token of the Hugging Face Hub may read alone: make one that may write, on the Hub's page "
            "settings/tokens, and log in with it"
        )


def _look(api: HfApi, settings: PushSettings, type: str) -> HubRepository:
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        there = _told_by_hub(api, settings.name, type)
    except RepositoryNotFoundError:
        return HubRepository(api, settings.name, type, None)
    branch = there
    if settings.revision:
        try:
            branch = _told_by_hub(api, settings.name, type, settings.revision)
        except RevisionNotFoundError:
            branch = there  # where a new branch begins
    files = tuple(one.rfilename for one in branch.siblings or ())
    return HubRepository(api, settings.name, type, there, branch.sha, files)


def _told_by_hub(api: HfApi, name: str, type: str, revision: str | None = None) -> ModelInfo | SpaceInfo:
    found: Any = api.repo_info(name, revision=revision, repo_type=type, timeout=_PATIENCE_S)
    return found  # type: ignore[no-any-return]  # never a data set


def _refuse_other(found: HubRepository, settings: PushSettings, kind: Kind) -> None:
    """Refuses a repository that holds something else, and one that everybody sees where nobody should."""
    foreign = [name for name in found.files if name not in _OF_THE_HUB]
    if foreign and kind.mark and kind.mark[0] not in foreign:
        raise InputError(
            f"{found.name} is there and holds no {kind.name} (it has {listed(foreign[:3])}): choose another name"
        )
    if found.there is not None and settings.private and not found.there.private:
        raise InputError(
            f"{found.name} is public already, and --private is for a new one: leave it out, choose another name, "
            "or make it private on its page"
        )


def _told(parcel: Parcel, repository: HubRepository, settings: PushSettings) -> Iterator[str]:
    if repository.there is not None and repository.there.private and not settings.private:
        yield f"{repository.name} is there and private, and stays so: its page can make it public"
    if parcel.texts:
        listing = ", ".join(parcel.texts)
        yield (
            f"texts that are sent: {listing}"
            if settings.texts
            else (f"texts that are not sent: {listing}; --with-texts sends them")
        )
    if parcel.others:
        yield f"not part of a {parcel.kind.name}, and not sent: {listed(parcel.others)}"


def _make(repository: HubRepository, folder: Path) -> HubRepository:
    """Makes the repository, private for now."""
    name, type = repository.name, repository.type
    sdk = (read_found(folder, SPACE_FILE) or {}).get("kind") if type == "space" else None
    with _one_sentence(f"{name} cannot be made on the Hub, and nothing was sent"):
        repository.api.create_repo(name, private=True, repo_type=type, space_sdk=sdk)
    with _one_sentence(f"{name} was made on the Hub, private and empty, and nothing was sent"):
        there = _told_by_hub(repository.api, name, type)
    return replace(repository, there=there, head=there.sha)


def _commit(repository: HubRepository, parcel: Parcel, settings: PushSettings, *, new: bool) -> str:
    """Sends all files in one commit, which the Hub takes as a whole or not at all."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    api, name, branch = repository.api, repository.name, settings.revision
    gone = [file for file in repository.files if belongs(file, parcel.kind) and file not in parcel.files]
    operations: list[Any] = [CommitOperationAdd(file, content) for file, content in parcel.files.items()]
    operations += [CommitOperationDelete(file) for file in gone]
    try:
        if branch:
            api.create_branch(name, branch=branch, exist_ok=True, repo_type=repository.type)
        message = f"{parcel.kind.name.capitalize()} by edgetext push"
        made = api.create_commit(
            name, operations, commit_message=message, revision=branch, repo_type=repository.type
        )
        return str(made.oid)
    except Exception as error:  # network and Hub: HTTP clients and huggingface_hub each have a tree
        left = _left(repository, branch, new=new)
        raise InputError(f"{name} could not be pushed to: {_why(error)}; {left}") from error


def _left(repository: HubRepository, branch: str | None, *, new: bool) -> str:
    """Says what is on the Hub after a commit that failed, as the end of a sentence."""
    place = f"{repository.name} is there, private and empty" if new else f"{repository.name} is as it was"
    try:
        now = _told_by_hub(repository.api, repository.name, repository.type, branch)
    except Exception:  # the network again, or a branch that was not made
        return f"nothing half-written is there: as far as can be told from here, {place}"
    if now.sha == repository.head:
        return f"nothing of it is on the Hub: {place}"
    hidden = ", and still private" if new else ""
    return f"all of it had arrived before that, as the commit {now.sha}{hidden}"


def _open(repository: HubRepository, settings: PushSettings, commit: str, *, new: bool) -> bool:
    """Makes a new repository public where that was asked for, and says whether it is private."""
    if not new:
        return bool(repository.there and repository.there.private)
    if not settings.private:
        whole = f"all files are on the Hub, as the commit {commit}, but {settings.name} is still private"
        with _one_sentence(f"{whole}; its page can make it public"):
            repository.api.update_repo_settings(settings.name, private=False, repo_type=repository.type)
    return settings.private


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps back the Hub's remarks on a card that it takes, and the client's on every try that fails."""
    client = logging.getLogger("huggingface_hub")
    level = client.level
    client.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        client.setLevel(level)


@contextmanager
def _one_sentence(what: str) -> Iterator[None]:
    """Turns what the Hub's client raises into a sentence that begins with ``what``."""
    try:
        yield
    except EdgetextError:
        raise
    except Exception as error:  # network and Hub: HTTP clients and huggingface_hub each have a tree
        raise InputError(f"{what}: {_why(error)}") from error


def _why(error: BaseException) -> str:
    """Says in words why the Hub's client failed."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    if isinstance(error, RuntimeError) and error.__cause__ is not None:  # how the client tells of an upload
        return _why(error.__cause__)
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, which keeps from asking it: unset it"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in _STATUS:
        return _STATUS[status]
    if status is not None and status >= 500:
        return f"the Hub has trouble of its own (status {status}): try again later"
    if status is None and type(error).__module__.partition(".")[0] in _CLIENTS:
        return "the Hub cannot be reached, or the connection broke: check the network, and push again"
    return first_line(error)


_CLIENTS = ("requests", "urllib3", "httpx", "httpx2")  # what huggingface_hub asks with, by its version
_STATUS = {
    401: "the Hub does not accept the token: log in again by 'hf auth login', or set another HF_TOKEN",
    403: "the token may not write there: check the owner's name, or log in with one that may",
    404: "there is no such place, or it may not be seen with this token: check the name",
    409: "something of that name was made meanwhile, or is being changed: push again",
    413: "a file is larger than the Hub takes",
    429: "the Hub has had too many requests from here: wait some minutes, and push again",
}
