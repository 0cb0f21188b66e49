"""``edgetext inspect BUNDLE``: what a bundle holds, and whether its files are the ones that were exported."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from edgetext.cli.arguments import add_bundle
from edgetext.errors import BundleError, IntegrityError
from edgetext.escape import json_text, terminal
from edgetext.runtime.bundle import TOKENIZER_FILE, Bundle, open_bundle
from edgetext.runtime.held import Held, HeldModel

_MOST_LABELS = 12  # on one line for people; JSON has them all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_bundle(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; a changed file is reported with the rest, and then makes it fail."""
    description = describe(open_bundle(arguments.bundle))
    if arguments.json:
        print(json_text(description, indent=2))
    else:
        print("\n".join(map(terminal, lines(description))))
    wrong = problems(description)
    if wrong:
        raise IntegrityError(wrong[0])
    return 0


def describe(bundle: Bundle) -> dict[str, Any]:
    """Says what a bundle holds, and compares every file with its checksum; no model is loaded.

    Returns:
        The manifest's fields, with ``path`` added, and ``checksum`` to each variant, to the first stage and to the
        tokenizer: ``ok``, ``not recorded``, or the sentence that says what is wrong.
    """
    manifest = bundle.manifest
    value = manifest.to_json() if bundle.has_manifest else {**manifest.to_json(), "format_version": None}
    variants = [
        {**entry, "checksum": _checksum(partial(bundle.model, variant), variant.sha256)}
        for entry, variant in zip(value["variants"], manifest.variants, strict=True)
    ]
    found: dict[str, Any] = {
        "path": str(bundle.path),
        "variants": variants,
        "tokenizer_checksum": _tokenizer(bundle),
    }
    first = manifest.first_stage
    if first is not None:
        checksum = _checksum(lambda: bundle.first_stage(first), first.sha256)
        found["first_stage"] = {**value["first_stage"], "checksum": checksum}
    return {"path": "", **value, **found}  # a field of that name in the manifest tells nothing


def problems(description: Mapping[str, Any]) -> list[str]:
    """Lists the sentences about files that are not as they were exported."""
    found = [variant["checksum"] for variant in description["variants"]]
    found += [description["first_stage"]["checksum"]] if description.get("first_stage") else []
    return [text for text in [*found, description["tokenizer_checksum"]] if text not in ("ok", "not recorded")]


def lines(description: Mapping[str, Any]) -> Iterator[str]:
    """Yields the description as lines for people."""
    labels = description["labels"]
    shown = ", ".join(labels[:_MOST_LABELS]) + (", ..." if len(labels) > _MOST_LABELS else "")
    yield f"bundle      {description['path']}"
    yield f"task        {description['task']}, at most {description['max_length']} tokens"
    yield f"labels      {len(labels)}: {shown}"
    yield f"tokenizer   checksum {description['tokenizer_checksum']}"
    for variant in description["variants"]:
        yield ""
        yield from _variant_lines(variant, is_default=variant["name"] == description["default_variant"])
    if description.get("first_stage"):
        yield ""
        yield from _first_stage_lines(description["first_stage"])
    provenance = {**description["provenance"], "created_with": description["created_with"]}
    if any(provenance.values()):
        yield ""
        yield from (f"{key:<18}  {_plain(item)}" for key, item in provenance.items() if item)


def _variant_lines(variant: Mapping[str, Any], *, is_default: bool) -> Iterator[str]:
    size = f"{variant['bytes'] / 1e6:.1f} MB"
    scheme = f", {variant['scheme']}" if variant["scheme"] not in ("", variant["precision"]) else ""
    yield f"{variant['name']}{' (default)' if is_default else ''}"
    yield f"  file      {variant['file']}, {size}, {variant['precision']}{scheme}"
    yield f"  checksum  {variant['checksum']}"
    yield from _gate_lines(variant["evaluation"])


def _first_stage_lines(first: Mapping[str, Any]) -> Iterator[str]:
    withheld = len(first["withheld"])
    never = f", and is never trusted to give {withheld} of the labels" if withheld else ""
    yield f"first stage (before {first['variant']})"
    yield f"  file      {first['file']}, {first['bytes'] / 1e6:.1f} MB"
    yield f"  checksum  {first['checksum']}"
    yield (
        f"  trusted   it answers where its margin is {first['margin']:g} or more, which were "
        f"{first['coverage']:.1%} of the held-out texts{never}"
    )
    yield from _gate_lines(first["evaluation"])


def _gate_lines(evaluation: Mapping[str, Any]) -> Iterator[str]:
    if verdict := evaluation.get("verdict"):  # with which the gate's own sentence begins
        sentence = evaluation.get("sentence", "no reason recorded").removeprefix(f"{verdict}: ")
        yield f"  gate      {verdict}: {sentence}"
    elif evaluation:
        yield f"  measured  {_plain(evaluation)}"


def _checksum(check: Callable[[], Held | HeldModel], recorded: str) -> str:
    try:
        check().close()
    except BundleError as error:
        return str(error)
    return "ok" if recorded else "not recorded"


def _tokenizer(bundle: Bundle) -> str:
    try:
        bundle.tokenizer_bytes()
    except IntegrityError as error:
        return str(error)
    return "ok" if TOKENIZER_FILE in bundle.manifest.files else "not recorded"


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    return str(value)
