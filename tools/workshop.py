"""The course for a room without a network: ``python course.py workshop DIR``, then ``python course.py serve DIR``.

``workshop DIR [linux|macos|windows ...]`` fills a folder, on a stick say, with the course, the packages for all three
kinds of computer (or those that are named) and for each Python that the course runs on, the public data and the site.
``serve DIR [--port N]`` offers that folder to the local network and prints the one line to type on each laptop.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
from packaging.requirements import Requirement

from helpers import fetching, keeping
from tools import pack

ROOT = pack.ROOT
LINE = "import urllib.request as u; SOURCE='{source}'; exec(u.urlopen(SOURCE + '/start.py').read())"
STICK = """Seeing Convnets, for a room without a network.

On a laptop with Python 3.10 to 3.13, in a terminal, in the folder where the course shall be: run start.py of this
folder. If the stick is called STICK, and on Windows is E:
    Windows   py E:\\start.py
    macOS     python3 /Volumes/STICK/start.py
    Linux     python3 /media/$USER/STICK/start.py
or type py or python3, a space, and drag start.py from the stick's window into the terminal.
To serve it to a room, on one laptop with the course:
    python course.py serve DIR     (DIR: this folder)
There are packages for {kinds}. Another kind of computer cannot install from here.
"""


@dataclass(frozen=True)
class Kind:
    """A kind of computer: as people call it, what its wheels are called, and how Python's markers tell it apart."""

    title: str
    platforms: tuple[str, ...]
    markers: dict[str, str]


KINDS = {
    "linux": Kind(
        "Linux on x86-64",
        (*(f"manylinux_2_{n}_x86_64" for n in range(28, 4, -1)), "manylinux2014_x86_64", "manylinux1_x86_64"),
        {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"},
    ),
    "macos": Kind(
        "Macs with Apple silicon, macOS 13 or later",
        ("macosx_13_0_arm64",),
        {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64", "os_name": "posix"},
    ),
    "windows": Kind(
        "Windows on x86-64",
        ("win_amd64",),
        {"sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64", "os_name": "nt"},
    ),
}
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def workshop(folder: Path, kinds: list[str]) -> list[str]:
    """Fill ``folder`` for the ``kinds`` of computers; returns what is missing, in words. What is there stays."""
    folder.mkdir(parents=True, exist_ok=True)
    print(f"Course: {pack.pack(folder / f'{pack.NAME}.zip')} files", flush=True)
    shutil.copy(ROOT / "tools" / "workshop_start.py", folder / "start.py")
    missing = [add_wheels(folder, kind, python) for kind in kinds for python in PYTHONS]
    missing += [add_data(folder), add_site(folder)]
    here = [kind.title for kind in KINDS.values() if any(folder.glob(f"wheels/tensorflow-*-{kind.platforms[0][:3]}*"))]
    (folder / "README.txt").write_text(STICK.format(kinds="; ".join(here) or "none yet"), encoding="utf-8")
    return [reason for reason in missing if reason]


def needed(kind: Kind, python: str) -> list[str]:
    """The locked packages for a kind of computer and a Python, each as "name==version", and uv, which installs them.

    pip would ask the Python that it runs on which of the lock's lines hold, not the one that it downloads for.
    """
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    lock = [Requirement(line) for line in lines if line and not line.lstrip().startswith("#")]
    markers = kind.markers | {"python_version": python, "python_full_version": f"{python}.1", "extra": ""}
    return [f"{r.name}{r.specifier}" for r in lock if r.marker is None or r.marker.evaluate(markers)] + ["uv"]


def add_wheels(folder: Path, kind: str, python: str) -> str:
    print(f"Packages for {KINDS[kind].title}, Python {python} ...", flush=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", f"--python-version={python}", f"--dest={folder / 'wheels'}"]
    command += [f"--platform={platform}" for platform in KINDS[kind].platforms]
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch) / "requirements.txt"
        listed.write_text("\n".join(needed(KINDS[kind], python)), encoding="utf-8")
        done = subprocess.call([*command, "-r", str(listed)])
    return "" if done == 0 else f"packages for {kind}, Python {python}: pip could not get them all; see above why"


def add_data(folder: Path) -> str:
    """Copy what was fetched earlier, then fetch the rest into the folder."""
    there = folder / "data" / "fetched"
    there.mkdir(parents=True, exist_ok=True)
    have = fetching.fetched_dir()
    for path in sorted(have.glob("*")) if have.is_dir() else []:
        if path.is_file() and not fetching.HALF.fullmatch(path.name) and not (there / path.name).exists():
            with keeping.whole(there / path.name) as half:
                shutil.copy(path, half)
    environment = os.environ | {"COURSE_DATA_DIR": str(folder / "data")}
    done = subprocess.call([sys.executable, "-m", "helpers.data", "fetch"], cwd=ROOT, env=environment)
    return "" if done == 0 else "data: not all of it; without it the notebooks take drawn images and 5,000 digits"


def add_site(folder: Path) -> str:
    built = ROOT / "build" / "site"
    if not (built / "index.html").is_file():
        return "site: build it with `python course.py site`, then run this again"
    shutil.copytree(built, folder / "site", dirs_exist_ok=True)
    return ""


def own_addresses() -> list[str]:
    """This computer's addresses in local networks, the likeliest first; 127.0.0.1 if it is in none. Sends nothing."""
    up = {card for card, state in psutil.net_if_stats().items() if state.isup}  # Windows keeps those of other days
    every = [address for card, addresses in psutil.net_if_addrs().items() if card in up for address in addresses]
    found = [each.address for each in every if each.family == socket.AF_INET and not each.address.startswith("127.")]
    found.sort(key=lambda address: address.startswith("169.254."))  # its own invention: no router gave it one
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
        contextlib.suppress(OSError),
    ):  # no way out: a hotspot
        probe.connect(("10.254.254.254", 1))
        found.sort(key=lambda address: address != probe.getsockname()[0])
    return found or ["127.0.0.1"]


class Server(ThreadingHTTPServer):
    """Takes a room that starts all at once; says so if the port is taken, on Windows too."""

    request_queue_size = 256
    allow_reuse_address = os.name != "nt"


def serve(folder: Path, port: int = 8000) -> None:
    """Serve ``folder`` until Ctrl-C. Raises OSError if the port is taken."""

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            """A file of the folder, or the line to type, under the address at which this laptop found us."""
            if self.path != "/line":
                return super().do_GET()
            line = LINE.format(source=f"http://{self.headers['Host']}")
            text = f'Windows:\n\npy -c "{line}"\n\nmacOS, Linux:\n\npython3 -c "{line}"\n'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """No line a file: a room makes thousands."""

    with Server(("", port), functools.partial(Handler, directory=folder)) as server:
        host, *others = own_addresses()
        address = f"http://{host}:{server.server_port}"
        print(
            "On each laptop, with Python 3.10 to 3.13, in a terminal (for python type py on Windows, else python3):\n"
        )
        print(f'  python -c "{LINE.format(source=address)}"\n')
        print(f"To copy it there instead of typing, open {address}/line in the browser.")
        if others:
            print(f"If a laptop cannot reach {host}, this computer is also {', '.join(others)}.")
        print(f"The site, to read without installing: {address}/site/")
        print("Ctrl-C stops serving; what the laptops have got stays with them.", flush=True)
        server.serve_forever()


def main(arguments: list[str]) -> int:
    action, *rest = arguments
    port, kinds = "8000", list(KINDS)
    if action == "serve" and rest[1:2] == ["--port"] and len(rest) == 3:
        rest, port = rest[:1], rest[2]
    if action == "workshop" and len(rest) > 1 and set(rest[1:]) <= set(KINDS):
        rest, kinds = rest[:1], rest[1:]
    if len(rest) != 1 or rest[0].startswith("-") or not port.isdigit() or int(port) > 65535:
        options = "[--port N]" if action == "serve" else f"[{'|'.join(KINDS)} ...]"
        print(f"Usage: python course.py {action} DIR {options}", file=sys.stderr)
        return 2
    folder = Path(rest[0]).expanduser().resolve()
    try:
        if action == "serve":
            if not (folder / f"{pack.NAME}.zip").is_file():
                print(f"{folder} holds no course. Fill it: python course.py workshop {rest[0]}", file=sys.stderr)
                return 1
            serve(folder, int(port))
        missing = workshop(folder, kinds)
    except KeyboardInterrupt:
        return 0 if action == "serve" else 130
    except OSError as error:
        print(
            f"{folder}: {error.strerror or error}. Nothing is lost: free the space or the port, and run it again.",
            file=sys.stderr,
        )
        return 1
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 1e6:,.0f} MB", *missing, sep="\nMissing: " if missing else "")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
