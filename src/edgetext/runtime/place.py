"""Where the files of a bundle are: in its folder, wherever links lead."""

from __future__ import annotations

from pathlib import Path

from edgetext.errors import BundleError
from edgetext.reading import irregular
from edgetext.runtime.manifest import check_inside


def place_in(folder: Path, relative: str) -> Path:
    """Gives the place of a file of a bundle, with all links followed.

    Args:
        folder: The bundle's.
        relative: Path inside the bundle, with forward slashes.

    Raises:
        BundleError: There is no such file, something else stands there, or it lies outside the folder.
    """
    try:
        place = (folder / check_inside(relative)).resolve(strict=True)
        kind = irregular(place.stat().st_mode)
    except (OSError, RuntimeError):  # missing, too long a name, or links in a circle
        raise BundleError(
            f"{folder} is damaged: the file {relative:.200} is missing; copy or export it again"
        ) from None
    if not place.is_relative_to(_home(folder.resolve())):
        raise BundleError(f"{folder / relative} is a link that leaves the bundle's folder: copy the file into it")
    if kind:
        raise BundleError(f"{folder} is damaged: {relative:.200} is {kind}, and a file must stand there")
    return place


def _home(folder: Path) -> Path:
    """Gives the folder that files may lie in: in the Hub's cache, snapshots are links to blobs beside them."""
    if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--"):
        return folder.parent.parent
    return folder
