"""Packages of npm that a page without a server needs: fetched by npm, or taken from a ``node_modules``.

At 14 MB they are no part of the wheel. Whichever way they come, each file must be that whose SHA-256 stands here,
so that what a page runs is what was tried with it.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgetext.errors import InputError
from edgetext.escape import terminal
from edgetext.reading import parse_json, read_bytes

_MAX_BYTES = 64 << 20  # of a file, and of a package
_FETCH_SECONDS = 300
_OPTIONS = ("--json", "--ignore-scripts", "--loglevel=silent", "--fetch-retries=1", "--fetch-retry-mintimeout=1000")


@dataclass(frozen=True)
class NpmPackage:
    """A package in the one version that is used.

    Attributes:
        name: On the registry.
        version: Its version.
        files: SHA-256 by path inside the package.
    """

    name: str
    version: str
    files: Mapping[str, str]

    @property
    def spec(self) -> str:
        """What npm calls it."""
        return f"{self.name}@{self.version}"

    @property
    def folder(self) -> str:
        """What its folder is called where it is taken to: its name without the owner's."""
        return self.name.rpartition("/")[2]


TOKENIZERS = NpmPackage(
    "@huggingface/tokenizers",
    "0.2.0",
    {
        "LICENSE": "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4",
        "dist/tokenizers.min.mjs": "258e46332101335ce8d95aed7745b19ac3b46d37f3e159a89cf894c2ea9b1d3a",
    },
)
ONNXRUNTIME_WEB = NpmPackage(
    "onnxruntime-web",
    "1.31.0-dev.20260914-8d85527a0",  # which transformers.js 4.3.1 brings
    {
        "dist/ort.wasm.bundle.min.mjs": "17b52c1ac62b421dc508b4c28b9a9675251c6e25dd512ef54b83a5e2c4242869",
        "dist/ort-wasm-simd-threaded.wasm": "06ba057753da3847e4c24f02d91ab133455b0817c69a44993a9a53a2146df9e3",
    },
)


def take(packages: Sequence[NpmPackage], target: Path, node_modules: Path | None = None) -> None:
    """Writes the files of packages, a folder each.

    Args:
        packages: What to take.
        target: The folder to make folders in.
        node_modules: Where they are installed; npm fetches them if not given.

    Raises:
        InputError: npm or the network is missing, or a file is not the one that is pinned.
    """
    for package in packages:
        files = _installed(package, node_modules) if node_modules else _fetched(package)
        folder = target / package.folder
        folder.mkdir(parents=True)
        for name, content in files.items():
            _check(package, name, content)
            (folder / Path(name).name).write_bytes(content)


def _installed(package: NpmPackage, node_modules: Path) -> dict[str, bytes]:
    home = node_modules / package.name
    if not home.is_dir():
        raise InputError(
            f"{node_modules} has no {package.name}: give a node_modules folder with {package.spec}, such as "
            f"'npm install --ignore-scripts {package.spec}' makes, by --vendor"
        )
    return {name: read_bytes(home / name, _MAX_BYTES) for name in package.files}


def _fetched(package: NpmPackage) -> dict[str, bytes]:
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(
            f"{package.spec} must be fetched, and npm is not installed: install Node.js, or give a node_modules "
            "folder that has it by --vendor"
        )
    with tempfile.TemporaryDirectory(prefix="edgetext-npm-") as folder:
        _pack(npm, package, Path(folder))
        (packed,) = Path(folder).glob("*.tgz")
        with tarfile.open(packed) as archive:
            return {name: _member(archive, package, name) for name in package.files}


def _pack(npm: str, package: NpmPackage, folder: Path) -> None:
    """Lets npm download a package's archive; none of its code is run."""
    try:
        done = subprocess.run(
            [npm, "pack", package.spec, *_OPTIONS],
            cwd=folder,  # no configuration of a project that happens to be around
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _not_fetched(package, f"nothing came within {_FETCH_SECONDS} seconds") from None
    if done.returncode != 0:
        raise _not_fetched(package, _summary(done.stdout) or f"exit code {done.returncode}")


def _summary(answer: str) -> str:
    """Finds npm's own sentence in what ``--json`` prints of an error."""
    with suppress(InputError, KeyError, TypeError):
        return str(parse_json(answer.encode(), "npm's answer")["error"]["summary"])
    return ""


def _not_fetched(package: NpmPackage, reason: str) -> InputError:
    return InputError(
        f"npm cannot fetch {package.spec} ({terminal(reason)[:200]}): check the network, or give a node_modules "
        "folder that has it by --vendor"
    )


def _member(archive: tarfile.TarFile, package: NpmPackage, name: str) -> bytes:
    try:
        stream = archive.extractfile(f"package/{name}")
    except KeyError:
        stream = None
    if stream is None:
        raise InputError(f"{package.spec} as npm fetched it has no {name}: another registry seems to answer")
    with stream:
        return stream.read(_MAX_BYTES)


def _check(package: NpmPackage, name: str, content: bytes) -> None:
    found, expected = hashlib.sha256(content).hexdigest(), package.files[name]
    if found != expected:
        raise InputError(
            f"{name} is not that of {package.spec}: its SHA-256 is {found[:12]}..., expected {expected[:12]}...; "
            "give a node_modules folder with that version, or let npm fetch it"
        )
