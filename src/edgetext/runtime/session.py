"""The onnxruntime session of a variant: which of its options a profile and the manifest set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NoReturn, TypedDict

import onnxruntime

from edgetext.errors import BundleError, first_line
from edgetext.fields import Rule, read_part
from edgetext.reading import listed
from edgetext.runtime.held import HeldModel
from edgetext.runtime.manifest import MANIFEST_FILE, Variant
from edgetext.runtime.profiles import Profile
from edgetext.runtime.weights import without_weights

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
