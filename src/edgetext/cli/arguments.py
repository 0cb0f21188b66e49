"""What several commands take alike, and settings made of what was typed."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

_Settings = TypeVar("_Settings")


def settings_of(kind: type[_Settings], arguments: argparse.Namespace, **others: Any) -> _Settings:
    """Makes settings of a command's arguments: those that have the name of a field.

    Args:
        kind: A dataclass; what the command does not take has its default.
        arguments: What was typed.
        others: Fields that are not as they were typed.
    """
    names = {item.name for item in fields(kind)} & vars(arguments).keys()  # type: ignore[arg-type]
    return kind(**{name: getattr(arguments, name) for name in names} | others)


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """Adds the bundle that a command opens."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="bundle, or a Hugging Face ONNX folder")


def add_variant(parser: argparse.ArgumentParser) -> None:
    """Adds the choice among a bundle's models."""
    parser.add_argument("--variant", metavar="NAME", help="model of the bundle, such as int8 or fp32")


def add_labelled_rows(parser: argparse.ArgumentParser, help_text: str) -> None:
    """Adds labelled rows that others than those of training are taken from.

    Args:
        parser: Of the command.
        help_text: What ``--data`` is for, and what is taken without it.
    """
    parser.add_argument("--data", help=help_text)
    parser.add_argument("--text-column", metavar="NAME", help="the column of --data with the text")
    parser.add_argument("--label-column", metavar="NAME", help="the column of --data with the label")
