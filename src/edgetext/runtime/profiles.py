"""How the processor is used: the threads of a profile, and how they wait.

======================  ========  ==========  ==========
option                  latency   throughput  background
======================  ========  ==========  ==========
intra-op threads        usable    1           1
threads that call it    1         usable      1
spinning between calls  yes       no          no
memory pattern          yes       no          yes
======================  ========  ==========  ==========

``usable`` is ``threads.usable_threads()``. ``latency`` answers one text soonest, and its waiting threads burn
their cores between calls; ``throughput`` does the most texts a second; ``background`` leaves the machine to others.
A memory pattern plans the buffers of a run as one block, for every shape that was met; with several callers and
ever new shapes that took a third more memory and saved no time.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgetext.errors import InputError
from edgetext.runtime.threads import usable_threads

PROFILES = ("latency", "throughput", "background")


@dataclass(frozen=True)
class Profile:
    """How a session uses the processor.

    Attributes:
        name: ``latency``, ``throughput`` or ``background``.
        intra_op: Threads that work on one batch together.
        callers: Threads that run batches side by side on the one session.
        spinning: Whether waiting threads spin; sooner awake, but a whole core burnt by each.
    """

    name: str
    intra_op: int
    callers: int
    spinning: bool


def make_profile(name: str, threads: int | None = None) -> Profile:
    """Makes the profile of that name.

    Args:
        name: One of ``PROFILES``.
        threads: How many threads to use in all; by default what the affinity and the cgroup quota allow.

    Raises:
        InputError: The name is not known, or ``threads`` is no positive whole number.
    """
    if name not in PROFILES:
        raise InputError(f"there is no profile {name!r}: choose one of {', '.join(PROFILES)}")
    if threads is not None and (not isinstance(threads, int) or isinstance(threads, bool) or threads < 1):
        raise InputError(f"threads must be a whole number from 1 on, found {threads!r}")
    if name == "background":
        return Profile(name, threads or 1, 1, spinning=False)
    count = threads or usable_threads()
    if name == "throughput":
        return Profile(name, 1, count, spinning=False)
    return Profile(name, count, 1, spinning=True)


def bulk_profile(profile: Profile) -> Profile | None:
    """Makes the profile of a second session that does many texts sooner than one of the given profile.

    Returns:
        As ``throughput``, or ``None`` where that would change nothing.
    """
    return Profile("throughput", 1, profile.intra_op, spinning=False) if profile.intra_op > 1 else None
