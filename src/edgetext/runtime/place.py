"""Where the files of a bundle are: in its folder, wherever links lead."""

from __future__ import annotations

from pathlib import Path

from edgetext.errors import BundleError
from edgetext.foreign.files import home, is_lfs_pointer
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
    if not place.is_relative_to(home(folder.resolve())):
        raise BundleError(f"{folder / relative} is a link that leaves the bundle's folder: copy the file into it")
    if kind:
        raise BundleError(f"{folder} is damaged: {relative:.200} is {kind}, and a file must stand there")
    if is_lfs_pointer(place):
        raise BundleError(f"{folder / relative} is a Git LFS pointer, not the file: fetch it with 'git lfs pull'")
    return place
