"""``edgetext space BUNDLE -o DIR``: a folder that can be uploaded as a Hugging Face Space as it is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edgetext.cli.arguments import add_bundle, add_variant, settings_of
from edgetext.cli.push import push_made
from edgetext.errors import InputError
from edgetext.escape import terminal
from edgetext.ours import SPACE
from edgetext.serve.space.make import KINDS, Space, SpaceSettings, make_space

if TYPE_CHECKING:
    from edgetext.hub.push import PushSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's words."""
    add_bundle(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the folder to write")
    parser.add_argument(
        "--kind",
        choices=KINDS,
        default=KINDS[0],
        help="an app of Gradio that runs on Hugging Face's machine (default), or a static page that runs the model "
        "in the visitor's browser",
    )
    parser.add_argument("--title", default="", help="what the Space is called (default: the bundle's folder)")
    parser.add_argument("--license", default="", metavar="NAME", help="the Space's licence, such as apache-2.0")
    add_variant(parser)
    parser.add_argument(
        "--with-texts",
        action="store_true",
        help="take the bundle's texts along: the examples to try, and those that 'edgetext tune' would use",
    )
    parser.add_argument(
        "--vendor",
        type=Path,
        metavar="NODE_MODULES",
        help="where the npm packages of a static Space are installed (default: npm fetches them)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the output folder if it is there")
    parser.add_argument(
        "--push",
        metavar="OWNER/NAME",
        help="send the Space to the Hugging Face Hub; whether that is possible is looked up before anything begins",
    )
    parser.add_argument("--private", action="store_true", help="with --push: let a new Space stay private")


def run(arguments: argparse.Namespace) -> int:
    """Writes the folder and says what to do with it."""
    settings = settings_of(SpaceSettings, arguments)
    push = _plan_push(arguments)
    space = make_space(arguments.bundle, arguments.output, settings, overwrite=arguments.overwrite)
    print("\n".join(map(terminal, _lines(space, settings, pushed=push is not None))))
    if push is not None:
        from edgetext.cli.console import open_console

        push_made(space.path, push, open_console(), as_json=False)
    return 0


def _plan_push(arguments: argparse.Namespace) -> PushSettings | None:
    """Finds out, before any work is done, whether the Space could be pushed."""
    if arguments.push is None:
        if arguments.private:
            raise InputError("--private goes with --push OWNER/NAME: give that too")
        return None
    from edgetext.hub.push import PushSettings, find_repository

    settings = PushSettings(arguments.push, private=arguments.private, texts=arguments.with_texts)
    find_repository(settings, SPACE)
    return settings


def _lines(space: Space, settings: SpaceSettings, *, pushed: bool) -> list[str]:
    start = "python -m http.server 7860" if settings.kind == "static" else "python app.py"
    lines = [f"{space.path}: the {settings.kind} Space {space.title!r}, {space.bytes / 1e6:.1f} MB"]
    if space.left_out:
        lines.append(f"left out, since they are texts of your data: {', '.join(space.left_out)} (--with-texts)")
    lines.append(f"to try it: cd {space.path} && {start}")
    if not pushed:
        lines.append(f"to upload it: edgetext push {space.path} OWNER/NAME")
    return lines
