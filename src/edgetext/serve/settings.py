"""How a service answers, whom, and how much of it; what the command line chooses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from edgetext.errors import InputError

_MOST = 1 << 40
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Answering:
    """How the bundles are opened; see ``Predictor``."""

    variant: str | None = None
    profile: str = "throughput"
    threads: int | None = None
    truncation: str = "head"
    deterministic: bool = False
    min_confidence: float | None = None
    first_stage: str = "auto"
    verify: bool = True


@dataclass(frozen=True)
class Batching:
    """How texts wait for the model.

    Attributes:
        queue: Texts that may be taken and not yet answered, of all requests and models of a process; a request that
            comes when they are is refused at once.
        batch: The most texts in a batch.
        wait_ms: How long a batch that could begin waits for more texts. Whatever comes while the model is busy is a
            batch anyway.
    """

    queue: int = 64
    batch: int = 32
    wait_ms: float = 0

    def __post_init__(self) -> None:
        """Raises ``InputError`` where a number cannot be meant."""
        _check_positive(self, but=("wait_ms",))


@dataclass(frozen=True)
class Limits:
    """What a request may hold, and how long it may take to come.

    Attributes:
        body_bytes: Of its body.
        texts: In it, a pair being one.
        characters: Of a text, or of both texts of a pair.
        read_s: Seconds for its head, and as many for its body.
        drain_s: Seconds that requests which were taken have when the service is told to stop; half as many go by
            before none is taken any more where they do not cease to come.
    """

    body_bytes: int = 4 << 20
    texts: int = 256
    characters: int = 100_000
    read_s: float = 10
    drain_s: float = 30

    def __post_init__(self) -> None:
        """Raises ``InputError`` where a number cannot be meant."""
        _check_positive(self)


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        host: The address that the service listens on.
        names: Names that it goes by beside those of this machine; ``*`` for any.
        keys_file: Has the API keys, one a line; without keys anybody may ask.
        certificate: Its TLS certificate, in PEM; plain HTTP without one.
        private_key: The certificate's key.
    """

    host: str = "127.0.0.1"
    names: tuple[str, ...] = ()
    keys_file: str | None = None
    certificate: str | None = None
    private_key: str | None = None


@dataclass(frozen=True)
class ServiceSettings:
    """All that a service is told.

    Attributes:
        bundles: Name and path of each; the first answers what names none.
        log_texts: Whether the log holds the texts.
        workers: How many processes share the socket.
    """

    bundles: tuple[tuple[str, str], ...]
    answering: Answering = field(default_factory=Answering)
    batching: Batching = field(default_factory=Batching)
    limits: Limits = field(default_factory=Limits)
    access: Access = field(default_factory=Access)
    log_texts: bool = False
    workers: int = 1

    def __post_init__(self) -> None:
        """Raises ``InputError`` where options contradict one another."""
        if self.workers < 1:
            raise InputError(f"a service has 1 worker or more, found {self.workers}")
        if self.access.private_key and not self.access.certificate:
            raise InputError("--tls-key is the key of a certificate: give --tls-cert too")


def named(words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Makes names and paths of bundles as they are typed: ``NAME=PATH``, or a path whose last part is the name.

    Raises:
        InputError: A name does not fit into an address, or two are the same.
    """
    found: dict[str, str] = {}
    for word in words:
        name, separator, path = word.partition("=")
        if not separator or Path(word).exists():
            name, path = Path(word).absolute().name.partition("@")[0], word
        if not _NAME.fullmatch(name) or not path:
            raise InputError(
                f"{word!r:.100} gives the model no name for an address (letters, digits, '.', '_', '-'): "
                "name it, as in NAME=BUNDLE"
            )
        if name in found:
            raise InputError(f"two bundles go by the name {name!r}: name them, as in NAME=BUNDLE")
        found[name] = path
    return tuple(found.items())


def _check_positive(settings: Batching | Limits, but: Sequence[str] = ()) -> None:
    for item in fields(settings):
        value = getattr(settings, item.name)
        if not (value >= 0 if item.name in but else value > 0) or value > _MOST:
            raise InputError(f"{item.name} must be a number above 0, found {value}")
