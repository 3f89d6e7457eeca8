"""Every notebook alone in an empty folder, on the stacks of hosted machines: the oldest, and Colab's of August 2026.

The course is a read-only input, five folders deep as on Kaggle, or a zip beside the notebook as on Colab. Takes twenty
minutes and two gigabytes: only with ``python course.py test --all``. Layouts and versions are simulated; GPUs are not.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.profile import ROOT
from tools import notebooks, pack

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="hosted machines run Linux"),
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


STACKS = {"oldest": "TensorFlow 2.19.0, Keras 3.10.0", "colab": "TensorFlow 2.20.0, Keras 3.13.2"}


@pytest.fixture(scope="module")
def hosted() -> Callable[[str], Path]:
    """Gives the Python of an environment with a stack's versions, kept in build/ for the next time."""

    def python(stack: str) -> Path:
        lock, folder = ROOT / "tests" / f"hosted-{stack}.txt", ROOT / "build" / "hosted" / stack
        stamp, wanted = folder / "stamp.txt", lock.read_text(encoding="utf-8")
        if not stamp.is_file() or stamp.read_text() != wanted:
            base = {"oldest": sys.executable, "colab": shutil.which("python3.13") or "python3.13"}[stack]
            fits = {"oldest": "sys.version_info < (3, 13)", "colab": "sys.version_info >= (3, 13)"}[stack]
            if subprocess.run([base, "-c", f"import sys; sys.exit(not {fits})"], capture_output=True).returncode:
                pytest.skip(f"no Python for the stack of tests/{lock.name}, see its first lines")
            subprocess.run([base, "-m", "venv", "--clear", folder], check=True)
            subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-q", "-r", lock], check=True)
            stamp.write_text(wanted)
        return folder / "bin" / "python"

    return python


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """What Kaggle shows as /kaggle/input, with the course attached as a dataset; nobody may write there."""
    folder = tmp_path_factory.mktemp("hosted") / "kaggle" / "input"
    pack.pack(folder.parents[1] / "seeing-convnets.zip")
    shutil.unpack_archive(folder.parents[1] / "seeing-convnets.zip", folder / "datasets" / "owner" / "slug" / "zip")
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)


@pytest.mark.parametrize("path", notebooks.find([]), ids=lambda path: path.stem)
@pytest.mark.parametrize(("stack", "beside"), [("oldest", "input"), ("colab", "zip")])
def test_a_notebook_runs_alone(path, stack, beside, hosted, inputs, tmp_path):
    empty, home = tmp_path / "working", inputs.parent / f"home-{stack}"
    empty.mkdir()
    home.mkdir(exist_ok=True)
    source = path.read_text(encoding="utf-8")
    if beside == "input":
        assert '\\"/kaggle/**' in source
        source = source.replace("/kaggle/**", f"{inputs.parent}/**")
    else:
        shutil.copy(inputs.parents[1] / "seeing-convnets.zip", empty)
    (empty / path.name).write_text(source, encoding="utf-8")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("COURSE_", "PYTHON", "JUPYTER"))}
    environment = kept | {"HOME": str(home), "COURSE_DATA": "drawn", "COURSE_PROFILE": "quick"}
    options = {"cwd": empty, "env": environment, "capture_output": True, "text": True, "timeout": 1800}
    probe = subprocess.run(["touch", inputs / "probe"], preexec_fn=without_override, capture_output=True)
    assert probe.returncode != 0, "the inputs can be written to: nothing is tested"
    command = [hosted(stack), "-c", RUN, path.name]
    done = subprocess.run(command, preexec_fn=without_override if beside == "input" else None, **options)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert not told["failed"], told["failed"]
    assert STACKS[stack] in told["text"] and told["stderr"] == ""
    assert told["figures"] > 0
    print(f"{path.name}: {told['seconds']} s, {told['figures']} figures")
    shutil.rmtree(empty)
