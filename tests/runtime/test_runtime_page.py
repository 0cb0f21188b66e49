"""What docs/runtime.md says of errors and of containers is so."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import edgetext
from edgetext import Predictor, errors
from edgetext.cli.main import build_parser

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/runtime.md").read_text("utf-8")
RECORDED = json.loads((ROOT / "benchmarks/results/installed_size.json").read_text("utf-8"))["packages"]
IMPORTED = {package["name"] for package in RECORDED if package["imported"]}
# Where the name of a package is not that of its module.
MODULES = {"PyYAML": "yaml", "protobuf": "google.protobuf"}


def dockerfile() -> dict[str, list[str]]:
    """Gives the words of the last line of each instruction."""
    (block,) = re.findall(r"```dockerfile\n(.*?)```", PAGE, re.DOTALL)
    lines = (line.split(maxsplit=1) for line in block.replace("\\\n", " ").splitlines())
    return {name: json.loads(rest) if rest.startswith("[") else shlex.split(rest) for name, rest in lines}


def test_the_table_of_errors_names_classes_of_the_tree() -> None:
    section = PAGE.partition("## Errors")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert len(named) >= 4
    for name in named:
        kind = getattr(edgetext, name)
        assert kind is getattr(errors, name) and issubclass(kind, errors.EdgetextError) and kind.exit_code == 2


def test_the_image_installs_what_a_prediction_imports_and_nothing_else() -> None:
    words = dockerfile()["RUN"]
    assert words[:2] == ["pip", "install"] and "--no-deps" in words
    wheel = f"/tmp/edgetext-{edgetext.__version__}-py3-none-any.whl"
    assert set(words[words.index("/tmp/constraints.txt") + 1 :]) == (IMPORTED - {"edgetext"}) | {wheel}
    constraints = (ROOT / "constraints.txt").read_text("utf-8")
    assert all(f"\n{package}==" in constraints for package in IMPORTED - {"edgetext"})


def test_its_entry_point_is_a_command() -> None:
    program, *words = dockerfile()["ENTRYPOINT"]
    assert program == "edgetext"
    assert build_parser(words).parse_args(words).command == "predict"


def test_a_prediction_works_without_what_is_left_out(tiny_bundle: Path) -> None:
    left = [MODULES.get(item["name"], item["name"].replace("-", "_")) for item in RECORDED if not item["imported"]]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({left!r}))\n"  # None there makes an import fail
        "from edgetext.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "predict", str(tiny_bundle), "--json", "a dog"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    with Predictor(tiny_bundle) as classify:
        assert json.loads(done.stdout)["label"] == classify("a dog").label


def test_the_web_server_answers(tiny_bundle: Path) -> None:
    import httpx

    snippet = next(
        block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "import FastAPI" in block
    )
    names: dict[str, Any] = {"__name__": "example"}
    exec(snippet.replace("runs/food_not_food/bundle", str(tiny_bundle)), names)

    async def ask(**parameters: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=names["app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/classify", params=parameters)

    with Predictor(tiny_bundle) as classify:
        assert asyncio.run(ask(text="a dog in the park")).json()["label"] == classify("a dog in the park").label
    assert asyncio.run(ask()).status_code == 422
