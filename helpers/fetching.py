"""Fetching public files: with checksums, from their own address or from a mirror, given up in time.

``COURSE_MIRROR`` replaces every address (see helpers.profile). Nothing here overwrites a file that
it did not write, and no half file stays behind.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from helpers import keeping, profile
from helpers.profile import CourseError

DECIDE_WITHIN = 2.5  # seconds that COURSE_DATA=auto waits for a server to answer
ASK_AGAIN_AFTER = 30  # seconds that an answer holds
HALF = re.compile(r"half-(\d{1,9})-.+|tmp[a-z0-9_]{8}")  # of a fetch: with its process, or of an earlier version


@dataclass(frozen=True)
class Remote:
    """One public file: its address, pooch checksum and size in bytes."""

    url: str
    checksum: str
    size: int

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[1]


def fetched_dir() -> Path:
    """Where fetched files go, exactly as published; served over HTTP, it is a COURSE_MIRROR.

    ``fetched/`` in the data folder, or the user's cache if COURSE_DATA_DIR is unset and the course lies on a
    read-only disk, as a Kaggle dataset does.
    """
    if os.environ.get("COURSE_DATA_DIR", "").strip() or profile.writable(profile.data_dir()):
        return profile.data_dir() / "fetched"
    return profile.user_cache()


def fetched(remotes: tuple[Remote, ...], also: Path) -> list[Path] | None:
    """Whole sets of fetched files: in the data folder, where they are fetched to, or in ``also``."""
    for folder in (profile.data_dir() / "fetched", fetched_dir(), also):
        paths = [folder / remote.name for remote in remotes]
        if all(map(os.path.isfile, paths)):
            return paths
    return None


def keras_cache() -> Path:
    return Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")) / "datasets"


def address(remote: Remote) -> str:
    mirror = os.environ.get("COURSE_MIRROR", "").strip().rstrip("/")
    if not mirror:
        return remote.url
    try:
        parts = urlsplit(mirror)
        host = (parts.hostname or "").encode("idna")
        usable = parts.scheme in ("http", "https") and host and parts.port != 0 and not re.search(r"[\s?#]", mirror)
    except ValueError:  # a bracket that stays open, a port that is no number, a label that is too long
        usable = False
    if not usable:
        raise CourseError(
            f"COURSE_MIRROR is {mirror!r}. It should be an address like http://192.168.1.5:8000; correct or unset it."
        )
    return f"{mirror}/{remote.name}"


_answers: dict[str, tuple[float, str]] = {}  # host -> when asked, why it cannot be used


def unreachable(url: str) -> str:
    """Why the host of ``url`` cannot be used, or "" if it answers in time; an answer holds for a while.

    A thread, since looking up a name can hang far longer than any time-out of the request.
    """
    import requests

    host = urlsplit(url).netloc
    asked, reason = _answers.get(host, (-ASK_AGAIN_AFTER, ""))
    if time.monotonic() - asked < ASK_AGAIN_AFTER:
        return reason
    failure = [f"{host} did not answer within {DECIDE_WITHIN} s"]

    def ask() -> None:
        try:
            requests.head(url, timeout=2 * DECIDE_WITHIN)  # the wait below ends first
            failure[0] = ""
        except (requests.RequestException, ValueError) as error:
            failure[0] = f"{host} cannot be reached ({type(error).__name__})"

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(DECIDE_WITHIN)
    _answers[host] = (time.monotonic(), failure[0])
    return failure[0]


def _remove_halves(folder: Path) -> None:
    """Remove what killed processes left."""
    for path in folder.glob("*"):
        if half := HALF.fullmatch(path.name):
            with contextlib.suppress(OSError):
                if not psutil.pid_exists(int(half[1])) if half[1] else time.time() - path.stat().st_mtime > 86_400:
                    path.unlink()


def fetch(remotes: tuple[Remote, ...]) -> list[Path]:
    """Fetch files into ``fetched_dir()`` with checksums and a progress bar; skip those already there.

    A file appears under its name only when it is whole and its checksum is right. Raises
    CourseError when the folder cannot be written, the server cannot be reached, the checksum
    is wrong, or another file has the name already: that one stays.
    """
    import pooch
    import requests

    folder, paths = fetched_dir(), []
    names = " and ".join(remote.name for remote in remotes)
    download = pooch.HTTPDownloader(progressbar=sys.stderr.isatty())
    for remote in remotes:
        url, path = address(remote), folder / remote.name
        kind, checksum = remote.checksum.split(":")
        try:
            _remove_halves(folder)
            if not os.path.lexists(path):
                with keeping.whole(path) as half:
                    download(url, half, None)
                    if pooch.file_hash(half, kind) != checksum:
                        raise CourseError(
                            f"{url} gave a file whose checksum is wrong: expected {remote.checksum}. It was thrown "
                            "away; fetch again, or check COURSE_MIRROR."
                        )
                with contextlib.suppress(OSError):
                    path.chmod(0o644)  # others read it in a shared folder
            elif not path.is_file() or pooch.file_hash(path, kind) != checksum:
                raise CourseError(
                    f"{path} is not the published file: its checksum is not {remote.checksum}. It was left as it is; "
                    "move it elsewhere to fetch the published one."
                )
        except (requests.RequestException, ValueError) as error:
            raise CourseError(
                f"{url} cannot be fetched ({type(error).__name__}). Check the network or COURSE_MIRROR, or put "
                f"{names} into {folder} yourself."
            ) from error
        except OSError as error:
            raise CourseError(
                f"{folder} cannot be written ({error.strerror or error}). Free space or set "
                "COURSE_DATA_DIR to a folder that you may write to."
            ) from error
        paths.append(path)
    return paths
