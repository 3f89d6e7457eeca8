"""Reading the files that small gray images come in: NumPy's npz, LeCun's IDX, Kaggle's CSV.

Each reader gives the four arrays ``x_train``, ``y_train``, ``x_test``, ``y_test`` or raises CourseError.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from helpers.profile import CourseError

Arrays = dict[str, np.ndarray]
KEYS = ("x_train", "y_train", "x_test", "y_test")
CLASSES = 10
COLUMNS = ["label", *(f"pixel{i}" for i in range(28 * 28))]


def last_for_testing(x: np.ndarray, y: np.ndarray, count: int) -> Arrays:
    """Images (N, 28, 28) and labels (N,) in two parts: the last ``count`` for testing."""
    return dict(zip(KEYS, (x[:-count], y[:-count], x[-count:], y[-count:])))


def read_npz(path: Path) -> Arrays:
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
    return _checked(arrays, path)


def read_idx(paths: list[Path]) -> Arrays:
    """LeCun's four files, gzipped: two zero bytes, 8 (uint8), the number of axes, their lengths, the values."""
    arrays = {}
    for key, path in zip(KEYS, paths):
        try:
            content = gzip.decompress(path.read_bytes())
            axes = content[3]
            shape = np.frombuffer(content, ">u4", count=axes, offset=4)
            arrays[key] = np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
        except (ValueError, IndexError, EOFError, OSError, zlib.error) as error:
            raise CourseError(
                f"{path} cannot be read ({error}): it is cut short or not a gzipped IDX file. Remove it "
                "and run `python course.py data fetch`."
            ) from error
    return _checked(arrays, paths[0].parent)


def read_csv(path: Path) -> Arrays:
    """Kaggle's digit-recognizer: a column ``label`` and 784 pixel columns, row by row; the last sixth for testing."""
    import pandas as pd

    todo = "Fetch train.csv again from Kaggle's digit-recognizer, or remove it to use another source."
    try:
        content = path.read_bytes()
        table = pd.read_csv(io.BytesIO(content), dtype=dict.fromkeys(COLUMNS, np.int64))
        if not isinstance(table.index, pd.RangeIndex):  # else pandas takes the first cells for names of rows
            raise ValueError("its rows have more cells than its header")
    except (ValueError, OverflowError, OSError) as error:
        raise CourseError(f"{path} cannot be read as a table of whole numbers ({error}). {todo}") from error
    if missing := [column for column in COLUMNS if column not in table]:
        shown = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
        raise CourseError(f"{path} lacks {len(missing)} of the 785 columns (label, pixel0 … pixel783): {shown}. {todo}")
    if content[-1:] not in b"\r\n":  # half a number is a number too
        raise CourseError(
            f"{path} does not end with a line break, so its last number may be cut short. {todo} If you know "
            "that it is whole, add the line break."
        )
    labels, pixels = table["label"].to_numpy(), table[COLUMNS[1:]].to_numpy()
    if len(labels) < 6 or labels.min() < 0 or labels.max() > 9 or pixels.min() < 0 or pixels.max() > 255:
        raise CourseError(
            f"{path} should hold 6 rows or more with labels 0-9 and pixels 0-255; it holds {len(labels)} "
            f"rows with labels {labels.min(initial=0)}-{labels.max(initial=0)} and pixels "
            f"{pixels.min(initial=0)}-{pixels.max(initial=0)}. {todo}"
        )
    images = pixels.astype(np.uint8).reshape(-1, 28, 28)
    return last_for_testing(images, labels.astype(np.uint8), len(labels) // 6)


def _checked(arrays: Arrays, path: Path) -> Arrays:
    """The four arrays, labels as uint8, or a CourseError that says which has another shape or other values."""
    problems = []
    for part in ("train", "test"):
        x, y = arrays.get(f"x_{part}"), arrays.get(f"y_{part}")
        if x is None or y is None:
            problems.append(f"x_{part} or y_{part} is missing (found {sorted(arrays) or 'nothing'})")
        elif x.dtype != np.uint8 or x.ndim != 3 or x.shape[1:] != (28, 28):
            problems.append(f"x_{part} is {x.dtype} {x.shape}")
        elif y.shape != x.shape[:1] or not np.issubdtype(y.dtype, np.integer):
            problems.append(f"y_{part} is {y.dtype} {y.shape} for {len(x)} images")
        elif len(y) == 0 or y.min() < 0 or y.max() >= CLASSES:
            problems.append(f"y_{part} should hold labels 0-{CLASSES - 1}, one or more")
    if problems:
        raise CourseError(
            f"{path} does not hold the dataset: {'; '.join(problems)}. Expected x_train and x_test of uint8 "
            "(N, 28, 28), y_train and y_test of whole numbers (N,). Put the right file in its place, or "
            "remove it and run `python course.py data fetch`."
        )
    return {key: arrays[key].astype(np.uint8, copy=False) for key in KEYS}
