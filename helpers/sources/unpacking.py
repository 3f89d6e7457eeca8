"""Photos of cats and dogs as Kaggle, Microsoft and Google publish them, unpacked or not."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from helpers import profile
from helpers.profile import CourseError
from helpers.sources.photos import DAMAGE, content_of, version

INNER_ARCHIVES = ("train.zip", "dogs-vs-cats.zip")
# train/cat.0.jpg, PetImages/Cat/0.jpg, cats_and_dogs_filtered/train/cats/cat.0.jpg
_PHOTO = re.compile(r"(?:^|/)(cat|dog)s?[./](\d+)\.jpe?g$", re.IGNORECASE)


Read = Callable[[], bytes]
Photos = dict[tuple[int, int], tuple[Read, Any]]  # (0 cat or 1 dog, number) -> how to read it, what changes with it


@contextmanager
def photos_of(source: Path) -> Iterator[Photos]:
    """The photos in a folder, in a zip archive, or in the archive ``train.zip`` inside either, by class and number.

    A second photo of the same class and number is left out. Raises CourseError for a damaged archive and where
    there are no photos.
    """
    with ExitStack() as stack:
        photos, archive = {}, source
        if source.is_dir():
            walk = os.walk(source, followlinks=True)
            files = [Path(parent, name) for parent, _, names in walk for name in names]
            photos = _photos((path.as_posix(), partial(content_of, path), version(path)) for path in files)
            archive = next((path for path in files if path.name in INNER_ARCHIVES), None)
        if archive and not photos:
            opened = _opened(archive, stack)
            photos = _photos((m.filename, partial(opened.read, m.filename), m.CRC) for m in opened.infolist())
        if not photos:
            raise CourseError(
                f"{source} holds no photos named like cat.0.jpg or Cat/0.jpg. Put a whole copy in its place, or "
                "remove it to use another source."
            )
        yield photos


def _photos(files: Iterable[tuple[str, Read, Any]]) -> Photos:
    photos: Photos = {}
    for name, *how in sorted(files, key=lambda file: file[0]):
        if match := _PHOTO.search(name):
            photos.setdefault((int(match[1].lower() == "dog"), int(match[2])), tuple(how))
    return dict(sorted(photos.items()))


def _opened(path: Path, stack: ExitStack) -> zipfile.ZipFile:
    """An archive, or the one inside it, unpacked to a file without a name: read in place, it would start over often."""
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
        inner = next((name for name in archive.namelist() if name.split("/")[-1] in INNER_ARCHIVES), None)
        if inner is None:
            return archive
        with archive.open(inner) as packed, writing(profile.cache_dir()) as folder:
            unpacked = stack.enter_context(tempfile.TemporaryFile(dir=folder))
            shutil.copyfileobj(packed, unpacked, 1 << 20)
        return stack.enter_context(zipfile.ZipFile(unpacked))
    except CourseError:  # of a folder that cannot be written
        raise
    except PermissionError as error:
        raise CourseError(f"{path} cannot be opened ({error.strerror}). Make it readable, or remove it.") from error
    except (*DAMAGE, OSError) as error:
        raise CourseError(
            f"{path} cannot be read ({error}): it is cut short or no zip archive. Remove it, then run "
            "`python course.py data fetch` or put a whole copy in its place."
        ) from error


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """A folder to write into, made if it is missing. Raises CourseError where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except OSError as error:
        raise CourseError(
            f"{folder} cannot be written ({error.strerror or error}). Free space or make the folder writable, then "
            "run this again: it goes on where it stopped."
        ) from error
