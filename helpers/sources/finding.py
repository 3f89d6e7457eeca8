"""What the course uses from elsewhere: addresses, checksums, and the places on this machine where each may be.

A ``find_`` function gives what it has found and in words where; None and "" if nothing is here. A file that a person
put in the data folder is judged by its contents, a fetched one by its checksum.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from helpers import profile
from helpers.profile import CourseError
from helpers.sources import digits, fetching, splitting
from helpers.sources.fetching import Remote, fetched, fetched_dir, keras_cache

KAGGLE_INPUT = Path("/kaggle/input")
PUBLISHED_PHOTOS = (  # Kaggle's, Microsoft's and Google's, each as a folder or a .zip
    "dogs-vs-cats",
    "dogs-vs-cats-redux-kernels-edition",
    "PetImages",
    "kagglecatsanddogs_5340",
    "cats_and_dogs_filtered",
)
_TENSORFLOW = "https://storage.googleapis.com/tensorflow"


def _at(folder: str, *files: tuple[str, int, str]) -> tuple[Remote, ...]:
    return tuple(Remote(f"{folder}/{name}", checksum, size) for name, size, checksum in files)


REMOTES = {
    "MNIST": _at(
        f"{_TENSORFLOW}/tf-keras-datasets",
        ("mnist.npz", 11_490_434, "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"),
    ),
    "Fashion-MNIST": _at(  # checksums published in Zalando's own README
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        ("train-images-idx3-ubyte.gz", 26_421_880, "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", 29_515, "md5:25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", 4_422_102, "md5:bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", 5_148, "md5:bb300cfdad3c16e7a12a480ee83cd310"),
    ),
    "Cats and dogs": _at(
        "https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F",
        (
            "kagglecatsanddogs_5340.zip",
            824_887_076,
            "sha256:b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
        ),
    ),
    "VGG16": _at(
        f"{_TENSORFLOW}/keras-applications/vgg16",
        ("vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", 58_889_256, "md5:6d6bbae143d832006294945121d1f1fc"),
    ),
}


def find_mnist() -> tuple[digits.Arrays | None, str]:
    kaggle = [profile.data_dir(), KAGGLE_INPUT, KAGGLE_INPUT / "competitions"]
    tables = [folder / "digit-recognizer" / "train.csv" for folder in kaggle]
    return _first([profile.data_dir() / "mnist.npz", *tables, *fetched(REMOTES["MNIST"])])


def find_fashion() -> tuple[digits.Arrays | None, str]:
    published = fetched(REMOTES["Fashion-MNIST"], keras_cache() / "fashion-mnist")
    return _first([profile.data_dir() / "fashion_mnist.npz", *published])


def _first(paths: list[Path]) -> tuple[digits.Arrays | None, str]:
    """Images from the first of these files that is there; LeCun's format has four."""
    for path in filter(os.path.isfile, paths):
        read = {".npz": digits.read_npz, ".csv": digits.read_csv}.get(path.suffix)
        arrays = read(path) if read else digits.read_idx(paths[-4:])
        return arrays, f"{len(arrays['y_train']):,} + {len(arrays['y_test']):,} real images from {path}"
    return None, ""


def find_pets() -> tuple[dict[str, Any] | None, str]:
    """The split from the first source that can be used; if there are sources and none can, the first one's error."""
    errors = []
    for source in photo_sources():
        try:
            return splitting.read(source if source.name == splitting.SPLIT else splitting.build(source))
        except CourseError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return None, ""


def photo_sources() -> list[Path]:
    """The folders and archives of photos on this machine, ready splits before all others."""
    kaggle = [KAGGLE_INPUT, *(p for depth in ("*", "*/*", "datasets/*/*") for p in sorted(KAGGLE_INPUT.glob(depth)))]
    places = [profile.data_dir(), profile.data_dir() / "fetched", fetched_dir(), keras_cache(), *kaggle]
    names = [splitting.SPLIT, *(f"{name}{form}" for name in PUBLISHED_PHOTOS for form in ("", ".zip"))]
    return [place / name for name in names for place in dict.fromkeys(places) if os.path.exists(place / name)]


def find_vgg16() -> tuple[Path | None, str]:
    path = next(iter(fetched(REMOTES["VGG16"], *_weights_folders())), None)
    return path, f"weights in {path}" if path else ""


def _weights_folders() -> tuple[Path, Path]:
    return profile.data_dir() / "models", keras_cache().parent / "models"


def vgg16_weights() -> Path:
    """The weights of VGG16's base: in ``<data dir>/models/``, in Keras's own cache, fetched earlier, or fetched now.

    Raises CourseError, naming the places, if none has them.
    """
    path, _ = find_vgg16()
    if path is None:
        remote, (first, second) = REMOTES["VGG16"][0], _weights_folders()
        try:
            (path,) = fetching.fetch_if_allowed("VGG16", REMOTES["VGG16"])
        except CourseError as error:
            raise CourseError(
                f"{remote.name} is neither in {first} nor in {second} (Keras's cache), and it was not fetched from "
                f"{fetching.address(remote)}: {error} Put the file into one of the two folders, or set "
                "COURSE_DATA=drawn, which uses a base that comes with the course."
            ) from error
    return path


def status() -> list[tuple[str, str]]:
    """For each dataset its name and what is here, or what fetching would add."""
    here = {
        "MNIST": lambda: find_mnist()[1],
        "Fashion-MNIST": lambda: find_fashion()[1],
        "Cats and dogs": lambda: "".join(f"photos in {source}" for source in photo_sources()[:1]),
        "VGG16": lambda: find_vgg16()[1],
    }
    rows = []
    for title, remotes in REMOTES.items():
        try:
            rows.append((title, here[title]() or f"not here; fetching adds {fetching.megabytes(remotes)}"))
        except CourseError as error:
            rows.append((title, f"broken: {error}"))
    return rows
