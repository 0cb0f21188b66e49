"""Profiles, and the onnxruntime session that each of them opens.

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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn, TypedDict

import onnxruntime

from edgetext.errors import BundleError, InputError, first_line
from edgetext.fields import Rule, read_part
from edgetext.reading import listed
from edgetext.runtime.held import HeldModel
from edgetext.runtime.manifest import MANIFEST_FILE, Variant
from edgetext.runtime.threads import usable_threads
from edgetext.runtime.weights import without_weights

PROFILES = ("latency", "throughput", "background")

_SILENT = 4  # onnxruntime logs what it raises as well; the exception is enough
_LEVELS = {
    "disable": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
# A manifest may come from anywhere, and some entries name files to read or write: only these are passed on.
_CONFIG_KEYS = frozenset(
    {
        "session.disable_double_qdq_remover",
        "session.disable_prepacking",
        "session.disable_quant_qdq",
        "session.enable_quant_qdq_cleanup",
        "session.qdq_matmulnbits_accuracy_level",
        "session.set_denormal_as_zero",
        "session.x64quantprecision",
        "mlas.enable_gemm_fastmath_arm64_bfloat16",
    }
)
ONNX_ONLY = ("session.load_model_format", "ONNX")
"""A file that is of onnxruntime's own format as well would be read as that, past what was looked at here."""
_WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"
_WORD = Rule("be a word of at most 64 characters", lambda text: len(text) <= 64 and text.isprintable())


class _Options(TypedDict, total=False):
    """What a variant's ``session`` may hold."""

    graph_optimization_level: Annotated[str, Rule(f"be one of {', '.join(_LEVELS)}", _LEVELS.__contains__)]
    disabled_optimizers: tuple[str, ...]
    config: Mapping[str, Annotated[str, _WORD]]


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


def open_session(model: HeldModel, variant: Variant, profile: Profile) -> onnxruntime.InferenceSession:
    """Opens the ONNX model of a variant on the CPU; its weights are mapped from the file, which must not change.

    Args:
        model: Its files, already checked.
        variant: Says which graph optimizations to leave out, and which configuration entries to set.
        profile: Says how many threads there are.

    Raises:
        BundleError: onnxruntime cannot load the file, or the variant's session options are not ones for it.
        IntegrityError: The file that was loaded is not the one that was checked.
    """
    options = session_options(variant, profile)
    options.add_session_config_entry(_WEIGHTS_FOLDER, str(model.graph.path.parent))
    disabled = variant.session.get("disabled_optimizers", [])
    content = without_weights(model.graph)
    try:
        session = onnxruntime.InferenceSession(
            content,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=disabled or None,
            enable_fallback=0,  # it prints to stdout, and tries the same provider once more
        )
    except Exception as error:  # onnxruntime's exceptions share no base but this one
        raise BundleError(
            f"{model.graph.path} cannot be loaded by onnxruntime {onnxruntime.__version__}: {first_line(error)}"
        ) from error
    model.check_unchanged()  # onnxruntime opened what had the name then
    return session


def session_options(variant: Variant, profile: Profile) -> onnxruntime.SessionOptions:
    """Makes the options of a session from what the variant and the profile say.

    Raises:
        BundleError: The variant's session options are not ones that edgetext knows.
    """
    _check(variant.session)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = profile.intra_op
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = profile.callers == 1
    options.log_severity_level = _SILENT
    options.graph_optimization_level = _LEVELS[variant.session.get("graph_optimization_level", "all")]
    options.add_session_config_entry(*ONNX_ONLY)
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if profile.spinning else "0")
    for key, value in variant.session.get("config", {}).items():
        options.add_session_config_entry(key, value)
    return options


def _check(session: Mapping[str, Any]) -> None:
    options = read_part(_Options, session, f"{MANIFEST_FILE}: session", error=BundleError)
    for name in session.keys() - _Options.__annotations__.keys():
        _refuse(name, tuple(_Options.__annotations__))
    for name in options.get("config", {}).keys() - _CONFIG_KEYS:
        _refuse(name, sorted(_CONFIG_KEYS))


def _refuse(name: str, known: Sequence[str]) -> NoReturn:
    raise BundleError(
        f"{MANIFEST_FILE}: the session option {listed([name])} is none that edgetext passes on: {', '.join(known)}"
    )
