"""The course for a room without a network: ``python course.py workshop DIR``, then ``python course.py serve DIR``.

``workshop DIR [linux|macos|windows ...]`` fills a folder, on a stick say, with the course, the packages for all three
kinds of computer (or those that are named) and for each Python that the course runs on, the public data and the site.
``serve DIR [--port N]`` offers that folder to the local network and prints the one line to type on each laptop.

Nobody in the room is trusted. The line holds the first digits of start.py's SHA-256, start.py that of the course's
zip, and the lock in that those of the packages; ``Server`` keeps its places for those who use them.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import html
import io
import math
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote

import psutil
from packaging.requirements import Requirement

from helpers import store
from helpers.sources import fetching
from tools import pack

ROOT = pack.ROOT
# Python alone and in one line, so that it is the same everywhere; no proxy, since none knows the way into this room.
LINE = (
    "import hashlib,urllib.request as u;SOURCE='{source}';b=u.build_opener(u.ProxyHandler({{}}))"
    ".open(SOURCE+'/start.py').read(99999);"
    "exec(b if hashlib.sha256(b).hexdigest()[:12]=='{digits}' else exit('Refused: not the start.py of this line'))"
)
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
SERVED = """On each laptop, with Python 3.10 to 3.13, in a terminal (for python type py on Windows, else python3):

  python -c "{line}"

Show it on the projector. Its digits, {digits}, are those of the start.py that you packed, and a
laptop takes no other. Another line protects nobody, and anyone in the room can offer one: to copy it
instead of typing, open {address}/line in the browser, and compare all of it.
{also}The site, to read without installing: {address}/site/
Anyone in this network can read all of {folder}.
Ctrl-C stops serving; what the laptops have got stays with them."""
MARKERS = ("sys_platform", "platform_system", "platform_machine", "os_name")


@dataclass(frozen=True)
class Kind:
    """A kind of computer: as people call it, what its wheels are called, and how Python's markers tell it apart."""

    title: str
    platforms: tuple[str, ...]
    markers: tuple[str, ...]  # the values of MARKERS


LINUX = (*(f"manylinux_2_{n}_x86_64" for n in range(28, 4, -1)), "manylinux2014_x86_64", "manylinux1_x86_64")
MACS = "Macs with Apple silicon, macOS 13 or later"
KINDS = {
    "linux": Kind("Linux on x86-64", LINUX, ("linux", "Linux", "x86_64", "posix")),
    "macos": Kind(MACS, ("macosx_13_0_arm64",), ("darwin", "Darwin", "arm64", "posix")),
    "windows": Kind("Windows on x86-64", ("win_amd64",), ("win32", "Windows", "AMD64", "nt")),
}
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def workshop(folder: Path, kinds: list[str]) -> list[str]:
    """Fill ``folder`` for the ``kinds`` of computers; returns what is missing, in words. What is there stays."""
    folder.mkdir(parents=True, exist_ok=True)
    print(f"Course: {pack.pack(folder / f'{pack.NAME}.zip')} files", flush=True)
    start = (ROOT / "tools" / "workshop_start.py").read_bytes()
    digest = sha256(folder / f"{pack.NAME}.zip").encode()
    with store.whole(folder / "start.py") as half:
        half.write_bytes(start.replace(b'SHA256 = ""', b'SHA256 = "%s"' % digest))
    missing = [add_wheels(folder, kind, python) for kind in kinds for python in PYTHONS]
    missing += [add_data(folder), add_site(folder)]
    here = [kind.title for kind in KINDS.values() if any(folder.glob(f"wheels/tensorflow-*-{kind.platforms[0][:3]}*"))]
    (folder / "README.txt").write_text(STICK.format(kinds="; ".join(here) or "none yet"), encoding="utf-8")
    return [reason for reason in missing if reason]


def needed(kind: Kind, python: str) -> list[str]:
    """The locked packages for a kind of computer and a Python, such as "3.11.4", each as "name==version --hash=...".

    pip would ask the Python that it runs on which of the lock's lines hold, not the one that it downloads for.
    """
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line.partition("--hash=") for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    lock = [(Requirement(head), mark + hashes) for head, mark, hashes in lines]
    markers = dict(zip(MARKERS, kind.markers)) | {"python_full_version": python, "extra": ""}
    markers["python_version"] = python.rpartition(".")[0]
    return [f"{r.name}{r.specifier} {hashes}" for r, hashes in lock if r.marker is None or r.marker.evaluate(markers)]


def add_wheels(folder: Path, kind: str, python: str) -> str:
    print(f"Packages for {KINDS[kind].title}, Python {python} ...", flush=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", f"--dest={folder / 'wheels'}"]
    command += [f"--platform={platform}" for platform in KINDS[kind].platforms]
    done, before = 0, []
    for release in (f"{python}.0", f"{python}.99"):  # the lock and the packages tell 3.11.4 from 3.11.5
        packages = [each for each in needed(KINDS[kind], release) if each not in before]
        with tempfile.TemporaryDirectory() as scratch:
            listed = Path(scratch) / "requirements.txt"
            listed.write_text("\n".join(packages), encoding="utf-8")
            if packages and not done:
                done = subprocess.call([*command, f"--python-version={release}", "-r", str(listed)])
        before += packages
    return "" if done == 0 else f"packages for {kind}, Python {python}: pip could not get them all; see above why"


def add_data(folder: Path) -> str:
    """Copy what was fetched earlier, then fetch the rest into the folder."""
    there = folder / "data" / "fetched"
    there.mkdir(parents=True, exist_ok=True)
    have = fetching.fetched_dir()
    for path in sorted(have.glob("*")) if have.is_dir() else []:
        if path.is_file() and not store.HALF.fullmatch(path.name) and not (there / path.name).exists():
            with store.whole(there / path.name) as half:
                shutil.copy(path, half)
    environment = os.environ | {"COURSE_DATA_DIR": str(folder / "data")}
    done = subprocess.call([sys.executable, "-m", "helpers.sources", "fetch"], cwd=ROOT, env=environment)
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
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with probe, contextlib.suppress(OSError):  # no way out: a hotspot
        probe.connect(("10.254.254.254", 1))
        found.sort(key=lambda address: address != probe.getsockname()[0])
    return found or ["127.0.0.1"]


@dataclass
class Guest:
    """A connection: whose, since when (seconds), whether it has asked for something, and the bytes it has taken."""

    address: str
    since: float
    asked: bool = False
    taken: int = 0
    mark: tuple[float, int] = (0, 0)  # when its pace was measured, and what it had taken by then
    pace: float = math.inf  # bytes per second


class Server(ThreadingHTTPServer):
    """Takes a room that starts all at once, ``PLACES`` connections at a time; the others wait in the system's queue.

    A connection that has not asked within ``ASK`` seconds is closed, and so is one that takes nothing for a minute.
    While others wait, that is ``ASK_FULL`` seconds, and a computer with more than ``EACH`` connections loses those
    that have not asked within ``ASK_MANY``, or take less than ``SLOW`` bytes per second. So a slow laptop keeps its
    downloads however long they take, and one that holds connections to keep the others out does not.
    Says so if the port is taken, on Windows too.
    """

    PLACES, EACH = 96, 8  # two files each at most: macOS allows a process 256
    ASK, ASK_FULL, ASK_MANY, SLOW = 10, 3, 0.5, 16_000
    request_queue_size = 4096  # or what the system can take
    allow_reuse_address = os.name != "nt"
    daemon_threads = True
    full = False

    def __init__(self, *arguments: object) -> None:
        self.guests: dict[socket.socket, Guest] = {}
        super().__init__(*arguments)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """The next one in the queue, if there is a place; an OSError makes ``serve_forever`` ask again."""
        self.full = len(self.guests) >= self.PLACES
        try:
            if self.full:
                raise BlockingIOError
            return super().get_request()
        except OSError:
            time.sleep(0.02)
            raise

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        # With a large buffer a slow laptop would seem to stand still for minutes, and then to take it all at once.
        request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 17)
        now = time.monotonic()
        self.guests[request] = Guest(client_address[0], now, mark=(now, 0))
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:
        self.guests.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Close what only takes up places; called after each connection, and twice a second."""
        now = time.monotonic()
        guests = sorted(list(self.guests.items()), key=lambda each: each[1].pace)  # list: threads take their own out
        crowd = Counter(guest.address for _, guest in guests)
        for connection, guest in guests:
            if now - guest.mark[0] > 5:
                guest.pace = (guest.taken - guest.mark[1]) / (now - guest.mark[0])
                guest.mark = (now, guest.taken)
            many = self.full and crowd[guest.address] > self.EACH
            patience = self.ASK_MANY if many else self.ASK_FULL if self.full else self.ASK
            if many and guest.pace < self.SLOW or not guest.asked and now - guest.since > patience:
                crowd[guest.address] -= 1
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)  # its thread ends

    def handle_error(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        """Nothing about a laptop that left, one line about anything else: the line to type stays on the screen."""
        if not isinstance(error := sys.exc_info()[1], OSError):
            print(f"{client_address[0]}: {error!r}"[:200], file=sys.stderr)


def hidden(path: Path) -> bool:
    """Whether a file manager hides it: ``.git``, or on Windows the bin of a whole stick."""
    state = path.lstat()
    windows = getattr(state, "st_file_attributes", 0) & (stat.FILE_ATTRIBUTE_HIDDEN | stat.FILE_ATTRIBUTE_SYSTEM)
    return path.name.startswith(".") or bool(windows or getattr(state, "st_flags", 0) & stat.UF_HIDDEN)


def find(folder: Path, url: str) -> Path | None:
    """The file of a folder, resolved, that is served as ``url``, or the folder in it if ``url`` ends in "/".

    Nothing hidden, and nothing that a link leads out to. Names are looked up and not opened, since Windows opens "NUL",
    "a.txt." and "A.TXT::$DATA" too.
    """
    path = folder
    for name in filter(None, url.split("/")):
        if not path.is_dir() or name not in os.listdir(path) or hidden(path / name):
            return None
        path /= name
    real = path.resolve()
    if real != path:
        inside = real.relative_to(folder).as_posix() if real.is_relative_to(folder) else ".."
        return find(folder, inside + "/" * url.endswith("/"))
    return path if (path.is_dir() if url.endswith("/") else path.is_file()) else None


class Handler(SimpleHTTPRequestHandler):
    """Gives out the files of a folder, the list of its wheels, and the line to type; one request per connection."""

    timeout = 60  # seconds for each 16 kB
    server_version, sys_version = "SeeingConvnets", ""

    def setup(self) -> None:
        """Read the request, 16 kB of it at most; how long that may take is the server's to say."""
        super().setup()
        head = b""
        while not re.search(rb"\n\r?\n", head) and len(head) < 1 << 14 and (more := self.connection.recv(1 << 12)):
            head += more
        self.server.guests[self.connection].asked = True
        self.rfile = io.BytesIO(head)

    def send_head(self) -> BinaryIO | None:
        """Send the headers; returns what is to follow."""
        folder, url = Path(self.directory).resolve(), unquote(self.path.partition("?")[0])
        kind, where = "text/html; charset=utf-8", ""
        try:
            if url == "/line":
                kind, body = "text/plain; charset=utf-8", io.BytesIO(self.line(folder).encode())
            elif url == "/wheels/" and (path := find(folder, url)):
                names = [name for name in os.listdir(path) if re.fullmatch(r"[^.].*\.whl", name)]
                links = "".join(f'<a href="{quote(name)}">{html.escape(name)}</a>\n' for name in sorted(names))
                body = io.BytesIO(f"<!DOCTYPE html><title>wheels</title>\n{links}".encode())
            elif path := find(folder, url + "index.html" * url.endswith("/")):
                kind, body = self.guess_type(path), path.open("rb")
            elif path := find(folder, url + "/index.html"):
                where, body = f"/{quote(path.parent.relative_to(folder).as_posix())}/", io.BytesIO()
            else:
                return self.send_error(404)
        except OSError as error:  # the stick is out
            return self.send_error(503, f"The computer that serves cannot read this: {error.strerror}")
        self.send_response(301 if where else 200)
        if where:
            self.send_header("Location", where)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(body.seek(0, os.SEEK_END)))
        self.end_headers()
        body.seek(0)
        return body

    def line(self, folder: Path) -> str:
        """The page to copy from, with the address at which this laptop found us, whatever it says of that itself."""
        address, port = self.connection.getsockname()
        line = line_to_type(folder, f"http://{address}:{port}")
        return (
            "Anyone in the room could have made this page. Compare the line that you paste with the one on the "
            f'projector.\n\nWindows:\n\npy -c "{line}"\n\nmacOS, Linux:\n\npython3 -c "{line}"\n'
        )

    def copyfile(self, source: BinaryIO, outputfile: BinaryIO) -> None:
        guest = self.server.guests[self.connection]
        while some := source.read(1 << 14):
            outputfile.write(some)
            guest.taken += len(some)

    def log_message(self, *_: object) -> None:
        """No line a file: a room makes thousands."""


def line_to_type(folder: Path, source: str) -> str:
    return LINE.format(source=source, digits=sha256(folder / "start.py")[:12])


def serve(folder: Path, port: int = 8000) -> None:
    """Serve ``folder`` until Ctrl-C. Raises OSError if the port is taken."""
    with Server(("", port), functools.partial(Handler, directory=folder)) as server:
        host, *others = own_addresses()
        address = f"http://{host}:{server.server_port}"
        also = f"If a laptop cannot reach {host}, this computer is also {', '.join(others)}.\n" if others else ""
        line, digits = line_to_type(folder, address), sha256(folder / "start.py")[:12]
        print(SERVED.format(line=line, digits=digits, address=address, also=also, folder=folder), flush=True)
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
            packed, start = folder / f"{pack.NAME}.zip", folder / "start.py"
            if not packed.is_file() or not start.is_file() or sha256(packed).encode() not in start.read_bytes():
                remedy = f"Fill it: python course.py workshop {rest[0]}"
                print(f"{folder} holds no course, or half of one. {remedy}", file=sys.stderr)
                return 1
            serve(folder, int(port))
        missing = workshop(folder, kinds)
    except KeyboardInterrupt:
        return 0 if action == "serve" else 130
    except OSError as error:
        remedy = "Nothing is lost: free the space or the port, and run it again."
        print(f"{folder}: {error.strerror or error}. {remedy}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 1e6:,.0f} MB", *missing, sep="\nMissing: " if missing else "")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
