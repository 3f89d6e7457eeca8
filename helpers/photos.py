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
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import cv2
from filelock import FileLock
from PIL import Image
from tqdm.auto import tqdm

from helpers import drawn, keeping, profile
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
AT_ONCE = 64  # photos that are in memory while they are checked
# train/cat.0.jpg, PetImages/Cat/0.jpg, cats_and_dogs_filtered/train/cats/cat.0.jpg
_PHOTO = re.compile(r"(?:^|/)(cat|dog)s?[./](\d+)\.jpe?g$", re.IGNORECASE)
_tensorflow = cache(profile.quiet_tensorflow)  # once: it redirects stderr, which threads share
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError)


@dataclass(frozen=True)
class Photo:
    """One file of a published set: label 0 cat, 1 dog; its number there; how to read it; what changes with it."""

    label: int
    number: int
    read: Callable[[], bytes]
    version: tuple[int, ...]


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


def flaw(content: bytes) -> str:
    """Why a file cannot be used as a color JPEG, in a few words; "" if TensorFlow decodes it whole."""
    tf = _tensorflow()
    if not content:
        return "empty"
    try:
        channels = int(tf.io.extract_jpeg_shape(content)[2])
        if channels == 3:
            tf.io.decode_jpeg(content, channels=3)
            return ""
        return {1: "gray", 4: "CMYK"}.get(channels, f"{channels}-channel")
    except tf.errors.OpError:
        if content.startswith(b"\xff\xd8"):  # the start and the end of a JPEG
            return "damaged" if content.rstrip(b"\0").endswith(b"\xff\xd9") else "cut short"
    try:
        with Image.open(io.BytesIO(content)) as image:
            return f"a {image.format}"
    except Exception:  # Pillow fails in a dozen ways on bytes that only look like an image
        return "not an image"


def _checked(reads: Sequence[Callable[[], bytes]]) -> Iterator[tuple[bytes, str]]:
    """The content and the flaw of each file, in order. What was checked once is known by its content."""
    known, new = _verdicts(_verdict_file()), {}

    def check(read: Callable[[], bytes]) -> tuple[bytes, str]:
        try:
            content = read()
        except OSError:
            return b"", "unreadable"
        except UnicodeEncodeError:
            return b"", "with a name that is not UTF-8"
        except _DAMAGE:
            return b"", "damaged in the archive"
        key = _key(content)
        if key not in known:
            known[key] = new[key] = flaw(content)
        return content, known[key]

    try:
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(reads), AT_ONCE):
                yield from pool.map(check, reads[start : start + AT_ONCE])
    finally:
        if new:
            _keep(new)


def _key(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _verdict_file() -> Path:
    return profile.cache_dir() / f"checked_photos_{_tensorflow().__version__}.json"


def _verdicts(path: Path) -> dict[str, str]:
    try:
        return {key: str(problem) for key, problem in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, AttributeError, RecursionError):  # none yet, or damaged
        return {}


def _keep(new: dict[str, str]) -> None:
    """Add verdicts to those on disk. Where nothing can be written, say so and go on."""
    path = _verdict_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            _write(path, json.dumps(_verdicts(path) | new).encode())
    except OSError as error:
        print(f"{path.name} was not kept: {path.parent} cannot be written ({error.strerror or error})")


def in_words(flaws: Counter) -> str:
    """ ", 3 broken files skipped (1 empty, 2 gray)", or "" if there are none."""
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
            found = _photos((path.relative_to(source.parent).as_posix(), *_file(path)) for path in files)
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
        above = {os.path.realpath(place) for place in (parent, *Path(parent).parents)}  # a link there is a loop
        folders[:] = sorted(name for name in folders if os.path.realpath(Path(parent, name)) not in above)
        yield from (Path(parent, name) for name in sorted(names) if name[0] != ".")


def _file(path: Path) -> tuple[Callable[[], bytes], tuple[int, ...]]:
    """How to read a file, and its size and time."""
    try:
        about = path.stat()
        return partial(_content, path), (about.st_size, about.st_mtime_ns)
    except OSError:  # a link to nothing
        return partial(_content, path), ()


def _content(path: Path) -> bytes:
    """The bytes of a file. Raises OSError, or UnicodeEncodeError for a name that TensorFlow and print do not take."""
    str(path).encode()
    if not path.is_file():  # a folder, or a pipe, which might never end
        raise OSError(f"{path} is no file")
    return path.read_bytes()


def _photos(named: Iterable[tuple[str, Callable[[], bytes], tuple[int, ...]]]) -> list[Photo]:
    found: dict[tuple[int, int], Photo] = {}
    for name, read, version in sorted(named, key=lambda each: each[0]):
        if match := _PHOTO.search(name):
            key = int(match[1].lower() == "dog"), int(match[2])
            found.setdefault(key, Photo(*key, read, version))
    return [found[key] for key in sorted(found)]


def _in_archive(archive: zipfile.ZipFile) -> list[Photo]:
    members = {member.filename: member for member in archive.infolist()}
    inside = [name for name in members if ".." not in name and not name.startswith("/") and "__MACOSX" not in name]
    return _photos((name, partial(archive.read, name), (members[name].CRC,)) for name in inside)


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
        listed = [(photo.label, photo.number, *photo.version) for photo in photos]
        target = cache / f"{SPLIT}_{keeping.key(source, listed)}"
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
    with _bar(min(wanted, len(photos))) as bar, closing(_checked([photo.read for photo in photos])) as checked:
        for photo, (_, problem) in zip(photos, checked):
            if problem:
                flaws[problem] += 1
            else:
                found.append(photo)
                bar.update()
            if len(found) == wanted:
                break
    return found


def _bar(total: int) -> tqdm:
    """A progress bar, unless all are known from an earlier check, which takes a moment."""
    return tqdm(total=total, desc="checking photos, once", unit="photo", leave=False, delay=1)


def draw(target: Path, seed: int) -> None:
    """Write a split of drawn pets: the same seed gives the same bytes. Interrupted, it goes on where it stopped."""

    def fill(folder: Path) -> None:
        numbers = [(part, n) for part, count in PARTS.items() for n in range(count)]
        whole = {}
        with tqdm(total=len(numbers) * 2, desc="drawing pets, once", unit="image") as bar:
            for number, (part, _) in enumerate(numbers):
                for label, name in enumerate(CLASS_FOLDERS):
                    path = folder / part / name / f"{name[:-1]}.{number}.jpg"
                    if not path.exists():
                        image, _ = drawn.animal(drawn.PETS[label], seed, 2 * number + label)
                        coded = cv2.imencode(".jpg", image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 92))[1]
                        _write(path, coded.tobytes())
                        whole[_key(coded.tobytes())] = ""
                    bar.update()
        _keep(whole)

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
    """The whole photos of a split folder. Raises CourseError if a part or class is missing, empty or unreadable."""
    origin, flaws = _notes(folder)
    listed = {(part, label): _jpegs(folder / part / name) for part in PARTS for label, name in enumerate(CLASS_FOLDERS)}
    every = [partial(_content, path) for found in listed.values() for path in found]
    paths: dict[str, list[str]] = {part: [] for part in PARTS}
    labels: dict[str, list[int]] = {part: [] for part in PARTS}
    digest = hashlib.sha256()
    with _bar(len(every)) as bar, closing(_checked(every)) as checked:
        for (part, label), found in listed.items():
            for path, (content, problem) in zip(found, checked):
                bar.update()
                if problem:
                    flaws[problem] += 1
                else:
                    digest.update(content)
                    paths[part].append(str(path))
                    labels[part].append(label)
            if label not in labels[part]:
                raise CourseError(
                    f"{folder / part / CLASS_FOLDERS[label]} holds no photos{in_words(flaws)}. The folder {folder} "
                    "should hold train, validation and test, each with cats and dogs, each with JPEG files; complete "
                    "it, or remove it to use another source."
                )
    counts = " + ".join(f"{len(found):,}" for found in paths.values())
    source = f"{counts} photos from {origin}{in_words(flaws)}"
    return Split(folder, paths, labels, source, digest.hexdigest()[:8])


def _notes(folder: Path) -> tuple[str, Counter]:
    """Where a split comes from and what was skipped; the folder and nothing, if someone else made it."""
    try:
        notes = json.loads(_content(folder / "split.json"))
        origin, skipped = notes["source"], notes["skipped"]
        if isinstance(origin, str) and all(type(count) is int and 0 < count < 1e9 for count in skipped.values()):
            return origin, Counter(skipped)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return str(folder), Counter()


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
    try:
        found = list(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise CourseError(f"{folder} cannot be read ({error.strerror}). Make it readable, or remove it.") from error
    jpegs = [path for path in found if path.suffix.lower() in (".jpg", ".jpeg") and path.name[0] != "."]
    return sorted(jpegs, key=_number)


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
