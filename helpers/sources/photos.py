"""Photos that cannot be used, and why: each is decoded once as training will decode it, and the verdict is kept."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from helpers import profile, store

AT_ONCE = 64  # photos that are in memory while they are checked
UNREADABLE = "unreadable"
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)  # what reading from an archive raises
_tensorflow = cache(profile.quiet_tensorflow)  # once: it redirects stderr, which threads share


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


def in_words(flaws: Counter) -> str:
    """ ", 3 broken files skipped (1 empty, 2 gray)", or "" if there are none."""
    if not flaws:
        return ""
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(flaws.items()))
    return f", {flaws.total():,} broken {'file' if flaws.total() == 1 else 'files'} skipped ({kinds})"


def checked(reads: Sequence[Callable[[], bytes]], wanted: int) -> Iterator[tuple[bytes, str]]:
    """The content and the flaw of each file, in order, until ``wanted`` of them are whole."""
    _tensorflow()

    def check(read: Callable[[], bytes]) -> tuple[bytes, str]:
        try:
            content = read()
        except OSError:
            return b"", UNREADABLE
        except DAMAGE:
            return b"", "damaged in the archive"
        return content, flaw(content)

    bar = tqdm(total=min(wanted, len(reads)), desc="checking photos, once", unit="photo", leave=False, delay=1)
    with bar, ThreadPoolExecutor() as pool:
        for start in range(0, len(reads), AT_ONCE):
            for content, problem in pool.map(check, reads[start : start + AT_ONCE]):
                yield content, problem
                wanted -= not problem
                bar.update(not problem)
                if wanted == 0:
                    return


def judged(paths: Sequence[Path]) -> tuple[list[str], str]:
    """The flaw of each photo, "" if it is whole, and a digest of all whole ones; kept until a file changes."""
    kept = store.path_of("photos/checked", [_tensorflow().__version__, [[path, version(path)] for path in paths]])
    arrays = store.load(kept)
    if arrays is None:
        problems, digest = [], hashlib.sha256()
        for content, problem in checked([partial(content_of, path) for path in paths], len(paths)):
            problems.append(problem)
            digest.update(b"" if problem else content)
        arrays = {"problems": np.array(problems, str), "digest": np.array(digest.hexdigest())}
        if UNREADABLE not in problems:  # which may be another matter tomorrow
            store.save(kept, arrays)
    return arrays["problems"].tolist(), str(arrays["digest"])


def content_of(path: Path) -> bytes:
    """The bytes of a file. Raises OSError for what is none, and for a name that TensorFlow cannot open."""
    other = any("\ud800" <= letter <= "\udfff" for letter in str(path))  # so Python notes what is not UTF-8
    if other or not path.is_file():  # a pipe would never end
        raise OSError(f"{path!r} is no file that can be read")
    return path.read_bytes()


def version(path: Path) -> tuple[int, ...]:
    """What changes with a file: its size and time. Of a link to nothing there is nothing."""
    try:
        about = path.stat()
    except OSError:
        return ()
    return about.st_size, about.st_mtime_ns
