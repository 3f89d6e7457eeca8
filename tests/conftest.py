"""Fixtures that keep the tests off this machine's own data, caches and network."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from helpers import profile
from helpers.profile import ROOT
from helpers.sources import fetching, finding


@pytest.fixture
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No data anywhere, and a mirror that refuses connections. Gives the (empty) data folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("COURSE_DATA_DIR", str(folder))
    monkeypatch.setenv("COURSE_MIRROR", "http://127.0.0.1:9")  # the discard port: nothing listens
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("COURSE_DATA", "auto")
    monkeypatch.setattr(finding, "KAGGLE_INPUT", tmp_path / "kaggle")
    for name in ("NO_PROXY", "no_proxy"):  # loopback is not to be reached through a proxy
        monkeypatch.setenv(name, "*")
    monkeypatch.setattr(fetching, "_answers", {})
    monkeypatch.setattr(profile, "cache_dir", lambda: tmp_path / "cache")
    return folder


class Mirror(BaseHTTPRequestHandler):
    """Serves ``files``; ``mode`` "cut" ends each in the middle, "slow" waits there."""

    files: dict[str, bytes] = {}
    mode = "good"
    requests = 0

    def do_HEAD(self):
        self.send_response(200 if self.path[1:] in self.files else 404)
        self.end_headers()

    def do_GET(self):
        type(self).requests += 1
        content = self.files.get(self.path[1:])
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        half = len(content) // 2
        self.wfile.write(content[:half])
        if self.mode == "slow":
            time.sleep(1.5)
        if self.mode != "cut":
            self.wfile.write(content[half:])

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(empty_machine, monkeypatch: pytest.MonkeyPatch):
    """A server on this machine, used as COURSE_MIRROR."""
    Mirror.files, Mirror.mode, Mirror.requests = {}, "good", 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("COURSE_MIRROR", f"http://127.0.0.1:{server.server_port}")
    yield Mirror
    server.shutdown()
    server.server_close()


@pytest.fixture
def small_digits() -> dict[str, np.ndarray]:
    """Twelve training and four test images in the form of mnist.npz."""
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (12, 28, 28)).astype(np.uint8),
        "y_train": (np.arange(12) % 10).astype(np.uint8),
        "x_test": rng.integers(0, 256, (4, 28, 28)).astype(np.uint8),
        "y_test": np.arange(4).astype(np.uint8),
    }


@pytest.fixture
def says(capsys: pytest.CaptureFixture):
    """Run a self-check of an exercise on an answer (or several) and give the one line that it prints."""

    def line(check, *answers) -> str:
        capsys.readouterr()
        assert check(*answers) is None, "a check prints, and gives nothing back"
        shown, errors = capsys.readouterr()
        assert errors == "" and shown.endswith("\n") and shown.count("\n") == 1, (shown, errors)
        assert shown.startswith(("right: ", "not yet: ")), shown
        return shown.strip()

    return line


# What the copied script runs in place of the course's own modules: it says what it was given.
ECHO = """
import os, sys, time
import course_probe
SHOWN = "COURSE_DATA", "COURSE_PROFILE", "PYTHONUTF8", "COURSE_MIRROR"
print("ran", sys.argv[1:], {k: os.environ.get(k) for k in SHOWN}, flush=True)
if sys.argv[1:] == ["wait"]:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(1)
        print("cleaned up")
sys.exit(3)
"""


def empty_wheel(folder: Path, name: str, version: str) -> str:
    """A package with one empty module, for every computer and Python; returns the line of a lock that names it."""
    name = name.replace("-", "_")
    info = f"{name}-{version}.dist-info/"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(info + "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(info + "RECORD", "")
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """course.py in a folder whose name has a space, a lock that asks for one package, and a wheelhouse."""
    folder = tmp_path / "the course"
    modules = (
        ("helpers", "sources"),
        ("tools", "experiments"),
        ("tools", "site"),
        ("tools", "workshop"),
        ("pytest", "__main__"),
    )
    for package, module in modules:
        (folder / package).mkdir(parents=True, exist_ok=True)
        (folder / package / "__init__.py").write_text("")
        (folder / package / f"{module}.py").write_text(ECHO)
    shutil.copy(ROOT / "course.py", folder)
    (folder / "wheels").mkdir()
    (folder / "requirements.lock").write_text(empty_wheel(folder / "wheels", "course-probe", "1.0"))
    return folder
