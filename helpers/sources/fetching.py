"""Fetching public files: with checksums, from their own address or from a mirror, given up in time.

``COURSE_MIRROR`` replaces every address (see helpers.profile). Nothing here overwrites a file that
it did not write, and no half file stays behind.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from helpers import profile, store
from helpers.profile import CourseError

DECIDE_WITHIN = 2.5  # seconds that COURSE_DATA=auto waits for a server to answer
ASK_AGAIN_AFTER = 30  # seconds that an answer holds
UNASKED = 100e6  # bytes that the quick profile fetches without being told to
# a user and a password, the host's name or its number in brackets, a port, a folder
_MIRROR = re.compile(r"https?://([^\s/?#@]*@)?(\[[^\s\]]+\]|[^\s/?#@:\[\]]+)(:\d{1,5})?(/[^\s?#]*)?", re.IGNORECASE)


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

    ``fetched/`` in the data folder, or the user's cache if COURSE_DATA_DIR is unset and the course is on a
    read-only disk, as a Kaggle dataset is.
    """
    if os.environ.get("COURSE_DATA_DIR", "").strip() or profile.writable(profile.data_dir()):
        return profile.data_dir() / "fetched"
    return profile.user_cache()


def fetched(remotes: tuple[Remote, ...], *before: Path) -> list[Path]:
    """A whole set of published files, from ``before``, the data folder, where they are fetched to, or Keras's cache."""
    for folder in (*before, profile.data_dir() / "fetched", fetched_dir(), keras_cache()):
        paths = [folder / remote.name for remote in remotes]
        if all(map(os.path.isfile, paths)):
            return paths
    return []


def keras_cache() -> Path:
    return Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")) / "datasets"


def megabytes(remotes: tuple[Remote, ...]) -> str:
    return f"{sum(remote.size for remote in remotes) / 1e6:.0f} MB"


def address(remote: Remote) -> str:
    mirror = os.environ.get("COURSE_MIRROR", "").strip().rstrip("/")
    if mirror and not _MIRROR.fullmatch(mirror):
        raise CourseError(
            f"COURSE_MIRROR is {mirror!r}. It should be an address like http://192.168.1.5:8000; correct or unset it."
        )
    return f"{mirror}/{remote.name}" if mirror else remote.url


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


def fetch_if_allowed(title: str, remotes: tuple[Remote, ...]) -> list[Path]:
    """Fetch what a loader lacks. Raises CourseError where the switches forbid it or it is not worth trying."""
    choice, why = profile.data_choice(), ""
    if choice == "drawn":
        why = "COURSE_DATA=drawn does not touch the network."
    elif choice == "auto" and profile.name() == "quick" and sum(remote.size for remote in remotes) > UNASKED:
        why = f"the quick profile fetches no {megabytes(remotes)} unasked: `python course.py data fetch` does"
    elif choice == "auto":
        why = unreachable(address(remotes[0]))
    if why:
        raise CourseError(why)
    print(f"{title}: fetching {megabytes(remotes)} from {address(remotes[0])}")
    return fetch(remotes)


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
            store.sweep(folder)
            if not os.path.lexists(path):
                with store.whole(path) as half:
                    download(url, half, None)
                    if pooch.file_hash(half, kind) != checksum:
                        raise CourseError(
                            f"{url} gave a file whose checksum is wrong: expected {remote.checksum}. It was thrown "
                            "away; fetch again, or check COURSE_MIRROR."
                        )
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
