"""Makes the folder of a Space: a README with its settings, the bundle, and the app or the page around it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import find_spec
from pathlib import Path

from edgetext import __version__
from edgetext.errors import BundleError, InputError, MissingExtraError
from edgetext.escape import code, markdown, yaml
from edgetext.files import new_folder, refuse_existing, write_json
from edgetext.ours import SPACE, TEXTS
from edgetext.runtime.bundle import CONFIG_FILE, TOKENIZER_FILE, Bundle, open_bundle, title_of, write_manifest
from edgetext.runtime.manifest import MANIFEST_FILE, Manifest, Variant
from edgetext.runtime.weights import external_files
from edgetext.serve.space.vendored import ONNXRUNTIME_WEB, TOKENIZERS, take

KINDS = ("gradio", "static")

_PACKAGE = Path(__file__).parents[2]
_ASSETS = Path(__file__).parent
_STYLE = _PACKAGE / "serve" / "demo.css"
_LEFT_AT_HOME = ("__pycache__", "*.csv", "*.md")  # of edgetext's own files: the built-in data
_REQUIREMENTS = ("gradio", "numpy", "onnxruntime", "tokenizers")
_BESIDE = ("tokenizer_config.json", "special_tokens_map.json")  # for others that open the bundle
_TEXT_FIELDS = {"examples", "tuning"}  # of the manifest
_NAMED_LABELS = 20
_LICENSES = ("LICENSE", "ThirdPartyNotices.txt")


@dataclass(frozen=True)
class SpaceSettings:
    """What the maker of a Space may choose.

    Attributes:
        kind: ``gradio``: a Python app on Hugging Face's machine. ``static``: a page that runs the model in the
            visitor's browser.
        title: What the Space is called; the bundle's folder if not given.
        license: The licence that the Space names, as the Hub calls it, such as ``apache-2.0``; by default what the
            bundle tells, if it does.
        variant: The one model to take along; if not given, ``gradio`` takes the default one, and ``static`` all of
            them, so that a browser that cannot run the default one has another.
        with_texts: Whether texts of the data go along: examples, and those that a later search would use.
        vendor: A ``node_modules`` folder with what ``static`` needs; npm fetches it if not given.
    """

    kind: str = KINDS[0]
    title: str = ""
    license: str = ""
    variant: str | None = None
    with_texts: bool = False
    vendor: Path | None = None


@dataclass(frozen=True)
class _Plan:
    """What a Space is written from: what was chosen, and the manifest of the bundle as it goes along."""

    title: str
    manifest: Manifest
    settings: SpaceSettings


@dataclass(frozen=True)
class Space:
    """What was made.

    Attributes:
        path: The folder.
        title: What the Space is called.
        bytes: Size of all its files.
        left_out: The texts of the bundle that were left out, named.
    """

    path: Path
    title: str
    bytes: int
    left_out: tuple[str, ...]


def make_space(path: str | Path, output: Path, settings: SpaceSettings, *, overwrite: bool = False) -> Space:
    """Writes a folder that Hugging Face takes as a Space, and that runs on any machine as well.

    Args:
        path: The bundle.
        output: The folder to write.
        settings: What was chosen.
        overwrite: Whether a Space that edgetext wrote may be replaced.

    Raises:
        BundleError: The bundle is damaged, or a folder without a manifest.
        InputError: What a static page needs cannot be had.
        MissingExtraError: Gradio, whose version is to be pinned, is not installed.
        OutputExistsError: Something else stands at ``output``.
    """
    _check(settings)
    write = _WRITERS[settings.kind]
    refuse_existing(output, SPACE, overwrite=overwrite)
    bundle = open_bundle(path)
    if not bundle.has_manifest:
        raise BundleError(
            f"{bundle.path} has no {MANIFEST_FILE}, and a Space is made of a bundle: make one with "
            "'edgetext export CHECKPOINT -o BUNDLE'"
        )
    title = settings.title or title_of(bundle.path, bundle.manifest)
    texts = _texts(bundle)
    plan = _Plan(title, _manifest(bundle.manifest, title, settings), settings)
    with new_folder(output, SPACE, overwrite=overwrite) as folder:
        write(folder, plan)
        _take_bundle(bundle, folder / "bundle", plan.manifest)
        if settings.with_texts:
            for file in texts.keys() - _TEXT_FIELDS:
                _copy(bundle.file(file), folder / "bundle" / file)
        about = {"space_version": 1, "kind": settings.kind, "created_with": f"edgetext {__version__}"}
        write_json(folder / "space.json", about)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return Space(output, title, size, () if settings.with_texts else tuple(texts.values()))


def _check(settings: SpaceSettings) -> None:
    if settings.kind not in KINDS:
        raise InputError(f"there is no kind {settings.kind!r:.40} of Space: choose one of {', '.join(KINDS)}")
    if settings.vendor is not None and settings.kind != "static":
        raise InputError("--vendor goes with --kind static: a Space of Gradio needs nothing of npm")


def _texts(bundle: Bundle) -> dict[str, str]:
    """Names the texts of the data that a bundle holds, by the manifest's field or by file."""
    examples = bundle.manifest.extra.get("examples", ())
    files = [f"tuning/{name}" for name in TEXTS.files if (bundle.path / "tuning" / name).exists()]
    return {**({"examples": f"{len(examples)} examples"} if examples else {}), **{file: file for file in files}}


def _manifest(whole: Manifest, title: str, settings: SpaceSettings) -> Manifest:
    """Makes the manifest of what goes along."""
    default = whole.variant(settings.variant)
    chosen = whole.variants if settings.kind == "static" and settings.variant is None else (default,)
    first = whole.first_stage if whole.first_stage and whole.first_stage.variant == default.name else None
    left = {"text_model"} if settings.with_texts else {"text_model", *_TEXT_FIELDS}
    extra = {name: value for name, value in whole.extra.items() if name not in left} | {"title": title}
    return replace(
        whole, variants=tuple(chosen), default_variant=default.name, first_stage=first, extra=extra, files={}
    )


def _take_bundle(bundle: Bundle, target: Path, manifest: Manifest) -> None:
    """Copies what predictions depend on, each file checked."""
    target.mkdir()
    (target / TOKENIZER_FILE).write_bytes(bundle.tokenizer_bytes())
    for name in (CONFIG_FILE, *_BESIDE):
        if (bundle.path / name).is_file():
            (target / name).write_bytes(bundle.read(name))
    for variant in manifest.variants:
        _take_model(bundle, variant, target)
    if manifest.first_stage is not None:
        bundle.first_stage(manifest.first_stage).close()
        _copy(bundle.file(manifest.first_stage.file), target / manifest.first_stage.file)
    write_manifest(target, manifest)


def _take_model(bundle: Bundle, variant: Variant, target: Path) -> None:
    with bundle.model(variant) as held:
        beside = [] if variant.is_static else external_files(held.graph, variant.file)
    for file in (variant.file, *beside):
        _copy(bundle.file(file), target / file)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write_gradio(folder: Path, plan: _Plan) -> None:
    pins = {name: _pin(name) for name in _REQUIREMENTS}
    shutil.copytree(_PACKAGE, folder / "edgetext", ignore=shutil.ignore_patterns(*_LEFT_AT_HOME))
    with suppress(PackageNotFoundError):  # sources that nobody installed
        license_text = distribution("edgetext").read_text("licenses/LICENSE") or ""
        (folder / "edgetext" / "LICENSE").write_text(license_text, "utf-8")
    _copy(_ASSETS / "gradio" / "app.py", folder / "app.py")
    about = f"# edgetext {__version__} itself lies in edgetext/, since it is on no package index.\n"
    lines = "".join(f"{name}=={pin}\n" for name, pin in pins.items())
    (folder / "requirements.txt").write_text(about + lines, "utf-8")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    front = {"sdk": "gradio", "sdk_version": pins["gradio"], "python_version": python, "app_file": "app.py"}
    said = (
        "It runs edgetext's demo page; what is typed or dropped there goes to this Space's machine.\n\n"
        "On any other machine:\n\n```sh\npip install -r requirements.txt\npython app.py\n```\n"
    )
    _write_readme(folder, plan, front, said)


def _pin(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        raise MissingExtraError("demo", name) from None


def _write_static(folder: Path, plan: _Plan) -> None:
    needs_runtime = not all(variant.is_static for variant in plan.manifest.variants)
    packages = [TOKENIZERS, *([ONNXRUNTIME_WEB] if needs_runtime else [])]
    take(packages, folder / "vendor", plan.settings.vendor)
    if needs_runtime:  # whose npm package has no such file
        _copy_licenses("onnxruntime", folder / "vendor" / ONNXRUNTIME_WEB.folder)
    for file in sorted((_ASSETS / "static").iterdir()):
        _copy(file, folder / file.name)
    _copy(_STYLE, folder / _STYLE.name)
    brought = ", ".join(f"{package.name} {package.version}" for package in packages)
    said = (
        "It is a page of HTML, CSS and JavaScript that runs the model in the visitor's browser; no text leaves it. "
        "On any other machine, with any file server:\n\n```sh\npython -m http.server 7860\n```\n\n"
        f"`vendor/` holds, with their licences: {brought}.\n"
    )
    _write_readme(folder, plan, {"sdk": "static", "app_file": "index.html"}, said)


def _copy_licenses(package: str, target: Path) -> None:
    found = find_spec(package)
    home = Path(found.origin).parent if found and found.origin else None
    for name in _LICENSES:
        if home and (home / name).is_file():
            _copy(home / name, target / name)


def _write_readme(folder: Path, plan: _Plan, front: Mapping[str, str], said: str) -> None:
    told = plan.manifest.provenance.get("license")
    known = plan.settings.license or (told if isinstance(told, str) else "")
    values = {"title": plan.title, "colorFrom": "green", "colorTo": "gray", **front}
    values |= {"license": known} if known else {}
    lines = [
        "---",
        *(f"{name}: {yaml(value)}" for name, value in values.items()),
        "emoji: 🏷️",
        "pinned: false",
        "---",
    ]
    labels = plan.manifest.labels
    names = ", ".join(map(code, labels[:_NAMED_LABELS])) + (" and others" if len(labels) > _NAMED_LABELS else "")
    text = (
        f"# {markdown(plan.title)}\n\nA text classifier by edgetext {__version__}. Its labels: {names}.\n\n{said}"
    )
    (folder / "README.md").write_text("\n".join([*lines, "", text]), "utf-8")


_WRITERS: Mapping[str, Callable[[Path, _Plan], None]] = {
    "gradio": _write_gradio,
    "static": _write_static,
}
