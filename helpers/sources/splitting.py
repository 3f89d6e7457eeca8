"""Photos of cats and dogs on disk, split once: built from a published set, or drawn.

The split is the book's: of each class 1,000 photos for training, 500 for validation, 500 for testing, in
folders ``{train,validation,test}/{cats,dogs}``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
from filelock import FileLock
from tqdm.auto import tqdm

from helpers import drawn, profile, store
from helpers.profile import CourseError
from helpers.sources.photos import checked, in_words, judged
from helpers.sources.unpacking import Photos, Read, photos_of, writing

PARTS = {"train": 1000, "validation": 500, "test": 500}  # photos of each class
CLASS_FOLDERS = ("cats", "dogs")
SPLIT = "cats_and_dogs_small"
DRAWN = "drawn_pets_"  # the version of the drawings follows


def build(source: Path) -> Path:
    """Build the split from published photos in a folder of the course's cache, and give that folder.

    Whole photos only, in the order of their numbers, equally many of both classes, copied: the originals
    are only read. What was built before is used again unless the source has changed, and an interrupted run
    goes on where it stopped. With fewer than 2,000 of a class, what training leaves is halved. Raises
    CourseError for a damaged archive, too few photos or an unwritable folder.
    """
    with photos_of(source) as photos:
        listed = [[*which, version] for which, (_, version) in photos.items()]
        return _make_once(f"{SPLIT}_{store.key(source, listed)}", lambda folder: _copy(folder, source, photos))


def draw() -> Path:
    """The folder of drawn pets, drawn if it is not there; interrupted, it goes on where it stopped."""
    return _make_once(f"{DRAWN}{drawn.VERSION}", _draw)


def read(folder: Path) -> tuple[dict[str, Any], str]:
    """The whole photos of a split: folder, ``paths`` and ``labels`` by part, a digest of their bytes; and their source.

    Raises CourseError if a part or class is missing, empty or unreadable.
    """
    origin, flaws = _notes(folder)
    classes = [(part, label, name) for part in PARTS for label, name in enumerate(CLASS_FOLDERS)]
    listed = [(part, label, path) for part, label, name in classes for path in _jpegs(folder / part / name)]
    problems, digest = judged([path for _, _, path in listed])
    paths: dict[str, list[str]] = {part: [] for part in PARTS}
    labels: dict[str, list[int]] = {part: [] for part in PARTS}
    for problem, (part, label, path) in zip(problems, listed):
        if problem:
            flaws[problem] += 1
        else:
            paths[part].append(str(path))
            labels[part].append(label)
    for part, label, name in classes:
        if label not in labels[part]:
            raise CourseError(
                f"{folder / part / name} holds no photos{in_words(flaws)}. The folder {folder} should hold train, "
                "validation and test, each with cats and dogs, each with JPEG files; complete it, or remove it to use "
                "another source."
            )
    counts = " + ".join(f"{len(of_part):,}" for of_part in paths.values())
    split = {"folder": folder, "paths": paths, "labels": labels, "digest": digest[:8]}
    return split, f"{counts} photos from {origin}{in_words(flaws)}"


def _make_once(name: str, fill: Callable[[Path], None]) -> Path:
    """A folder of the cache that ``fill`` makes and that appears under its name only when it is whole.

    A second notebook that comes for the same folder waits for the first.
    """
    target, unfinished = (profile.cache_dir() / each for each in (name, f"{name}.partial"))
    if not target.is_dir():
        with writing(target.parent), FileLock(f"{target}.lock"):
            if not target.is_dir():
                unfinished.mkdir(exist_ok=True)
                for half in list(unfinished.rglob("half-*")):  # of a process that was killed: the lock is ours
                    half.unlink()
                fill(unfinished)
                unfinished.rename(target)
    return target


def _copy(folder: Path, source: Path, photos: Photos) -> None:
    flaws: Counter = Counter()
    whole: list[list[tuple[int, Read]]] = [[], []]  # of each class the first, as many as the split can use
    for label in range(2):
        of_class = [(number, read) for (its, number), (read, _) in photos.items() if its == label]
        judgments = checked([read for _, read in of_class], wanted=sum(PARTS.values()))
        for (_, problem), photo in zip(judgments, of_class):
            if problem:
                flaws[problem] += 1
            else:
                whole[label].append(photo)
    held_out = min(PARTS["test"], (min(map(len, whole)) - PARTS["train"]) // 2)
    if held_out < 1:
        raise CourseError(
            f"{source} holds {len(whole[0]):,} whole photos of cats and {len(whole[1]):,} of dogs{in_words(flaws)}; "
            f"the split needs {PARTS['train']:,} of each for training and more for validation and testing. Put a whole "
            "copy in its place, or remove it to use another source."
        )
    for name, remaining in zip(CLASS_FOLDERS, map(iter, whole)):
        for part, count in zip(PARTS, (PARTS["train"], held_out, held_out)):
            for number, read in islice(remaining, count):
                _write(folder / part / name, number, read)
    with store.whole(folder / "split.json") as half:
        half.write_text(json.dumps({"source": str(source), "skipped": flaws}), encoding="utf-8")


def _draw(folder: Path) -> None:
    def coded(label: int, number: int) -> bytes:
        image, _ = drawn.animal(drawn.PETS[label], profile.SEED, 2 * number + label)
        return cv2.imencode(".jpg", image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 92))[1].tobytes()

    parts = [part for part, count in PARTS.items() for _ in range(count)]
    for number, part in enumerate(tqdm(parts, desc="drawing pets, once", unit="cat and dog")):
        for label, name in enumerate(CLASS_FOLDERS):
            _write(folder / part / name, number, partial(coded, label, number))


def _write(folder: Path, number: int, content: Callable[[], bytes]) -> None:
    """Write a photo unless an earlier run, which was interrupted, has written it."""
    path = folder / f"{folder.name[:-1]}.{number}.jpg"
    if not path.exists():
        with store.whole(path) as half:
            half.write_bytes(content())


def _notes(folder: Path) -> tuple[str, Counter]:
    """Where a split comes from and what was skipped; the folder and nothing, if someone else made it."""
    try:
        notes = json.loads((folder / "split.json").read_bytes())
        source, skipped = notes["source"], notes["skipped"]
        if isinstance(source, str) and all(type(count) is int for count in skipped.values()):
            return source, Counter(skipped)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # none, or someone else's
    return str(folder), Counter()


def _jpegs(folder: Path) -> list[Path]:
    """The JPEG files of a folder by the last number in their names; files hidden by a dot are left out."""
    files = (path for path in folder.glob("[!.]*") if path.suffix.lower() in (".jpg", ".jpeg"))
    return sorted(files, key=_number)


def _number(path: Path) -> tuple[int, str]:
    return int((re.findall(r"\d+", path.name) or [0])[-1]), path.name
