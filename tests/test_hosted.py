"""Every notebook alone in an empty folder, on the stack of hosted machines, the course beside it and read-only.

Takes ten minutes and a gigabyte: only with ``python course.py test --all``. What is simulated is Kaggle's layout and
the versions; its GPUs are not.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from helpers.profile import ROOT
from tools import notebooks, pack

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="hosted machines run Linux"),
    pytest.mark.skipif(sys.version_info >= (3, 13), reason="TensorFlow 2.19 ends at Python 3.12"),
]
RUN = """
import json, sys, time
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
notebook = nbformat.read(sys.argv[1], as_version=4)
begun, failed = time.perf_counter(), ""
try:
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
except CellExecutionError as error:
    failed = str(error)[-1500:]
outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
print(json.dumps({"seconds": round(time.perf_counter() - begun, 1), "failed": failed,
    "text": "".join(output.get("text", "") for output in outputs if output.get("name") == "stdout"),
    "stderr": "".join(output["text"] for output in outputs if output.get("name") == "stderr"),
    "figures": sum("image/png" in output.get("data", {}) for output in outputs)}))
"""


def without_override() -> None:
    """In the child: read-only means read-only, for root too (drops CAP_DAC_OVERRIDE)."""
    if sys.platform == "linux" and os.getuid() == 0:
        ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


@pytest.fixture(scope="module")
def hosted() -> Path:
    """The Python of an environment with the hosted versions, kept in build/ for the next time."""
    folder = ROOT / "build" / "hosted"
    lock = ROOT / "tests" / "hosted-requirements.txt"
    stamp = folder / "stamp.txt"
    if not stamp.is_file() or stamp.read_text() != lock.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-q", "-r", lock], check=True)
        stamp.write_text(lock.read_text())
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """What Kaggle shows as /kaggle/input, with the course attached as a dataset; nobody may write there."""
    folder = tmp_path_factory.mktemp("kaggle") / "input"
    packed = folder.parent / "course.zip"
    pack.pack(packed)
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder / "the-course")
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)


@pytest.mark.parametrize("path", notebooks.find([]), ids=lambda path: path.stem)
def test_a_notebook_runs_alone_beside_a_read_only_course(path, hosted, inputs, tmp_path):
    empty, home = tmp_path / "working", inputs.parent / "home"
    empty.mkdir()
    home.mkdir(exist_ok=True)
    source = path.read_text(encoding="utf-8")
    assert '\\"/kaggle/input\\"' in source
    (empty / path.name).write_text(source.replace("/kaggle/input", str(inputs)), encoding="utf-8")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("COURSE_", "PYTHON", "JUPYTER"))}
    environment = kept | {"HOME": str(home), "COURSE_DATA": "drawn", "COURSE_PROFILE": "quick"}
    command = [hosted, "-c", RUN, path.name]
    options = {"cwd": empty, "env": environment, "capture_output": True, "text": True, "timeout": 900}
    probe = subprocess.run(["touch", inputs / "probe"], preexec_fn=without_override, capture_output=True)
    assert probe.returncode != 0, "the inputs can be written to: nothing is tested"
    done = subprocess.run(command, preexec_fn=without_override, **options)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert not told["failed"], told["failed"]
    assert "TensorFlow 2.19.0, Keras 3.10.0" in told["text"] and told["stderr"] == ""
    assert told["figures"] > 0 or path.stem.startswith("00")
    print(f"{path.name}: {told['seconds']} s, {told['figures']} figures")
    shutil.rmtree(empty)
