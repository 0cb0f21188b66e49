"""What a quick import leaves behind: the environment and the collector as they were, and threads that sleep."""

import gc
import json
import os
import subprocess
import sys

import pytest

from edgetext.lazy import import_quickly

SPY = "import gc, os\nseen = (os.environ.get('OPENBLAS_THREAD_TIMEOUT'), gc.isenabled())\n"
TIMEOUT = "OPENBLAS_THREAD_TIMEOUT"


@pytest.fixture
def spy(tmp_path, monkeypatch):
    """Gives what a module sees while it is imported, as in a process that has no numpy yet."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv(TIMEOUT, raising=False)
    monkeypatch.delitem(sys.modules, "numpy")

    def import_one(name):
        (tmp_path / f"{name}.py").write_text(SPY)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return import_quickly(name).seen

    return import_one


def test_threads_are_told_to_sleep_and_nothing_is_collected_meanwhile(spy):
    assert spy("quick_one") == ("20", False)
    assert TIMEOUT not in os.environ and gc.isenabled()


def test_what_somebody_chose_stays(spy, monkeypatch):
    monkeypatch.setenv(TIMEOUT, "28")
    gc.disable()
    try:
        assert spy("quick_two") == ("28", False)
        assert os.environ[TIMEOUT] == "28" and not gc.isenabled()
    finally:
        gc.enable()


def test_numpy_that_is_there_already_is_left_alone(spy, monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy", sys)
    assert spy("quick_three") == (None, False)


def test_an_import_that_fails_leaves_everything_as_it_was(spy):
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        import_quickly("no_such_module")
    assert TIMEOUT not in os.environ and gc.isenabled()


def test_a_predictor_is_imported_so():
    code = (
        "import os, sys, json, edgetext\n"
        "seen = []\n"
        "class Finder:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name == 'numpy': seen.append(os.environ.get('OPENBLAS_THREAD_TIMEOUT'))\n"
        "sys.meta_path.insert(0, Finder)\n"
        "edgetext.Predictor\n"
        "print(json.dumps([seen, os.environ.get('OPENBLAS_THREAD_TIMEOUT')]))"
    )
    environment = {name: value for name, value in os.environ.items() if name != TIMEOUT}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert json.loads(done.stdout) == [["20"], None]
