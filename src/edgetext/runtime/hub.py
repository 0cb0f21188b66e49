"""Bundles of the Hugging Face Hub, ``hub:OWNER/NAME@REVISION``: fetched into its own cache and opened there.

The revision is a commit or a tag, never a branch: what an app answers must not change because somebody pushed.
"""

from __future__ import annotations

import glob
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgetext.errors import BundleError, first_line, needs_extra
from edgetext.reading import read_json
from edgetext.runtime.manifest import MANIFEST_FILE, Manifest

PREFIX = "hub:"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SMALL = (MANIFEST_FILE, "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
# Of a folder without a manifest: the models that are loaded by default, with their external weights. Converters
# leave up to eight precisions side by side, of which one is used.
_USUAL_MODELS = ("model.onnx*", "model_quantized.onnx*", "model_int8.onnx*")


def is_hub_name(path: str) -> bool:
    """Tells whether a path given as a bundle is a name on the Hub instead."""
    return path.startswith(PREFIX)


def fetch(uri: str) -> Path:
    """Fetches a bundle of the Hub; only the files that predicting needs are downloaded, once.

    A commit that is in the cache opens without asking the network; a tag is looked up each time, and taken
    from the cache where the Hub cannot be reached.

    Args:
        uri: ``hub:OWNER/NAME@REVISION``, the revision a commit of 40 digits or a tag.

    Raises:
        BundleError: No revision or a branch is given, or the Hub cannot be reached or has no such thing.
        MissingExtraError: ``huggingface_hub`` is not installed.
    """
    name, revision = _parts(uri)
    with needs_extra("hub"):
        import huggingface_hub  # noqa: F401
    with _one_sentence(uri), calm():
        cached = _cached(name, revision) if _COMMIT.fullmatch(revision) else None
        if cached is not None:
            return cached
        _refuse_branch(uri, name, revision)
        folder = _download(name, revision, _SMALL)
        # By its commit, so that both halves are of one revision even if the tag is moved in between.
        return _download(name, folder.name, _models(folder))


def _parts(uri: str) -> tuple[str, str]:
    name, _, revision = uri.removeprefix(PREFIX).partition("@")
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        raise BundleError(f"{uri!r:.200} is no name on the Hugging Face Hub: expected hub:OWNER/NAME@REVISION")
    if not revision:
        raise BundleError(
            f"{uri} names no revision, and without one the answers change whenever somebody uploads: "
            f"pin a commit or a tag, as in {PREFIX}{name}@COMMIT"
        )
    return name, revision


def _cached(name: str, commit: str) -> Path | None:
    """Finds the folder of a commit if it is in the cache with all its files; a plain folder's cannot be known."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, revision=commit, local_files_only=True))
        manifest = Manifest.from_json(read_json(folder / MANIFEST_FILE, error=BundleError))
    except (LocalEntryNotFoundError, BundleError):
        return None
    names = ["config.json", *manifest.files, *(variant.file for variant in manifest.variants)]
    return folder if all((folder / name).is_file() for name in names) else None


def _refuse_branch(uri: str, name: str, revision: str) -> None:
    if _COMMIT.fullmatch(revision):
        return
    from huggingface_hub import HfApi

    branches: dict[str, str] = {}
    with suppress(Exception):  # what is wrong with the name or the network, the download says
        branches = {branch.name: branch.target_commit for branch in HfApi().list_repo_refs(name).branches}
    if revision in branches:
        raise BundleError(
            f"{uri}: {revision!r} is a branch, and its files change with every upload: pin a tag, or the commit "
            f"that it is at now, {PREFIX}{name}@{branches[revision]}"
        )


def _models(folder: Path) -> list[str]:
    """Makes patterns for the model files: those of the manifest, or the usual ones where there is none."""
    if not (folder / MANIFEST_FILE).is_file():
        return [f"{place}{pattern}" for place in ("", "onnx/") for pattern in _USUAL_MODELS]
    manifest = Manifest.from_json(read_json(folder / MANIFEST_FILE, error=BundleError))
    return [glob.escape(name) for name in (*manifest.files, *(variant.file for variant in manifest.variants))]


def _download(name: str, revision: str, patterns: list[str] | tuple[str, ...]) -> Path:
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name, revision=revision, allow_patterns=list(patterns)))


@contextmanager
def _one_sentence(uri: str) -> Iterator[None]:
    """Turns what the Hub's client raises into a sentence."""
    try:
        yield
    except BundleError:
        raise
    except Exception as error:  # network, disk, names: HTTP clients and huggingface_hub each have a tree
        raise BundleError(f"{uri} cannot be fetched from the Hugging Face Hub: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Says in words why the Hub's client could not give a model."""
    from huggingface_hub import errors

    known = (  # in this order: a gated repository is one that is not found, to the client
        (errors.GatedRepoError, "its terms must be accepted: do so on its page, then 'hf auth login'"),
        (errors.RepositoryNotFoundError, "there is no such model, or it is private: check the name, or log in"),
        (errors.RevisionNotFoundError, "it has no such revision: check the commit or the tag"),
        (errors.LocalEntryNotFoundError, "it is not reachable, and the cache has no copy: check the network, or "
            "download it elsewhere and give the folder"),
    )  # fmt: skip
    for kind, reason in known:
        if isinstance(error, kind):
            return reason
    return first_line(error)


@contextmanager
def calm() -> Iterator[None]:
    """Keeps the client's progress bars to terminals."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    shown = not are_progress_bars_disabled() and not sys.stderr.isatty()
    if shown:
        disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            enable_progress_bars()
