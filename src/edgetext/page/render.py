"""A template and its values -> one HTML page that needs nothing but itself, with every value escaped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from edgetext.errors import needs_extra

if TYPE_CHECKING:
    from jinja2 import Template

_HOME = "edgetext.page"
_STYLE = "style.css"


def render(
    package: str,
    template: str,
    values: Mapping[str, Any],
    *,
    extra: str,
    verbatim: Mapping[str, str] | None = None,
) -> str:
    """Makes the page of a template; ``style`` in it is the style that all pages share.

    Args:
        package: Where the template lies, as a dotted name.
        template: Its file.
        values: What it names; text in them is escaped.
        extra: What brings jinja2, for the message where it is missing.
        verbatim: Files beside the template that stand in the page as they are, by the template's names for them.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    check_jinja(extra)
    from markupsafe import Markup

    own = {"style": (_HOME, _STYLE), **{name: (package, file) for name, file in (verbatim or {}).items()}}
    texts = {name: Markup((files(home) / file).read_text("utf-8")) for name, (home, file) in own.items()}
    return _template(package, template).render({**values, **texts})


def check_jinja(extra: str) -> None:
    """Raises, before any work is done for a page, if there can be none.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    with needs_extra(extra):
        import jinja2  # noqa: F401


@cache
def _template(package: str, name: str) -> Template:
    from jinja2 import Environment, StrictUndefined

    surroundings = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return surroundings.from_string((files(package) / name).read_text("utf-8"))
