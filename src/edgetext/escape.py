"""Text that anybody may have written, made harmless where it is shown: one function for each place.

Labels, file names, headers and messages of other programs come from outside. What makes a terminal obey, forges
a line, or turns into markup is escaped at the edge, when it is shown, and nowhere before. HTML is escaped by jinja2
and by Gradio. Standard library only.
"""

from __future__ import annotations

import json
import re
from typing import Any

# What a terminal obeys (C0, C1), what forges a line (the separators of Unicode), what turns the order of letters
# around (https://trojansource.codes), and halves of surrogate pairs, which cannot be printed at all. A joiner that
# holds an emoji together is none of these.
_OBEYED = "\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff"
_CONTROL = re.compile(f"[\\x00-\\x1f{_OBEYED}]")
_BUT_LINES = re.compile(f"[\\x00-\\x09\\x0b-\\x1f{_OBEYED}]")
# Brackets alone are text; before ( [ or : they begin a link. An underscore inside of a word is one, too.
_MARKDOWN = re.compile(r"[\\`*<|~]|&(?=#|\w+;)|\](?=[(\[:])|(?<![^\W_])_|_(?![^\W_])")
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![0-9]*\.?[0-9]+\Z)", re.ASCII)
_BACKTICKS = re.compile("`+")


def terminal(text: str, *, lines: bool = False) -> str:
    r"""Returns text for a terminal or a log: what it would obey appears as ``\x1b``, ``\n`` or ``\u202e``.

    Args:
        text: Anything.
        lines: Whether line feeds stay, for text that has several lines.
    """
    return (_BUT_LINES if lines else _CONTROL).sub(lambda found: ascii(found[0])[1:-1], text)


def markdown(text: str) -> str:
    """Returns text for a sentence or a table's cell of Markdown, on one line, that shows as it is."""
    return _MARKDOWN.sub(lambda found: "\\" + found[0], terminal(text))


def code(text: str) -> str:
    """Returns text as a code span of Markdown, also inside a table."""
    shown = terminal(text).replace("|", "\\|")
    longest = max((len(run) for run in _BACKTICKS.findall(shown)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {shown} {fence}" if longest else f"{fence}{shown}{fence}"


def json_text(value: Any, *, indent: int | None = None) -> str:
    r"""Returns a value as JSON whose letters stay readable; what a terminal would obey is ``\u001b`` in it.

    Raises:
        ValueError: It holds NaN or infinity.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return _BUT_LINES.sub(lambda found: json.dumps(found[0])[1:-1], text)


def spreadsheet(text: str) -> str:
    """Returns a cell of CSV that no spreadsheet takes for a formula: one that could be begins with a quote.

    Plain numbers stay. Source: https://owasp.org/www-community/attacks/CSV_Injection.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def yaml(text: str) -> str:
    """Returns text as a string of YAML: JSON in ASCII, which YAML holds (https://yaml.org/spec/1.2.2/)."""
    return json.dumps(text)
