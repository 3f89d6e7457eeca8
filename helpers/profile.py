"""The two switches, seeds and folders.

``COURSE_PROFILE``   quick (about a minute per notebook on 2 CPU cores) or full (the sources' sizes
                     and epochs). Default: full where TensorFlow sees a GPU, else quick.
``COURSE_DATA``      real, drawn (never touches the network) or auto (the default).
``COURSE_DATA_DIR``  where datasets and weights are; default: ``data/`` of the course.
``COURSE_MIRROR``    one address, http://host:port, to fetch everything from.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TypeVar

from helpers.plumbing.start import CourseError, quiet_tensorflow

ROOT = Path(__file__).resolve().parent.parent
SEED = 0

_in_force = {"seed": SEED}

T = TypeVar("T")


def _switch(name: str, values: tuple[str, ...], default: str) -> str:
    value = os.environ.get(name, "").strip().lower() or default
    if value not in values:
        raise CourseError(
            f"{name} is {os.environ[name]!r}. It can be {', '.join(values[:-1])} or {values[-1]}; "
            f"set it to one of these, or unset it to get the default."
        )
    return value


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    return bool(quiet_tensorflow().config.list_physical_devices("GPU"))


def name() -> str:
    """The profile in force, ``"quick"`` or ``"full"``. Raises CourseError for any other value."""
    value = _switch("COURSE_PROFILE", ("quick", "full", "auto"), "auto")
    return value if value != "auto" else "full" if has_gpu() else "quick"


def pick(*, quick: T, full: T) -> T:
    """The value for the profile in force: ``epochs = profile.pick(quick=2, full=20)``."""
    return full if name() == "full" else quick


def data_choice() -> str:
    """Which data to use: ``"real"``, ``"drawn"`` or ``"auto"``. Raises CourseError otherwise."""
    return _switch("COURSE_DATA", ("auto", "real", "drawn"), "auto")


def data_dir() -> Path:
    """Where datasets and weights are; a relative COURSE_DATA_DIR starts at the course's folder."""
    chosen = os.environ.get("COURSE_DATA_DIR", "").strip() or "data"
    return (ROOT / Path(chosen).expanduser()).resolve()


def writable(folder: Path) -> bool:
    """Whether a folder, there or still to be made, may be written to."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return os.access(there, os.W_OK)


def user_cache() -> Path:
    """The user's own cache: for a course on a read-only disk, such as a Kaggle dataset."""
    import pooch

    return Path(pooch.os_cache("seeing-convnets"))


def cache_dir() -> Path:
    """Where the course keeps what it can make again: ``data/cache``, or the user's cache."""
    return ROOT / "data" / "cache" if writable(ROOT / "data") else user_cache()


def seed() -> int:
    """The seed in force: that of the last ``start`` or ``seed_everything``."""
    return _in_force["seed"]


def seed_everything(seed: int = SEED) -> None:
    """Seed Python, NumPy and TensorFlow, and make TensorFlow's operations deterministic."""
    tf = quiet_tensorflow()
    import keras

    _in_force["seed"] = seed
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def start(seed: int = SEED) -> None:
    """Start a notebook: check the switches, start TensorFlow, seed, print what is in force."""
    data_choice()
    tf = quiet_tensorflow()
    seed_everything(seed)
    import keras

    python, device = sys.version.split()[0], "GPU" if has_gpu() else "CPU"
    print(
        f"Python {python}, TensorFlow {tf.__version__}, Keras {keras.__version__} on {device}; "
        f"profile {name()}, data {data_choice()}, seed {seed}"
    )
