"""What a measurement ran on, and the file that it is written to."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

from helpers import profile


def device() -> str:
    """The GPU's name, or how many CPU cores."""
    tf = profile.quiet_tensorflow()
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    return f"{os.cpu_count()} CPU cores"


def versions() -> dict[str, str]:
    """Of Python and of the libraries that compute."""
    tf = profile.quiet_tensorflow()
    import keras
    import numpy as np

    libraries = {"tensorflow": tf, "keras": keras, "numpy": np}
    return {"python": platform.python_version()} | {name: module.__version__ for name, module in libraries.items()}


def write_json(path: Path, measured: dict) -> None:
    path.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8", newline="\n")
