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


def add_labelled_rows(parser: argparse.ArgumentParser, help_text: str, *, pairs: bool = False) -> None:
    """Adds labelled rows that others than those of training are taken from.

    Args:
        parser: Of the command.
        help_text: What ``--data`` is for, and what is taken without it.
        pairs: Whether rows may hold pairs of texts, and several labels.
    """
    parser.add_argument("--data", help=help_text)
    parser.add_argument("--text-column", metavar="NAME", help="the column of --data with the text")
    parser.add_argument("--label-column", metavar="NAME", help="the column of --data with the label")
    if pairs:
        parser.add_argument("--text-pair-column", metavar="NAME", help="the column of --data with the second text")
        parser.add_argument("--label-separator", metavar="TEXT", help="what separates the labels of a row")


def chosen_columns(arguments: argparse.Namespace) -> dict[str, str]:
    """Lists the columns that were named, as readers of labelled text take them."""
    names = ("text_column", "text_pair_column", "label_column", "label_separator")
    return {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
