"""What several commands take alike, and settings made of what was typed."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from edgetext.data.settings import ColumnChoice

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
    add_columns(parser)


def add_columns(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Adds the columns of labelled rows, to a command or to a group of its options."""
    parser.add_argument(
        "--text-column",
        metavar="NAME",
        help="the column with the text, or the first text of a pair (default: by its usual names)",
    )
    parser.add_argument(
        "--text-pair-column",
        metavar="NAME",
        help="the column with the second text of a pair, such as hypothesis (default: found by its usual names "
        "where no column is named like a text alone)",
    )
    parser.add_argument(
        "--label-column",
        metavar="NAME",
        help="the column with the label or a list of labels (default: by its usual names); A,B,C for one column a "
        "label, 0 or 1 in each row",
    )
    parser.add_argument(
        "--label-separator", metavar="TEXT", help="what separates the labels of a row, such as '|'; none by default"
    )


def chosen_columns(arguments: argparse.Namespace) -> ColumnChoice:
    """Lists the columns that were named, as readers of labelled text take them."""
    return ColumnChoice(
        text_column=arguments.text_column,
        text_pair_column=arguments.text_pair_column,
        label_column=arguments.label_column,
        label_separator=arguments.label_separator,
    )
