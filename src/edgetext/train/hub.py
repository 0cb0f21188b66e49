"""Base models of the Hugging Face Hub: what may be a name there, and its files, none of them pickled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from edgetext.errors import ModelError, needs_extra

_FILES = ["*.json", "*.txt", "*.model", "model*.safetensors"]
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


def check_name(name: str, builtin: Sequence[str]) -> None:
    """Refuses what cannot be a name on the Hub, before anybody is asked.

    Args:
        name: As the user gave it, with a revision or without.
        builtin: The models that need no Hub.

    Raises:
        ModelError: It has no owner and is none of the old names that have none; the message may say what was meant.
    """
    location = name.partition("@")[0]
    if location in _OWNERLESS or re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", location, re.ASCII):
        return
    folders = [file.parent.name for file in Path().glob("*/config.json")]
    close = get_close_matches(location, [*builtin, *folders, *_OWNERLESS], n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    raise ModelError(
        f"base model {name!r}: there is no such folder, nor a known model of that name{meant} "
        f"(expected {', '.join(builtin)}, a folder, or OWNER/NAME[@REVISION] on the Hugging Face Hub)"
    )


def fetch(name: str, location: str, revision: str | None) -> Path:
    """Gives the folder of a model: the Hub is asked once, without retries, and the cache where it does not answer.

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
            return Path(
                snapshot_download(location, revision=revision, allow_patterns=_FILES, ignore_patterns=["*/*"])
            )
    except Exception as error:  # network, disk, names: requests, httpx and huggingface_hub each have a tree
        place = getattr(error, "filename", None)  # of the disk's errors alone
        why = f"its cache cannot be used, at {place} (HF_HOME moves it)" if place else reason(error)
        raise ModelError(
            f"base model {name}: there is no such folder, and it cannot be fetched from the Hugging Face Hub: {why}"
        ) from error
