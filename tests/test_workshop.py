"""The course as one file, and a room without a network: filled, served and installed from, on loopback alone."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import types
import zipfile
from pathlib import Path

import pytest

from helpers.profile import ROOT
from tests.conftest import empty_wheel
from tools import pack, workshop

# Whatever goes beyond loopback meets a port where no one listens.
ALONE = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "PIP_PROXY")}
NO_PAUSE = "import time;time.sleep=lambda _:None;"


def test_the_pack_holds_what_a_notebook_needs_and_no_more(tmp_path, capsys):
    assert pack.main([str(tmp_path / "course.zip")]) == 0
    assert "Colab" in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "course.zip") as archive:
        names = archive.namelist()
    finder, *folder = names  # imported from the zip by a notebook that lies beside it
    inside = {name.removeprefix("seeing-convnets/") for name in folder}
    assert finder == "seeing_convnets.py" in inside and len(inside) == len(folder)
    assert all(name.startswith("seeing-convnets/") for name in folder)
    patterns = "notebooks/*.ipynb results/*.json helpers/**/*.py docs/*.jpg course.py LICENSE*"
    patterns += " data/models/menagerie.*.h5"
    wanted = [path for pattern in patterns.split() for path in ROOT.glob(pattern)]
    assert {path.relative_to(ROOT).as_posix() for path in wanted} <= inside
    assert not [name for name in inside if re.match(r"tests|build|\.|data/(cache|fetched)", name) or ".pyc" in name]
    assert (tmp_path / "course.zip").stat().st_size < 20e6, "Colab's upload takes minutes for more"
    pack.pack(tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "course.zip").read_bytes(), "start.py holds its digest"


def test_a_pack_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path, capsys, monkeypatch):
    assert pack.main(["course.tar"]) == 2 and "ends in .zip" in capsys.readouterr().err
    monkeypatch.setattr(zipfile.ZipFile, "writestr", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    assert pack.main([str(tmp_path / "course.zip")]) == 1
    assert "could not be written: No space left" in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.fixture
def stick(course, tmp_path, monkeypatch, capsys) -> Path:
    """A folder that ``workshop`` filled from the tiny course of ``conftest``, with its one wheel and one data file."""
    monkeypatch.setattr(pack, "ROOT", course)
    monkeypatch.setattr(pack, "FOLDERS", ("helpers", "tools", "pytest"))
    monkeypatch.setattr(workshop, "ROOT", course)
    (course / "tools").mkdir(exist_ok=True)
    shutil.copy(ROOT / "tools" / "workshop_start.py", course / "tools")
    shutil.copy(ROOT / pack.FIRST, course)
    empty_wheel(course / "wheels", "uv", "1.0")
    with zipfile.ZipFile(course / "wheels" / "uv-1.0-py3-none-any.whl", "a") as wheel:
        wheel.writestr("uv/__init__.py", "raise SystemExit(1)")  # so that pip does it
    with (course / "requirements.lock").open("a") as lock:
        lock.write(f"uv==1.0 --hash=sha256:{workshop.sha256(course / 'wheels' / 'uv-1.0-py3-none-any.whl')}\n")
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    (fetched / "digits.npz").write_bytes(b"digits")
    monkeypatch.setattr(workshop.fetching, "fetched_dir", lambda: fetched)

    def add_wheels(folder: Path, kind: str, python: str) -> str:
        shutil.copytree(course / "wheels", folder / "wheels", dirs_exist_ok=True)
        (folder / "wheels" / f"tensorflow-2-{workshop.KINDS[kind].platforms[-1]}.whl").touch()
        return f"packages for {kind}" * (python == "3.13")

    monkeypatch.setattr(workshop, "add_wheels", add_wheels)
    folder = tmp_path / "the stick"
    missing = workshop.workshop(folder, ["linux", "windows"])
    wanted = ["packages for linux", "packages for windows", "data", "site"]
    assert [reason.split(":")[0] for reason in missing] == wanted, "the stand-in fetches nothing"
    text = (folder / "README.txt").read_text()
    assert "packages for Linux on x86-64; Windows on x86-64." in text
    assert (folder / "data" / "fetched" / "digits.npz").read_bytes() == b"digits"
    return folder


@pytest.fixture(scope="module")
def every_package(tmp_path_factory) -> Path:
    """A folder with an empty stand-in for each package that the lock names, for whatever computer."""
    folder = tmp_path_factory.mktemp("wheels")
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text("utf-8"), re.M):
        empty_wheel(folder, name, version)
    return folder


@pytest.mark.parametrize("kind", workshop.KINDS)
def test_each_computer_gets_the_packages_that_the_lock_has_for_it(kind, every_package):
    """Compared with what uv, which reads the lock in its own way, would install there."""
    pytest.importorskip("uv", reason="course.py installed with pip alone")
    for python in (f"{python}.{patch}" for python in workshop.PYTHONS for patch in (0, 99)):
        wanted = {line.split()[0].lower() for line in workshop.needed(workshop.KINDS[kind], python)}
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-deps", "--no-header", "--no-annotate"]
        command += [f"--python-platform={kind}", f"--python-version={python}", "--no-index"]
        command += ["--offline", f"--find-links={every_package}", "requirements.lock"]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
        assert wanted == set(told.stdout.lower().split()) and len(wanted) > 100
        assert any("uv==" in name for name in wanted)


def test_a_folder_has_the_packages_for_every_release_of_a_python(tmp_path, monkeypatch):
    """The lock may name one version for 3.11.4 and another for 3.11.5; pip takes no two in one call."""
    calls = []

    def download(command: list[str]) -> int:
        names = [line.split()[0] for line in Path(command[-1]).read_text(encoding="utf-8").splitlines()]
        calls.append((*names, next(part for part in command if part.startswith("--python-version"))[-4:]))
        return 0

    monkeypatch.setattr(workshop.subprocess, "call", download)
    (tmp_path / "requirements.lock").write_text(
        "same==1 --hash=sha256:0\n"
        'other==1 ; python_full_version < "3.11.5" --hash=sha256:1\n'
        'other==2 ; python_full_version >= "3.11.5" --hash=sha256:2\n'
    )
    monkeypatch.setattr(workshop, "ROOT", tmp_path)
    assert workshop.add_wheels(tmp_path, "linux", "3.11") == ""
    assert calls == [("same==1", "other==1", "11.0"), ("other==2", "1.99")]
    assert workshop.add_wheels(tmp_path, "linux", "3.12") == "" and len(calls) == 3


def laptop(tmp_path: Path, *command: str, times: int = 1) -> str:
    """What the command prints in an empty folder, where only loopback can be reached."""
    empty = tmp_path / "a laptop"
    empty.mkdir(exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("COURSE_", "PIP_", "UV_"))} | ALONE
    call = {"cwd": empty, "env": environment, "capture_output": True, "text": True, "timeout": 300}
    done = [subprocess.run([sys.executable, *command], **call) for _ in range(times)][-1]
    return f"{done.returncode} {done.stdout}{done.stderr}"


@pytest.fixture
def room(stick, tmp_path):
    """The stick served as a computer serves it whose processes may open 256 files; gives the port.

    What the server tells lies in ``told``, its errors in ``printed``.
    """
    resource = pytest.importorskip("resource", reason="Windows sets no such limit")
    code = (
        "import pathlib, sys; from tools import workshop; workshop.own_addresses = lambda: ['127.0.0.1', '192.0.2.7'];"
        "workshop.serve(pathlib.Path(sys.argv[1]), 0)"
    )
    (stick / "wheels" / "large.whl").write_bytes(bytes(8_000_000))
    (stick / "wheels" / "small.whl").write_bytes(b"w" * 40_000)
    command = [sys.executable, "-c", code, str(stick)]
    with (tmp_path / "printed").open("w") as errors:
        server = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)),
        )  # fmt: skip
    told = ""
    while "Ctrl-C" not in told and server.poll() is None:
        told += server.stdout.readline()
    (tmp_path / "told").write_text(told)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    yield int(re.search(r"127.0.0.1:(\d+)", told).group(1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    server.kill()
    server.wait()


def ask(port: int, request: str, source: str = "127.0.0.1") -> socket.socket:
    """A connection on which this was sent."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0))
    connection.sendall(request.encode("latin-1"))
    return connection


def answer(connection: socket.socket) -> bytes:
    with connection, contextlib.suppress(ConnectionError):  # what was sent back, until the other side closed
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))
    return b""


def body(port: int, request: str) -> bytes:
    return answer(ask(port, request)).partition(b"\r\n\r\n")[2]


GET = "GET {} HTTP/1.1\r\nHost: h\r\n\r\n"


def test_a_laptop_installs_from_the_one_that_serves_and_keeps_what_it_has(stick, room, tmp_path):
    told = (tmp_path / "told").read_text()
    assert "cannot reach 127.0.0.1, this computer is also 192.0.2.7." in told
    line = re.search(r'python -c "(.*)"', told).group(1)
    source = f"http://127.0.0.1:{room}"
    offered = body(room, GET.format("/line")).decode().splitlines()
    assert f'py -c "{line}"' in offered and f'python3 -c "{line}"' in offered
    assert source in line and workshop.sha256(stick / "start.py")[:12] in line and len(line) < 300
    shown = laptop(tmp_path, "-c", line, "data", "fetch")
    assert shown.startswith("3 ") and "Unpacking" in shown and "ran ['fetch']" in shown, shown
    assert f"'COURSE_MIRROR': '{source}/data/fetched'" in shown
    own = tmp_path / "a laptop" / "seeing-convnets" / "helpers" / "sources.py"
    own.write_text(own.read_text() + "# mine")
    shown = laptop(tmp_path, "-c", line, "data")
    assert "is in" in shown and "Installing" not in shown and own.read_text().endswith("# mine")
    shown = laptop(tmp_path, "-c", line.replace(str(room), "9"), "data")
    assert shown.startswith("1 ") and "URLError" in shown, "the computer that serves is gone"


def test_twenty_laptops_at_once_get_everything_beside_slow_and_hostile_ones(room, tmp_path):
    """Each opens 100 connections, and then reads them; all come from one address, as behind a router."""
    slow = ask(room, GET.format("/wheels/large.whl"), "127.0.0.2" if sys.platform != "darwin" else "127.0.0.1")
    done, read = threading.Event(), [0]

    def reads_slowly() -> None:
        while not done.wait(0.2):
            read[0] += len(slow.recv(2_000))

    threading.Thread(target=reads_slowly).start()
    hostile = [ask(room, "GET /start.py HTTP/1.1\r\n") for _ in range(300)]
    hostile += [ask(room, GET.format("/wheels/large.whl")) for _ in range(100)]  # and never reads
    for _ in range(50):
        ask(room, GET.format("/wheels/large.whl")).close()
    got = []

    def laptop() -> None:
        connections = [ask(room, GET.format("/wheels/small.whl")) for _ in range(100)]
        got.extend(answer(connection).partition(b"\r\n\r\n")[2] == b"w" * 40_000 for connection in connections)

    laptops = [threading.Thread(target=laptop) for _ in range(20)]
    for each in laptops:
        each.start()
    for each in laptops:
        each.join(100)
    assert got == [True] * 2000
    done.set()
    assert read[0] + len(answer(slow)) > 8_000_000 or sys.platform == "darwin", "has one address for all of this"
    for connection in hostile:
        connection.close()
    assert (tmp_path / "printed").read_text() == "", "nothing scrolls the line to type away"


REFUSED = r"""
/.hidden /%2ehidden /.ssh/id /link.txt /folder/secret.txt /inner.txt /wheels/.hidden.whl
/../secret.txt /%2e%2e/secret.txt /..%2fsecret.txt /wheels/../../secret.txt /..\secret.txt /..%5csecret.txt
/site/..%00/secret.txt //../secret.txt /wheels/%252e%252e/secret.txt http://other/../secret.txt
/START.PY /start.py. /start.py::$DATA /start.py%20 /start.py/ /start.py%00 /CON /C:/ /pipe / /data/ /folder/
"""


def test_only_files_of_the_folder_are_served(room, stick):
    secret = stick.parent / "secret.txt"
    secret.write_text("SECRET")
    (stick / ".ssh").mkdir()
    for path in (stick / ".hidden", stick / ".ssh" / "id", stick / "wheels" / ".hidden.whl"):
        path.write_text("SECRET")
    (stick / "link.txt").symlink_to(secret)
    (stick / "folder").symlink_to(stick.parent)
    (stick / "inner.txt").symlink_to(stick / ".hidden")
    (stick / "again.txt").symlink_to(stick / "README.txt")
    os.mkfifo(stick / "pipe")
    (stick / "site").mkdir()
    (stick / "site" / "index.html").write_text("the site")
    refused = [f"/{secret}", f"//{secret}", str(secret), "/" + "a/" * 5000, *REFUSED.split()]
    for url in refused:
        reply = answer(ask(room, GET.format(url)))
        assert reply.startswith(b"HTTP/1.0 404") and b"SECRET" not in reply, url
    for url in ("/README.txt", "/again.txt", "/README.txt?x=1", "//README.txt"):
        assert body(room, GET.format(url)) == (stick / "README.txt").read_bytes(), url
    assert body(room, GET.format("/site/")) == b"the site"
    assert b"Location: /site/\r\n" in answer(ask(room, GET.format("//site")))
    listed = body(room, GET.format("/wheels/")).decode()
    assert "large.whl" in listed and "hidden" not in listed
    assert answer(ask(room, GET.format("/start.py").replace("GET", "HEAD"))).endswith(b"\r\n\r\n")


def test_odd_requests_do_no_harm(room, stick, tmp_path):
    before = (stick / "start.py").read_bytes()
    start = "GET /start.py HTTP/1.1\r\n"
    for request, first in (
        (GET.format("/start.py") * 20, b"HTTP/1.0 200"),
        (start + "Range: bytes=" + ",".join(["0-"] * 900) + "\r\n\r\n", b"HTTP/1.0 200"),
        (start + "A: b\r\n" * 5_000, b""),
        (start + "A: " + "b" * 100_000, b""),
        (start.replace("1.1", "9.9") + "\r\n", b""),
        ("GET /start.py\r\n\r\n", b""),
        ("POST /start.py HTTP/1.1\r\nContent-Length: 9\r\n\r\n123456789", b"HTTP/1.0 501"),
        ("CONNECT 127.0.0.1:22 HTTP/1.1\r\n\r\n", b"HTTP/1.0 501"),
        ("GET http://127.0.0.1:22/ HTTP/1.1\r\n\r\n", b"HTTP/1.0 404"),
        ("\x00\xff\r\n\r\n", b""),
    ):
        assert answer(ask(room, request)).startswith(first), request[:99]
        assert body(room, GET.format("/start.py")) == before == (stick / "start.py").read_bytes()
    for host in ("evil.example", "evil'+'x", 'evil"; rm -rf ~; "', "127.0.0.1:1"):
        line = body(room, f"GET /line HTTP/1.1\r\nHost: {host}\r\n\r\n").decode()
        assert f"SOURCE='http://127.0.0.1:{room}'" in line and "evil" not in line and "127.0.0.1:1'" not in line
    assert (tmp_path / "printed").read_text() == ""


@pytest.mark.parametrize(
    ("replaced", "told"),
    [
        ("start.py", "Refused"),
        ("seeing-convnets.zip", "is not the one that was packed"),
        ("wheels/course_probe-1.0-py3-none-any.whl", "DO NOT MATCH THE HASHES"),
        ("wheels/uv-1.0-py3-none-any.whl", "DO NOT MATCH THE HASHES"),
    ],
)
def test_what_another_put_in_the_teachers_place_is_refused(stick, room, tmp_path, replaced, told):
    """As the one in the middle would, who sees the line as well."""
    line = workshop.line_to_type(stick, f"http://127.0.0.1:{room}")
    path, mark = stick / replaced, tmp_path / "ran"
    if replaced.endswith(".py"):
        path.write_bytes(path.read_bytes() + f"open({str(mark)!r}, 'w')".encode())
    else:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("evil.pth", f"import os; open({str(mark)!r}, 'w')")
            archive.writestr("../../escaped.txt", "")
    shown = laptop(tmp_path, "-c", line, "data")
    assert shown.startswith("1 ") and told in shown and "ran []" not in shown and "Traceback" not in shown, shown
    assert not mark.exists() and not list(tmp_path.rglob("escaped.txt"))
    assert not list(tmp_path.glob("a laptop/**/course_probe.py"))


def test_a_laptop_installs_from_the_stick(stick, tmp_path):
    shown = laptop(tmp_path, str(stick / "start.py"), "data")
    assert shown.startswith("3 ") and "Copying digits.npz" in shown and "ran []" in shown, shown
    course = tmp_path / "a laptop" / "seeing-convnets"
    assert (course / "data" / "fetched" / "digits.npz").read_bytes() == b"digits"
    assert not course.with_name("seeing-convnets.half").exists()


def test_a_server_that_is_gone_in_mid_sentence_is_said(stick, tmp_path):
    class Handler(workshop.Handler):
        def copyfile(self, source, target) -> None:
            target.write(source.read()[: 100 if self.path.endswith(".zip") else None])

    with workshop.Server(("", 0), functools.partial(Handler, directory=stick)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        line = workshop.line_to_type(stick, f"http://127.0.0.1:{server.server_port}")
        shown = laptop(tmp_path, "-c", NO_PAUSE + line)
        server.shutdown()
    assert shown.startswith("1 ") and "run the same line again" in shown and "Traceback" not in shown
    assert not (tmp_path / "a laptop" / "seeing-convnets").exists()


def test_a_stick_that_is_cut_short_leaves_no_half_course(stick, tmp_path):
    packed = stick / "seeing-convnets.zip"
    packed.write_bytes(packed.read_bytes()[:-40])
    shown = laptop(tmp_path, str(stick / "start.py"), times=2)
    assert shown.startswith("1 ") and "run the same line again" in shown and "Traceback" not in shown
    assert not (tmp_path / "a laptop" / "seeing-convnets").exists()


def test_a_file_that_was_copied_in_half_is_copied_again(stick, tmp_path, monkeypatch):
    (stick / "data" / "fetched" / "digits.npz").unlink()

    def breaks_off(source: Path, target: Path) -> None:
        Path(target).write_bytes(b"dig")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full, pytest.raises(OSError, match="No space left"):
        full.setattr(shutil, "copy", breaks_off)
        workshop.add_data(stick)
    assert not list((stick / "data" / "fetched").iterdir())
    workshop.add_data(stick)
    assert (stick / "data" / "fetched" / "digits.npz").read_bytes() == b"digits"


def test_the_address_to_type_is_that_of_a_network_that_is_on(monkeypatch):
    cards = {"lo": "127.0.0.1", "yesterday": "203.0.113.1", "cable": "169.254.7.7", "hotspot": "203.0.113.2"}
    listed = {card: [types.SimpleNamespace(family=socket.AF_INET, address=address)] for card, address in cards.items()}
    state = {card: types.SimpleNamespace(isup=card != "yesterday") for card in cards}
    monkeypatch.setattr(workshop.psutil, "net_if_addrs", lambda: listed)
    monkeypatch.setattr(workshop.psutil, "net_if_stats", lambda: state)
    assert workshop.own_addresses() == ["203.0.113.2", "169.254.7.7"]
    del listed["cable"], listed["hotspot"]
    assert workshop.own_addresses() == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["serve"], 2, "Usage: python course.py serve DIR [--port N]"),
        (["serve", "a", "--port", "many"], 2, "Usage"),
        (["workshop", "--help"], 2, "Usage: python course.py workshop DIR [linux|macos|windows ...]"),
        (["workshop", "a", "amiga"], 2, "Usage"),
        (["serve", "nowhere"], 1, "holds no course, or half of one. Fill it: python course.py workshop nowhere"),
    ],
)
def test_wrong_arguments(arguments, code, message, capsys):
    assert workshop.main(arguments) == code and message in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(stick, capsys):
    with workshop.Server(("", 0), workshop.SimpleHTTPRequestHandler) as other:
        code = workshop.main(["serve", str(stick), "--port", str(other.server_port)])
    assert code == 1 and "Address already in use" in capsys.readouterr().err
