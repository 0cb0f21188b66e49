"""Loads a model that others made, through transformers: none of its code is run, no pickle opened, nothing made up.

transformers makes up weights that a file lacks or has in another shape; here they are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgetext.errors import ModelError, first_line, needs_extra
from edgetext.files import write_json
from edgetext.foreign.check import NO_PADDING, too_few_embeddings
from edgetext.foreign.versions import transformers_version
from edgetext.reading import read_object

if TYPE_CHECKING:
    from edgetext.task import Task, Text

_SEGMENTS = "token_type_ids"
_ANY_CLASS = "PreTrainedTokenizerFast"
_LOCAL = {"trust_remote_code": False, "local_files_only": True}


@dataclass(frozen=True)
class Source:
    """Where a model is loaded from.

    Attributes:
        name: What messages call it.
        location: The folder (see ``clean_room``).
    """

    name: str
    location: str


def load_config(source: Source, *, extra: str) -> Any:
    """Loads the config, which knows the sizes of any architecture by the same names.

    Args:
        source: Where it is.
        extra: What brings transformers, for the message where it is missing.

    Raises:
        ModelError: It cannot be loaded, or is of no architecture that transformers has.
        MissingExtraError: transformers is not installed.
    """
    with needs_extra(extra):
        from transformers import AutoConfig
    with _as_model_error(source, "the config"):
        return AutoConfig.from_pretrained(source.location, **_LOCAL)


def load_tokenizer(source: Source, *, extra: str) -> Any:
    """Loads the fast tokenizer.

    Args:
        source: Where it is.
        extra: What brings transformers, for the message where it is missing.

    Raises:
        ModelError: It cannot be loaded, is not a fast one, or has no padding token.
        MissingExtraError: transformers is not installed.
    """
    with needs_extra(extra):
        from transformers import AutoTokenizer
    with _as_model_error(source, "the tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(source.location, use_fast=True, **_LOCAL)
        _refuse_empty(tokenizer, Path(source.location))
    if not tokenizer.is_fast:
        raise ModelError(
            f"{source.name}: it has no fast tokenizer (tokenizer.json), which is needed to run without torch"
        )
    if tokenizer.pad_token_id is None:
        raise ModelError(f"{source.name}: {NO_PADDING}")
    if transformers_version() >= (5, 0):
        _take_from_file(tokenizer, Path(source.location) / "tokenizer.json")
        _give_segments(tokenizer, Path(source.location))
    return tokenizer


def _refuse_empty(tokenizer: Any, folder: Path) -> None:
    """Refuses a tokenizer without a vocabulary: transformers 5 makes an empty one where there is no file of it."""
    names = sorted({name for name in tokenizer.vocab_files_names.values() if name})
    if not any((folder / name).is_file() for name in names):
        raise FileNotFoundError(f"there is no {' or '.join(names)}")


def _take_from_file(tokenizer: Any, file: Path) -> None:
    """Lets a tokenizer split texts as ``tokenizer.json`` says: that is what the model learned from.

    transformers 5 takes the vocabulary from the file and rebuilds the rest as the class has it, which can differ.
    """
    if not file.is_file():
        return
    from tokenizers import Tokenizer

    kept, own = Tokenizer.from_file(str(file)), tokenizer.backend_tokenizer
    for part in ("model", "normalizer", "pre_tokenizer", "post_processor", "decoder"):
        setattr(own, part, getattr(kept, part))


def _give_segments(tokenizer: Any, folder: Path) -> None:
    """Lets a tokenizer tell a pair's second text from its first if the model has segments, as transformers 4 does.

    In 5 some classes leave that out, and the one for tokenizers without a class.
    """
    names = tokenizer.model_input_names
    settings, config = (_read(folder / name) for name in ("tokenizer_config.json", "config.json"))
    segments = config.get("type_vocab_size")
    if "model_input_names" in settings or _SEGMENTS in names or not isinstance(segments, int) or segments < 2:
        return
    if any(tokenizer("a", "b", return_token_type_ids=True)[_SEGMENTS]):
        tokenizer.model_input_names = [*names, _SEGMENTS]


def _read(file: Path) -> dict[str, Any]:
    return read_object(file, error=ModelError) if file.is_file() else {}


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Saves a tokenizer so that transformers 4 and 5 both load it.

    Where it has no class of its own, transformers 5 names one that 4 does not know; both know ``_ANY_CLASS``. Nor
    does 5 write ``special_tokens_map.json``, which others want beside a model (fastembed opens none without it).
    """
    tokenizer.save_pretrained(folder)
    special = folder / "special_tokens_map.json"
    if not special.is_file():
        write_json(special, _special_tokens(tokenizer))
    path = folder / "tokenizer_config.json"
    settings = _read(path)
    if settings.get("tokenizer_class") == "TokenizersBackend":
        settings["tokenizer_class"] = _ANY_CLASS
    if tokenizer.model_input_names != type(tokenizer).model_input_names:
        settings["model_input_names"] = tokenizer.model_input_names
    write_json(path, settings)


def _special_tokens(tokenizer: Any) -> dict[str, Any]:
    """Lists the special tokens by their roles as transformers 4 writes them: with what surrounds them."""
    traits = ("content", "lstrip", "normalized", "rstrip", "single_word")
    known = {
        token.content: {trait: getattr(token, trait) for trait in traits}
        for token in tokenizer.added_tokens_decoder.values()
    }
    return {
        role: known[one] if isinstance(one, str) else [known[each] for each in one]
        for role, one in tokenizer.special_tokens_map.items()
    }


def load_classifier(source: Source, *, extra: str, dtype: Any = "float32", task: Task | None = None) -> Any:
    """Loads the model as a sequence classifier.

    Args:
        source: Where it is.
        extra: What brings transformers, for the message where it is missing.
        dtype: What its weights are computed in.
        task: For a new head, which then is random; ``None`` keeps the one that there is.

    Raises:
        ModelError: It cannot be loaded, lacks weights, or has some of another shape.
        MissingExtraError: transformers is not installed.
    """
    with needs_extra(extra):
        import transformers
    head = {} if task is None else _head(task)
    with _as_model_error(source, "the model"), _no_bars():
        model, loaded = transformers.AutoModelForSequenceClassification.from_pretrained(
            source.location,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # said below, for all of them and in a line
            output_loading_info=True,
            **{"dtype" if transformers_version() >= (4, 56) else "torch_dtype": dtype},
            **_LOCAL,
            **head,
        )
    body = f"{model.base_model_prefix}." if task is not None else ""
    _refuse_made_up(source, model, loaded, body)
    return model


def tokenize(tokenizer: Any, texts: Sequence[Text], max_length: int, **options: Any) -> Any:
    """Makes token ids of texts, all single or all pairs, cut at ``max_length``; of a pair the longer text first."""
    firsts = [text if isinstance(text, str) else text[0] for text in texts]
    seconds = [text[1] for text in texts if not isinstance(text, str)]
    return tokenizer(firsts, seconds or None, truncation=True, max_length=max_length, **options)


def check_numbers(name: str, tensors: Iterable[tuple[str, Any]]) -> None:
    """Refuses weights that are no finite numbers.

    Args:
        name: What messages call the model.
        tensors: ``named_parameters()`` of a torch model.

    Raises:
        ModelError: Some are NaN or infinite.
    """
    if wrong := [tensor for tensor, value in tensors if not value.isfinite().all()]:
        raise ModelError(
            f"{name}: {len(wrong)} of its weights hold NaN or infinity, such as {wrong[0]}: the training diverged; "
            "train it again with a lower learning rate"
        )


def check_embeddings(name: str, tokenizer: Any, model: Any) -> None:
    """Refuses a tokenizer that gives ids for which the model has no embedding; ``check_parts`` saw only files.

    Raises:
        ModelError: It does.
    """
    try:
        rows = getattr(model.get_input_embeddings(), "num_embeddings", None)
    except NotImplementedError:  # CANINE reads characters, and has no table of tokens
        return
    largest = max(tokenizer.get_vocab().values(), default=0)
    if isinstance(rows, int) and largest >= rows:
        raise ModelError(f"{name}: {too_few_embeddings(largest, rows)}")


def _head(task: Task) -> dict[str, Any]:
    return {
        "num_labels": len(task.labels),
        "id2label": dict(enumerate(task.labels)),
        "label2id": dict(task.index),
        "problem_type": task.problem_type,  # decides the loss, in transformers too
    }


def _refuse_made_up(source: Source, model: Any, loaded: dict[str, Any], body: str) -> None:
    """Refuses weights that are random now; with a new head only the body's, whose pooler pretraining may lack."""
    missing = sorted(name for name in loaded["missing_keys"] if name.startswith(body))
    if body:
        missing = [name for name in missing if "pooler" not in name]
    if missing:
        others = ", ..." if len(missing) > 3 else ""
        raise ModelError(
            f"{source.name} lacks the weights {', '.join(missing[:3])}{others}: "
            + ("it is not whole; give another base model" if body else "fine-tune it with 'edgetext train'")
        )
    for key in loaded["mismatched_keys"]:
        name = key if isinstance(key, str) else key[0]  # later versions of transformers give the shapes with it
        if name.startswith(body):
            raise ModelError(_other_shape(source, name, model))


def _other_shape(source: Source, name: str, model: Any) -> str:
    """Says which shape a tensor has; a base may be saved without the prefix that it has in a classifier."""
    found = _shape(source, {name, name.removeprefix(f"{model.base_model_prefix}.")})
    wanted = tuple(model.state_dict()[name].shape)
    return (
        f"{source.name}: {name} has {f'the shape {found}' if found else 'another shape'}, and config.json asks for "
        f"{wanted}: they are of different models; copy the folder again"
    )


def _shape(source: Source, names: set[str]) -> tuple[int, ...] | None:
    from safetensors import safe_open

    for file in Path(source.location).glob("*.safetensors"):
        with safe_open(file, framework="pt") as tensors:
            if held := names & set(tensors.keys()):
                return tuple(tensors.get_slice(held.pop()).get_shape())
    return None


@contextmanager
def _no_bars() -> Iterator[None]:
    """Keeps transformers 5 from drawing a bar for the weights of each model that is loaded."""
    from transformers.utils import logging

    before = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if before:
            logging.enable_progress_bar()


@contextmanager
def _as_model_error(source: Source, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # what others' files make transformers raise has no common root below this one
        cause = first_line(error).replace(source.location, source.name)
        raise ModelError(
            f"{source.name}: {what} in the folder cannot be loaded ({cause}); expected config.json, safetensors "
            "and tokenizer.json as transformers saves them"
        ) from error
