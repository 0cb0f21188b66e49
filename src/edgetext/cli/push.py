"""``edgetext push FOLDER OWNER/NAME``, and ``--push-to-hub`` of the commands that make a bundle or a checkpoint."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edgetext.cli.arguments import settings_of
from edgetext.errors import InputError

if TYPE_CHECKING:
    from edgetext.cli.console import Console
    from edgetext.hub.push import Pushed, PushSettings
    from edgetext.ours import Kind

_CHOICES: Mapping[str, str] = {
    "private": "--private",
    "revision": "--revision",
    "texts_too": "--with-texts",
    "license": "--license",
    "language": "--language",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="the bundle, the checkpoint or the Space to send"
    )
    parser.add_argument(
        "name", metavar="OWNER/NAME", help="the model or the Space on the Hugging Face Hub, made where it is new"
    )
    _add_choices(parser)
    parser.add_argument("--json", action="store_true", help="print what was sent as JSON")


def add_push_to_hub(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds ``--push-to-hub`` to a command that makes something.

    Args:
        parser: Of the command.
        what: What is pushed.
    """
    group = parser.add_argument_group("Hugging Face Hub")
    group.add_argument(
        "--push-to-hub",
        dest="push_name",
        metavar="OWNER/NAME",
        help=f"send {what} there when it is made; whether that is possible is looked up before anything begins",
    )
    _add_choices(group)


def _add_choices(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    parser.add_argument("--private", action="store_true", help="let a new model on the Hub stay private")
    parser.add_argument("--revision", metavar="BRANCH", help="commit to this branch, made where it is missing")
    parser.add_argument(
        "--with-texts",
        dest="texts_too",
        action="store_true",
        help="also send the texts that a bundle keeps: its examples, and those for 'edgetext tune'",
    )
    parser.add_argument("--license", metavar="NAME", help="for the model card, such as apache-2.0")
    parser.add_argument("--language", metavar="CODE", help="for the model card, such as en, or en,de")


def run(arguments: argparse.Namespace) -> int:
    """Sends the folder, and says what is on the Hub now."""
    from edgetext.cli.console import open_console
    from edgetext.hub.push import push

    console = open_console()
    with console.progress() as progress:
        pushed = push(arguments.folder, _settings(arguments, arguments.name), progress)
    if arguments.json:
        console.say_json(asdict(pushed), indent=2)
    else:
        _show(pushed, console)
    return 0


def plan_push(arguments: argparse.Namespace, kind: Kind) -> PushSettings | None:
    """Finds out, before any work is done, whether what a command makes could be pushed.

    Args:
        arguments: Of a command with ``add_push_to_hub``.
        kind: Of what it makes.

    Returns:
        Where to; ``None`` where nothing is to be pushed.

    Raises:
        InputError: It could not, or an option goes with ``--push-to-hub``.
        MissingExtraError: ``huggingface_hub`` is not installed.
    """
    if arguments.push_name is None:
        typed = next((option for name, option in _CHOICES.items() if getattr(arguments, name)), None)
        if typed:
            raise InputError(f"{typed} goes with --push-to-hub OWNER/NAME: give that too")
        return None
    from edgetext.hub.push import find_repository

    settings = _settings(arguments, arguments.push_name)
    find_repository(settings, kind)
    return settings


def push_made(folder: Path, settings: PushSettings | None, console: Console, *, as_json: bool) -> None:
    """Sends what a command made, where that was asked for.

    Args:
        folder: The bundle or the checkpoint.
        settings: What ``plan_push`` returned.
        console: Where to tell of it.
        as_json: Whether standard output is for a program, so that only notes may be printed.
    """
    if settings is None:
        return
    from edgetext.hub.push import push

    with console.progress() as progress:
        try:
            pushed = push(folder, settings, progress)
        except InputError as error:
            again = shlex.join(["edgetext", "push", str(folder), settings.name])
            raise InputError(f"{error}; {folder} is whole, and  {again}  sends it") from error
        if as_json:
            progress.note(_sentence(pushed))
    if not as_json:
        _show(pushed, console)


def _settings(arguments: argparse.Namespace, name: str) -> PushSettings:
    from edgetext.hub.push import PushSettings

    return settings_of(PushSettings, arguments, name=name, texts=arguments.texts_too)


def _show(pushed: Pushed, console: Console) -> None:
    console.say(_sentence(pushed))
    if "bundle.json" in pushed.files:
        console.say(f'next,  edgetext predict hub:{pushed.name}@{pushed.commit} "your text"')


def _sentence(pushed: Pushed) -> str:
    seen = "private" if pushed.private else "public"
    size = f"{len(pushed.files)} files, {pushed.bytes / 1e6:.1f} MB"
    return f"pushed {size} to {pushed.url} ({seen}), commit {pushed.commit}"
