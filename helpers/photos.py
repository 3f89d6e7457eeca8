"""Photos of cats and dogs: found in any published form, split once, broken files left out, read with tf.data.

The split is the book's: of each class 1,000 photos for training, 500 for validation, 500 for testing, in
folders ``{train,validation,test}/{cats,dogs}``.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
from PIL import Image, UnidentifiedImageError
from tqdm.auto import tqdm

from helpers import drawn, profile
from helpers.profile import CourseError

PARTS = {"train": 1000, "validation": 500, "test": 500}  # photos of each class
CLASS_FOLDERS = ("cats", "dogs")
SPLIT = "cats_and_dogs_small"
PUBLISHED = (  # Kaggle's, Microsoft's and Google's, as downloaded and as unpacked
    "dogs-vs-cats",
    "dogs-vs-cats.zip",
    "PetImages",
    "kagglecatsanddogs_5340.zip",
    "cats_and_dogs_filtered",
    "cats_and_dogs_filtered.zip",
)
# train/cat.0.jpg, PetImages/Cat/0.jpg, cats_and_dogs_filtered/train/cats/cat.0.jpg
_PHOTO = re.compile(r"(?:^|/)(cat|dog)s?[./](\d+)\.jpg$", re.IGNORECASE)


@dataclass(frozen=True)
class Photo:
    """One file of a published set: label 0 cat, 1 dog; its number there; how to read it; its path if it is a file."""

    label: int
    number: int
    read: Callable[[], bytes]
    path: Path | None = None


@dataclass(frozen=True)
class Split:
    """A split on disk: for each part the paths and labels of its whole photos, and in words where they come from."""

    folder: Path
    paths: dict[str, list[str]]
    labels: dict[str, list[int]]
    source: str
    real: bool = True


# Broken files


def flaw(content: bytes) -> str:
    """What is wrong with a file that should be a color JPEG, in a few words; "" if nothing is.

    Looks at the header and the end, which takes a fraction of decoding.
    """
    if not content:
        return "empty"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd EXIF data, which no one reads here
            with Image.open(io.BytesIO(content)) as image:
                kind, mode = image.format, image.mode
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return "not an image"
    if kind != "JPEG":
        return f"a {kind}"
    if mode != "RGB":
        return {"L": "grey", "CMYK": "CMYK"}.get(mode, f"of color mode {mode}")
    return "" if b"\xff\xd9" in content[-1024:] else "cut short"  # the end-of-image marker


def in_words(flaws: Counter) -> str:
    """ ", 3 broken files skipped (1 empty, 2 grey)", or "" if there are none."""
    if not flaws:
        return ""
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(flaws.items()))
    return f", {flaws.total():,} broken {'file' if flaws.total() == 1 else 'files'} skipped ({kinds})"


# Finding


def find(places: Iterable[Path]) -> Path | None:
    """The first folder or archive of photos among the places, a ready split before all others."""
    places = list(places)
    names = (SPLIT, *PUBLISHED)
    return next((place / name for name in names for place in places if (place / name).exists()), None)


@contextmanager
def photos_of(source: Path) -> Iterator[list[Photo]]:
    """The photos in a folder, in a zip archive, or in the archive ``train.zip`` inside either.

    A member whose name would lead out of its folder is left out. Raises CourseError for a damaged
    archive and where there are no photos.
    """
    with ExitStack() as stack:
        if source.is_dir():
            inner = source / "train.zip"
            found = _in_folder(source)
            if not found and inner.is_file():
                found = _in_archive(_opened(inner, inner, stack))
        else:
            archive = _opened(source, source, stack)
            found = _in_archive(archive)
            inner = next((name for name in archive.namelist() if name.split("/")[-1] == "train.zip"), None)
            if not found and inner:  # reading a deflated archive out of order is slow: unpack it first
                unpacked = stack.enter_context(_unpacked(archive, inner, source))
                found = _in_archive(_opened(unpacked, source, stack))
        if not found:
            raise CourseError(
                f"{source} holds no photos named like cat.0.jpg or Cat/0.jpg. Put a whole copy in its place, or "
                "remove it to use another source."
            )
        yield found


def _opened(path: Path, named: Path, stack: ExitStack) -> zipfile.ZipFile:
    try:
        return stack.enter_context(zipfile.ZipFile(path))
    except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        raise CourseError(
            f"{named} cannot be read ({error}): it is cut short or no zip archive. Remove it, then run "
            "`python course.py data fetch` or put a whole copy in its place."
        ) from error


@contextmanager
def _unpacked(archive: zipfile.ZipFile, name: str, source: Path) -> Iterator[Path]:
    path = profile.cache_dir() / "train.zip"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as packed, path.open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
        yield path
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise CourseError(
            f"{source} cannot be read ({error}): {name} in it is damaged. Put a whole copy in its place."
        ) from error
    finally:
        path.unlink(missing_ok=True)


def _in_folder(folder: Path) -> list[Photo]:
    files = [(path, _PHOTO.search(path.relative_to(folder.parent).as_posix())) for path in folder.rglob("*.jp*g")]
    return [Photo(_label(m), int(m[2]), path.read_bytes, path) for path, m in files if m]


def _in_archive(archive: zipfile.ZipFile) -> list[Photo]:
    members = [(name, _PHOTO.search(name)) for name in archive.namelist() if ".." not in name and name[0] != "/"]
    return [Photo(_label(m), int(m[2]), lambda name=name: archive.read(name)) for name, m in members if m]


def _label(match: re.Match) -> int:
    return int(match[1].lower() == "dog")


# Building the split


def build(source: Path, target: Path) -> None:
    """Build the split in ``target`` from published photos: whole files only, in the order of their numbers.

    Files are linked where that works and copied elsewhere; the originals are only read. Interrupted,
    it goes on where it stopped. With fewer than 2,000 of a class, what training leaves is halved.
    Raises CourseError for a damaged archive, too few photos or an unwritable folder.
    """

    def fill(folder: Path) -> None:
        flaws: Counter = Counter()
        with photos_of(source) as photos:
            for label, name in enumerate(CLASS_FOLDERS):
                mine = sorted((photo for photo in photos if photo.label == label), key=lambda photo: photo.number)
                held_out = min(PARTS["test"], (len(mine) - PARTS["train"]) // 2)
                if held_out < 1:
                    raise CourseError(
                        f"{source} holds {len(mine):,} {name}; the split needs {PARTS['train']:,} for training and "
                        "more for validation and testing. Put a whole copy in its place, or remove it."
                    )
                counts = {"train": PARTS["train"], "validation": held_out, "test": held_out}
                slots = [folder / part / name for part, count in counts.items() for _ in range(count)]
                flaws += _fill_class(mine, slots)
        (folder / "split.json").write_text(json.dumps({"source": str(source), "skipped": flaws}), encoding="utf-8")

    _make_once(target, fill)


def _fill_class(photos: list[Photo], slots: list[Path]) -> Counter:
    """Put the first whole photos into the folders that ``slots`` names, one each; count what was skipped."""
    flaws: Counter = Counter()
    remaining = iter(photos)
    for folder in tqdm(slots, desc=slots[0].name, unit="photo", leave=False):
        for photo in remaining:
            path = folder / f"{folder.name[:-1]}.{photo.number}.jpg"
            if path.exists() or _placed(photo, path, flaws):
                break
    return flaws


def _placed(photo: Photo, path: Path, flaws: Counter) -> bool:
    """Link or copy one photo unless it is broken."""
    try:
        content = photo.read()
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError):
        flaws["damaged in the archive"] += 1
        return False
    if problem := flaw(content):
        flaws[problem] += 1
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if photo.path is None:
            raise OSError("not a file")
        os.link(photo.path, path)
    except OSError:
        _write(path, content)
    return True


def draw(target: Path, seed: int) -> None:
    """Write a split of drawn pets: the same seed gives the same bytes. Interrupted, it goes on where it stopped."""

    def fill(folder: Path) -> None:
        numbers = [(part, n) for part, count in PARTS.items() for n in range(count)]
        with tqdm(total=len(numbers) * 2, desc="drawing pets, once", unit="image") as bar:
            for number, (part, _) in enumerate(numbers):
                for label, name in enumerate(CLASS_FOLDERS):
                    path = folder / part / name / f"{name[:-1]}.{number}.jpg"
                    if not path.exists():
                        path.parent.mkdir(parents=True, exist_ok=True)
                        image, _ = drawn.animal(drawn.PETS[label], seed, 2 * number + label)
                        coded = cv2.imencode(".jpg", image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 92))[1]
                        _write(path, coded.tobytes())
                    bar.update()

    _make_once(target, fill)


def _write(path: Path, content: bytes) -> None:
    """Write a file that appears under its name only when it is whole."""
    half = path.with_suffix(".half")
    half.write_bytes(content)
    half.replace(path)


def _make_once(target: Path, fill: Callable[[Path], None]) -> None:
    """Let ``fill`` make a folder that appears under its name only when it is whole."""
    if target.is_dir():
        return
    partial = target.with_name(target.name + ".partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        fill(partial)
        partial.rename(target)
    except OSError as error:
        if not target.is_dir():  # else another notebook made it meanwhile
            raise CourseError(
                f"{partial} cannot be written ({error.strerror or error}). Free space or make the folder writable, "
                "then run this again: it goes on where it stopped."
            ) from error


# Reading


def read(folder: Path) -> Split:
    """The whole photos of a split folder. Raises CourseError if a part or class is missing or empty."""
    paths: dict[str, list[str]] = {}
    labels: dict[str, list[int]] = {}
    notes = folder / "split.json"
    made = json.loads(notes.read_text(encoding="utf-8")) if notes.is_file() else {}
    flaws = Counter(made.get("skipped", {}))
    for part in PARTS:
        paths[part], labels[part] = [], []
        for label, name in enumerate(CLASS_FOLDERS):
            files = sorted((folder / part / name).glob("*.jp*g"), key=_number)
            problems = [flaw(path.read_bytes()) for path in files]
            flaws.update(filter(None, problems))
            whole = [str(path) for path, problem in zip(files, problems) if not problem]
            if not whole:
                raise CourseError(
                    f"{folder / part / name} holds no photos. The folder {folder} should hold train, validation and "
                    "test, each with cats and dogs, each with JPEG files; complete it, or remove it to use another "
                    "source."
                )
            paths[part] += whole
            labels[part] += [label] * len(whole)
    counts = " + ".join(f"{len(found):,}" for found in paths.values())
    return Split(folder, paths, labels, f"{counts} photos from {made.get('source', folder)}{in_words(flaws)}")


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
