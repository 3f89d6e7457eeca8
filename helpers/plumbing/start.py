"""Starting TensorFlow: quietly, on the right backend, with Keras's defaults, or with a clear error."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

OLDEST_TENSORFLOW = (2, 19)


class CourseError(RuntimeError):
    """Something outside the course's code is wrong: what, what was expected, what to do.

    A notebook shows the message alone, without a traceback.
    """

    def _render_traceback_(self) -> list[str]:
        """IPython's hook for exceptions that print themselves."""
        return [f"CourseError: {self}"]


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
