from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import profile
from helpers.plumbing import start
from helpers.profile import CourseError


@pytest.mark.parametrize(
    ("switch", "read", "known"),
    [
        ("COURSE_PROFILE", profile.name, "quick, full or auto"),
        ("COURSE_DATA", profile.data_choice, "auto, real or drawn"),
    ],
)
def test_unknown_switch_value_names_the_known_ones(monkeypatch, switch, read, known):
    monkeypatch.setenv(switch, "fast")
    with pytest.raises(CourseError, match=f"{switch} is 'fast'. It can be {known}; set it"):
        read()


@pytest.mark.parametrize(
    ("value", "gpu", "expected"),
    [("quick", True, 1), ("full", False, 2), ("FULL ", False, 2), ("", False, 1), ("auto", True, 2)],
)
def test_pick_follows_the_profile_which_is_full_on_a_gpu_only_by_default(monkeypatch, value, gpu, expected):
    monkeypatch.setenv("COURSE_PROFILE", value)
    monkeypatch.setattr(profile, "has_gpu", lambda: gpu)
    assert profile.pick(quick=1, full=2) == expected


def test_data_dir_is_relative_to_the_course_not_to_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COURSE_DATA_DIR", raising=False)
    assert profile.data_dir() == profile.ROOT / "data"
    monkeypatch.setenv("COURSE_DATA_DIR", "../elsewhere")
    assert profile.data_dir() == profile.ROOT.parent / "elsewhere"
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    assert profile.data_dir() == tmp_path.resolve()


def test_notebooks_show_a_course_error_without_traceback(capsys):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.run_cell("from helpers.profile import CourseError\nraise CourseError('what; expected; what to do')")
    shown = capsys.readouterr().out
    assert "CourseError: what; expected; what to do" in shown
    assert "Traceback" not in shown


def python(code: str, keras_home: Path, settings: dict, **variables: str) -> tuple[int, str, str]:
    """Run a line of code where keras.json holds these settings."""
    (keras_home / "keras.json").write_text(json.dumps(settings))
    environment = os.environ | {"KERAS_HOME": str(keras_home)} | variables
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=profile.ROOT, env=environment, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


SHOW = "; c = keras.config; print(c.backend(), c.floatx(), c.epsilon(), c.image_data_format(), c.dtype_policy().name)"


def test_tensorflow_starts_without_a_word_and_keras_with_its_defaults(tmp_path):
    settings = {"backend": "jax", "floatx": "float16", "epsilon": 0.1, "image_data_format": "channels_first"}
    start = "from helpers import profile; profile.quiet_tensorflow(); profile.seed_everything(); import keras"
    done = python(start + SHOW, tmp_path, settings, KERAS_BACKEND="torch")
    assert done == (0, "tensorflow float32 1e-07 channels_last float32\n", "")


def test_keras_settings_that_tensorflow_does_not_know_are_named(tmp_path):
    code, _, errors = python("from helpers import profile; profile.quiet_tensorflow()", tmp_path, {"floatx": "float8"})
    assert code == 1 and f"Perhaps {tmp_path / 'keras.json'} holds a value that it does not know" in errors


def test_keras_on_another_backend_asks_for_a_new_kernel_and_what_a_reader_sets_later_stays(monkeypatch):
    profile.quiet_tensorflow()
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    profile.quiet_tensorflow()
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    start._keras_defaults.cache_clear()
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(CourseError, match=r"runs on jax; the course needs TensorFlow\. Restart the kernel"):
        profile.quiet_tensorflow()
    monkeypatch.undo()
    profile.quiet_tensorflow()
    assert keras.config.dtype_policy().name == "float32"


def test_held_back_stderr_is_shown_when_the_block_fails(capfd):
    with pytest.raises(ZeroDivisionError), start.quiet_stderr():
        os.write(2, b"the reason")
        raise ZeroDivisionError
    assert "the reason" in capfd.readouterr().err
    with start.quiet_stderr():
        os.write(2, b"chatter")
    assert capfd.readouterr().err == ""


def test_old_tensorflow_is_refused(monkeypatch, tmp_path: Path):
    old = "import logging\n__version__ = '2.18.1'\nconstant, get_logger = abs, logging.getLogger\n"
    (tmp_path / "tensorflow.py").write_text(old)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(CourseError, match=r"2\.18\.1 is too old: the course needs 2\.19"):
        profile.quiet_tensorflow()
    sys.modules.pop("tensorflow")  # the real one comes back with monkeypatch, if it was there


def test_missing_package_says_how_to_start_the_course(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [])
    with pytest.raises(CourseError, match="tensorflow is not installed.*python course.py lab"):
        profile.quiet_tensorflow()


def test_seeding_repeats_python_numpy_and_tensorflow():
    tf = profile.quiet_tensorflow()

    def draw(seed):
        profile.seed_everything(seed)
        return random.random(), float(np.random.rand()), float(tf.random.uniform(()))

    assert draw(1) == draw(1)
    assert all(a != b for a, b in zip(draw(1), draw(2)))
