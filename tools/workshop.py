"""The course for a room without a network: ``python course.py workshop DIR``, then ``python course.py serve DIR``.

``workshop`` fills a folder, on a stick say, with the course, the packages for computers like this one, the public
data and the site. Run it on a computer of each kind that will come (Windows, macOS, Linux; each adds its packages).
``serve [--port N]`` offers that folder to the local network and prints the one line to type on each laptop.
"""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from helpers import fetching
from tools import pack

ROOT = pack.ROOT
LINE = "import urllib.request as u; SOURCE='http://{host}:{port}'; exec(u.urlopen(SOURCE + '/start.py').read())"
STICK = """Seeing Convnets, for a room without a network.

From this folder, on a laptop with Python 3.10 to 3.13, in the folder where the course shall be:
    python {start}
To serve it to a room, on one laptop with the course:
    python course.py serve {folder}
Packages are here for the kinds of computer on which `python course.py workshop` was run into this folder.
"""


def workshop(folder: Path) -> list[str]:
    """Fill ``folder``; returns what is missing, in words. What is there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    print(f"Course: {pack.pack(folder / f'{pack.NAME}.zip')} files", flush=True)
    shutil.copy(ROOT / "tools" / "workshop_start.py", folder / "start.py")
    (folder / "README.txt").write_text(STICK.format(start=folder / "start.py", folder=folder), encoding="utf-8")
    return [reason for step in (add_wheels, add_data, add_site) if (reason := step(folder))]


def add_wheels(folder: Path) -> str:
    print("Packages for computers like this one (700 MB, some minutes) ...", flush=True)
    lock = ["-r", str(ROOT / "requirements.lock"), "uv"]
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", *lock]
    done = subprocess.call([*download, "--dest", str(folder / "wheels")])
    return "" if done == 0 else "packages: pip could not get them all; the lines above say why"


def add_data(folder: Path) -> str:
    """Copy what was fetched earlier, then fetch the rest into the folder."""
    there = folder / "data" / "fetched"
    there.mkdir(parents=True, exist_ok=True)
    have = fetching.fetched_dir()
    for path in sorted(have.glob("*")) if have.is_dir() else []:
        if path.is_file() and not (there / path.name).exists():
            shutil.copy(path, there)
    environment = os.environ | {"COURSE_DATA_DIR": str(folder / "data")}
    done = subprocess.call([sys.executable, "-m", "helpers.data", "fetch"], cwd=ROOT, env=environment)
    return "" if done == 0 else "data: not all of it; without it the notebooks take drawn images and 5,000 digits"


def add_site(folder: Path) -> str:
    built = ROOT / "build" / "site"
    if not (built / "index.html").is_file():
        return "site: build it with `python course.py site`, then run this again"
    shutil.copytree(built, folder / "site", dirs_exist_ok=True)
    return ""


def own_address() -> str:
    """This computer's address in the local network; 127.0.0.1 if it is in none. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 1))
            return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"


def serve(folder: Path, port: int = 8000) -> None:
    """Serve ``folder`` until Ctrl-C. Raises OSError if the port is taken."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """No line a file: a room makes thousands."""

    with ThreadingHTTPServer(("", port), functools.partial(Handler, directory=folder)) as server:
        host, port = own_address(), server.server_port
        print("On each laptop, with Python 3.10 to 3.13, in a terminal (Windows: py in place of python):\n")
        print(f'  python -c "{LINE.format(host=host, port=port)}"\n')
        print(f"The site, to read without installing: http://{host}:{port}/site/")
        print("Ctrl-C stops serving; what the laptops have got stays with them.", flush=True)
        server.serve_forever()


def main(arguments: list[str]) -> int:
    action, *rest = arguments
    port = 8000
    if action == "serve" and "--port" in rest and rest.index("--port") + 1 < len(rest):
        at = rest.index("--port")
        port, rest = rest[at + 1], rest[:at] + rest[at + 2 :]
    if len(rest) != 1 or rest[0].startswith("-") or not str(port).isdigit() or int(port) > 65535:
        print(f"Usage: python course.py {action} DIR" + " [--port N]" * (action == "serve"), file=sys.stderr)
        return 2
    folder = Path(rest[0]).expanduser().resolve()
    try:
        if action == "serve":
            if not (folder / f"{pack.NAME}.zip").is_file():
                print(f"{folder} holds no course. Fill it: python course.py workshop {rest[0]}", file=sys.stderr)
                return 1
            serve(folder, int(port))
        missing = workshop(folder)
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
