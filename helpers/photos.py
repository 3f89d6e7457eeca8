"""Photos of cats and dogs: found in any published form, split once, broken files left out, read with tf.data.

The split is the book's: of each class 1,000 photos for training, 500 for validation, 500 for testing, in
folders ``{train,validation,test}/{cats,dogs}``.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
from filelock import FileLock
from PIL import Image
from tqdm.auto import tqdm

from helpers import drawn, profile
from helpers.profile import CourseError

PARTS = {"train": 1000, "validation": 500, "test": 500}  # photos of each class
CLASS_FOLDERS = ("cats", "dogs")
SPLIT = "cats_and_dogs_small"
PUBLISHED = (  # Kaggle's, Microsoft's and Google's, as downloaded and as unpacked
    "dogs-vs-cats",
    "dogs-vs-cats.zip",
    "dogs-vs-cats-redux-kernels-edition",
    "PetImages",
    "kagglecatsanddogs_5340",
    "kagglecatsanddogs_5340.zip",
    "cats_and_dogs_filtered",
    "cats_and_dogs_filtered.zip",
)
INNER_ARCHIVES = ("train.zip", "dogs-vs-cats.zip")
# train/cat.0.jpg, PetImages/Cat/0.jpg, cats_and_dogs_filtered/train/cats/cat.0.jpg
_PHOTO = re.compile(r"(?:^|/)(cat|dog)s?[./](\d+)\.jpe?g$", re.IGNORECASE)
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError)


@dataclass(frozen=True)
class Photo:
    """One file of a published set: label 0 cat, 1 dog; its number there; how to read it."""

    label: int
    number: int
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Split:
    """A split on disk: for each part the paths and labels of its whole photos.

    ``source`` says in words where they come from, ``digest`` changes with any of their bytes.
    """

    folder: Path
    paths: dict[str, list[str]]
    labels: dict[str, list[int]]
    source: str
    digest: str
    real: bool = True


# Broken files


def flaw(content: bytes, decode: bool = False) -> str:
    """What is wrong with a file that should be a color JPEG, in a few words; "" if nothing is.

    Looks at the header and the end, which takes a fraction of decoding; ``decode`` tries that too.
    """
    if not content:
        return "empty"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd EXIF data, which no one reads here
            with Image.open(io.BytesIO(content)) as image:
                if image.format not in ("JPEG", "MPO"):  # MPO: a JPEG with a second view, as some phones make
                    return f"a {image.format}"
                if image.mode != "RGB":
                    return {"L": "grey"}.get(image.mode, image.mode)
                if b"\xff\xd9" not in content[-1024:]:  # the end-of-image marker
                    return "cut short"
                if decode:
                    image.draft("RGB", (64, 64))
                    image.load()
    except Exception:  # Pillow fails in a dozen ways on bytes that only look like an image
        return "not an image"
    return ""


def in_words(flaws: Counter) -> str:
    """ ", 3 broken files skipped (1 empty, 2 grey)", or "" if there are none."""
    if not flaws:
        return ""
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(flaws.items()))
    return f", {flaws.total():,} broken {'file' if flaws.total() == 1 else 'files'} skipped ({kinds})"


# Finding


def find(places: Iterable[Path]) -> list[Path]:
    """The folders and archives of photos among the places, ready splits before all others."""
    names, places = (SPLIT, *PUBLISHED), list(dict.fromkeys(places))
    return [place / name for name in names for place in places if os.path.exists(place / name)]


@contextmanager
def photos_of(source: Path) -> Iterator[list[Photo]]:
    """The photos in a folder, in a zip archive, or in the archive ``train.zip`` inside either, by class and number.

    A member whose name would lead out of its folder is left out, and so is a second photo of the same
    class and number. Raises CourseError for a damaged archive and where there are no photos.
    """
    with ExitStack() as stack:
        found: list[Photo] = []
        if source.is_dir():
            files = list(_files(source))
            found = _photos((path.relative_to(source.parent).as_posix(), path.read_bytes) for path in files)
            inner = next((path for path in files if path.name in INNER_ARCHIVES), None)
            source = inner if inner and not found else source
        if not found and not source.is_dir():
            archive = _opened(source, source, stack)
            found = _in_archive(archive)
            inner = next((name for name in archive.namelist() if name.split("/")[-1] in INNER_ARCHIVES), None)
            if not found and inner:
                unpacked = stack.enter_context(_unpacked(archive, inner, source))
                found = _in_archive(_opened(unpacked, source, stack))
        if not found:
            raise CourseError(
                f"{source} holds no photos named like cat.0.jpg or Cat/0.jpg. Put a whole copy in its place, or "
                "remove it to use another source."
            )
        yield found


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder, in the same order everywhere; names that start with a dot are left out."""
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        yield from (Path(parent, name) for name in sorted(names) if name[0] != ".")


def _photos(named: Iterable[tuple[str, Callable[[], bytes]]]) -> list[Photo]:
    found: dict[tuple[int, int], Photo] = {}
    for name, read in sorted(named, key=lambda pair: pair[0]):
        if match := _PHOTO.search(name):
            key = int(match[1].lower() == "dog"), int(match[2])
            found.setdefault(key, Photo(*key, read))
    return [found[key] for key in sorted(found)]


def _in_archive(archive: zipfile.ZipFile) -> list[Photo]:
    inside = [name for name in archive.namelist() if ".." not in name and name[0] != "/" and "__MACOSX" not in name]
    return _photos((name, lambda name=name: archive.read(name)) for name in inside)


def _opened(path: Path, named: Path, stack: ExitStack) -> zipfile.ZipFile:
    try:
        return stack.enter_context(zipfile.ZipFile(path))
    except PermissionError as error:
        raise CourseError(f"{named} cannot be opened ({error.strerror}). Make it readable, or remove it.") from error
    except (*_DAMAGE, OSError) as error:
        raise CourseError(
            f"{named} cannot be read ({error}): it is cut short or no zip archive. Remove it, then run "
            "`python course.py data fetch` or put a whole copy in its place."
        ) from error


@contextmanager
def _unpacked(archive: zipfile.ZipFile, name: str, source: Path) -> Iterator[Path]:
    """An archive inside an archive, as a file of its own: read in place, each jump back would start over."""
    folder = profile.cache_dir()
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(suffix=".zip", dir=folder)
    try:
        with _writing(folder), os.fdopen(handle, "wb") as file:
            try:
                with archive.open(name) as packed:
                    shutil.copyfileobj(packed, file, 1 << 20)
            except _DAMAGE as error:
                raise CourseError(
                    f"{source} cannot be read ({error}): {name} in it is damaged. Put a whole copy in its place."
                ) from error
        yield Path(path)
    finally:
        Path(path).unlink(missing_ok=True)


# Building the split


def build(source: Path, cache: Path) -> Path:
    """Build the split from published photos in a folder of ``cache``, and give that folder.

    Whole photos only, in the order of their numbers, equally many of both classes, copied: the originals
    are only read. What was built before is used again unless the source has changed, and an interrupted run
    goes on where it stopped. With fewer than 2,000 of a class, what training leaves is halved. Raises
    CourseError for a damaged archive, too few photos or an unwritable folder.
    """
    with photos_of(source) as photos:
        about = source.stat()
        listed = [(photo.label, photo.number) for photo in photos]
        changes = [str(source), listed] + ([] if source.is_dir() else [about.st_size, about.st_mtime_ns])
        target = cache / f"{SPLIT}_{hashlib.sha256(json.dumps(changes).encode()).hexdigest()[:8]}"
        _make_once(target, lambda folder: _fill(folder, source, photos))
    return target


def _fill(folder: Path, source: Path, photos: list[Photo]) -> None:
    flaws: Counter = Counter()
    whole = [_whole([photo for photo in photos if photo.label == label], flaws) for label in range(2)]
    enough = min(map(len, whole))
    held_out = min(PARTS["test"], (enough - PARTS["train"]) // 2)
    if held_out < 1:
        raise CourseError(
            f"{source} holds {len(whole[0]):,} whole photos of cats and {len(whole[1]):,} of dogs{in_words(flaws)}; "
            f"the split needs {PARTS['train']:,} of each for training and more for validation and testing. Put a whole "
            "copy in its place, or remove it to use another source."
        )
    counts = dict(zip(PARTS, (PARTS["train"], held_out, held_out)))
    for label, name in enumerate(CLASS_FOLDERS):
        remaining = iter(whole[label])
        for part, count in counts.items():
            for _, photo in zip(range(count), remaining):
                path = folder / part / name / f"{name[:-1]}.{photo.number}.jpg"
                if not path.exists():
                    _write(path, photo.read())
    notes = {"source": str(source), "skipped": flaws}
    _write(folder / "split.json", json.dumps(notes).encode())


def _whole(photos: list[Photo], flaws: Counter) -> list[Photo]:
    """The first whole photos of a class, as many as the split can use; counts what is skipped among them."""
    found: list[Photo] = []
    wanted = sum(PARTS.values())
    with tqdm(total=min(wanted, len(photos)), desc="checking photos, once", unit="photo", leave=False) as bar:
        for photo in photos:
            if len(found) == wanted:
                break
            try:
                problem = flaw(photo.read(), decode=True)
            except _DAMAGE:
                problem = "damaged in the archive"
            except OSError:
                problem = "unreadable"
            if problem:
                flaws[problem] += 1
            else:
                found.append(photo)
                bar.update()
    return found


def draw(target: Path, seed: int) -> None:
    """Write a split of drawn pets: the same seed gives the same bytes. Interrupted, it goes on where it stopped."""

    def fill(folder: Path) -> None:
        numbers = [(part, n) for part, count in PARTS.items() for n in range(count)]
        with tqdm(total=len(numbers) * 2, desc="drawing pets, once", unit="image") as bar:
            for number, (part, _) in enumerate(numbers):
                for label, name in enumerate(CLASS_FOLDERS):
                    path = folder / part / name / f"{name[:-1]}.{number}.jpg"
                    if not path.exists():
                        image, _ = drawn.animal(drawn.PETS[label], seed, 2 * number + label)
                        coded = cv2.imencode(".jpg", image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 92))[1]
                        _write(path, coded.tobytes())
                    bar.update()

    _make_once(target, fill)


def _write(path: Path, content: bytes) -> None:
    """Write a file that appears under its name only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".half")
    half.write_bytes(content)
    half.replace(path)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CourseError(
            f"{folder} cannot be written ({error.strerror or error}). Free space or make the folder writable, then "
            "run this again: it goes on where it stopped."
        ) from error


def _make_once(target: Path, fill: Callable[[Path], None]) -> None:
    """Let ``fill`` make a folder that appears under its name only when it is whole.

    A second notebook that comes for the same folder waits for the first.
    """
    if target.is_dir():
        return
    partial = target.with_name(target.name + ".partial")
    with _writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(target.name + ".lock")):
            if not target.is_dir():
                partial.mkdir(exist_ok=True)
                fill(partial)
                partial.rename(target)


# Reading


def read(folder: Path) -> Split:
    """The whole photos of a split folder. Raises CourseError if a part or class is missing or empty."""
    paths: dict[str, list[str]] = {}
    labels: dict[str, list[int]] = {}
    try:
        notes = json.loads((folder / "split.json").read_text(encoding="utf-8"))
        origin, flaws = str(notes["source"]), Counter(notes["skipped"])
    except (OSError, ValueError, KeyError, TypeError):  # a split that someone else made
        origin, flaws = str(folder), Counter()
    digest = hashlib.sha256()
    for part in PARTS:
        paths[part], labels[part] = [], []
        for label, name in enumerate(CLASS_FOLDERS):
            whole = []
            for path in sorted(_jpegs(folder / part / name), key=_number):
                content = path.read_bytes()
                digest.update(content)
                if problem := flaw(content):
                    flaws[problem] += 1
                else:
                    whole.append(str(path))
            if not whole:
                raise CourseError(
                    f"{folder / part / name} holds no photos. The folder {folder} should hold train, validation and "
                    "test, each with cats and dogs, each with JPEG files; complete it, or remove it to use another "
                    "source."
                )
            paths[part] += whole
            labels[part] += [label] * len(whole)
    counts = " + ".join(f"{len(found):,}" for found in paths.values())
    source = f"{counts} photos from {origin}{in_words(flaws)}"
    return Split(folder, paths, labels, source, digest.hexdigest()[:8])


def first(split: Split, **counts: int) -> Split:
    """The split with only the first photos of the named parts, half of them (rounded up) cats: ``train=500``.

    A part that has no more of a class than that gives all of them.
    """
    paths, labels = dict(split.paths), dict(split.labels)
    for part, count in counts.items():
        cats, dogs = ([i for i, label in enumerate(labels[part]) if label == wanted] for wanted in (0, 1))
        chosen = cats[: (count + 1) // 2] + dogs[: count // 2]
        paths[part], labels[part] = ([found[part][i] for i in chosen] for found in (paths, labels))
    digest = "-".join([split.digest, *(f"{part}{count}" for part, count in counts.items())])
    return replace(split, paths=paths, labels=labels, digest=digest)


def _jpegs(folder: Path) -> list[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return [path for path in found if path.suffix.lower() in (".jpg", ".jpeg") and path.name[0] != "."]


def _number(path: Path) -> tuple[int, str]:
    return int((re.findall(r"\d+", path.name) or [0])[-1]), path.name


def pipeline(paths: list[str], labels: list[int], side: int, batch_size: int, shuffle: bool):
    """A ``tf.data.Dataset`` of batches: float32 (N, side, side, 3) with values 0-255, and int32 labels (N,).

    Photos are decoded and resized once and kept in memory as bytes, a quarter of what floats take;
    shuffling and batching happen anew each epoch.
    """
    tf = profile.quiet_tensorflow()

    def load(path, label):
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        image = tf.image.resize(image, (side, side), antialias=True)
        return tf.cast(tf.round(image), tf.uint8), label

    images = tf.data.Dataset.from_tensor_slices((paths, labels)).map(load, tf.data.AUTOTUNE).cache()
    if shuffle:
        images = images.shuffle(len(paths), seed=profile.SEED)
    return images.batch(batch_size).map(lambda x, y: (tf.cast(x, tf.float32), y)).prefetch(tf.data.AUTOTUNE)
