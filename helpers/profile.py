"""The two switches, seeds, folders, and a quiet TensorFlow.

``COURSE_PROFILE``   quick (about a minute a notebook on 2 CPU cores) or full (the sources' sizes
                     and epochs). Default: full where TensorFlow sees a GPU, else quick.
``COURSE_DATA``      real, drawn (never touches the network) or auto (the default).
``COURSE_DATA_DIR``  where datasets and weights lie; default: ``data/`` of the course.
``COURSE_MIRROR``    one address, http://host:port, to fetch everything from.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent
SEED = 0
OLDEST_TENSORFLOW = (2, 19)

_in_force = {"seed": SEED}

T = TypeVar("T")


class CourseError(RuntimeError):
    """Something outside the course's code is wrong: what, what was expected, what to do.

    A notebook shows the message alone, without a traceback.
    """

    def _render_traceback_(self) -> list[str]:
        """IPython's hook for exceptions that print themselves."""
        return [f"CourseError: {self}"]


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
    """Where datasets and weights lie; a relative COURSE_DATA_DIR starts at the course's folder."""
    return (ROOT / Path(os.environ.get("COURSE_DATA_DIR", "").strip() or "data").expanduser()).resolve()


def writable(folder: Path) -> bool:
    """Whether a folder, there or still to be made, may be written to."""
    return os.access(next(place for place in (folder, *folder.parents) if place.exists()), os.W_OK)


def user_cache() -> Path:
    """The user's own cache folder: for a course on a read-only disk, as a Kaggle dataset is."""
    import pooch

    return Path(pooch.os_cache("seeing-convnets"))


def cache_dir() -> Path:
    """Where the course keeps what it can make again, such as drawn photos: ``data/cache``, or the user's cache."""
    return ROOT / "data" / "cache" if writable(ROOT / "data") else user_cache()


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what C++ code writes to file descriptor 2; show it only if the block fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            held.seek(0)
            print(held.read().decode("utf-8", errors="replace"), file=sys.stderr)
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


@functools.cache  # once: what a reader sets later, such as mixed precision, stays
def _keras_defaults() -> None:
    """Set Keras to its defaults, whatever ``keras.json`` says. Raises CourseError if it runs on another backend."""
    import keras

    if keras.config.backend() != "tensorflow":
        raise CourseError(
            f"Keras was imported before the course's set-up cell and runs on {keras.config.backend()}; the course "
            "needs TensorFlow. Restart the kernel and run the set-up cell first."
        )
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")


def quiet_tensorflow():
    """Import TensorFlow and start its devices without the log lines that no variable silences.

    Returns the ``tensorflow`` module; Keras runs on it. Raises CourseError if it is missing or older than 2.19, if
    ``keras.json`` keeps it from starting, or if Keras runs on another backend already.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    for limit in ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"):
        os.environ.pop(limit, None)
    if "keras" not in sys.modules:
        for left in [name for name in sys.modules if name.startswith("keras.")]:
            del sys.modules[left]  # an import that failed, of another backend, leaves what it has read
    try:
        with quiet_stderr():
            import tensorflow as tf

            tf.constant(0.0)  # the first tensor starts the devices, which log too
            tf.get_logger().setLevel("ERROR")  # no advice on retracing: a notebook builds several models
    except ModuleNotFoundError as error:
        raise CourseError(
            f"{error.name} is not installed in the Python that runs this ({sys.executable}). "
            "Start the course with `python course.py lab`, which installs it."
        ) from error
    except (AssertionError, AttributeError, ValueError) as error:  # what it says of a value in keras.json
        settings = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "keras.json"
        if not settings.is_file():
            raise
        raise CourseError(
            f"TensorFlow cannot be imported ({type(error).__name__} {error}). Perhaps {settings} holds a value that it "
            "does not know: correct or rename that file, then restart the kernel."
        ) from error
    if tuple(int(n) for n in tf.__version__.split(".")[:2]) < OLDEST_TENSORFLOW:
        raise CourseError(
            f"TensorFlow {tf.__version__} is too old: the course needs 2.19 or later. "
            "Start it with `python course.py lab`, or upgrade TensorFlow."
        )
    _keras_defaults()
    return tf


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


def gpus() -> list[str]:
    """The names of the GPUs that TensorFlow sees."""
    return [device.name for device in quiet_tensorflow().config.list_logical_devices("GPU")]


def start(seed: int = SEED) -> None:
    """Start a notebook: check the switches, import TensorFlow quietly, seed, say what is in force."""
    data_choice()
    tf = quiet_tensorflow()
    seed_everything(seed)
    import keras

    found = len(gpus())
    device = f"{found} GPUs" if found > 1 else "GPU" if found else "CPU"
    print(
        f"Python {sys.version.split()[0]}, TensorFlow {tf.__version__}, Keras {keras.__version__} "
        f"on {device}; profile {name()}, data {data_choice()}, seed {seed}"
    )
