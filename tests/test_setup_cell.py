"""The set-up cell alone: from the checkout, from Kaggle's inputs, from nothing but an address."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.profile import ROOT

# git hands GIT_DIR to its hooks: without this a test run from a hook would commit into the reader's repository
CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
SETUP = (ROOT / "tools" / "setup_cell.py").read_text(encoding="utf-8")


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course whose profile only says where it is, so that no TensorFlow is needed."""
    helpers = tmp_path / "course" / "helpers"
    helpers.mkdir(parents=True)
    (helpers / "__init__.py").write_text("")
    (helpers / "profile.py").write_text("def start():\n    print(__file__)\n")
    (tmp_path / "course" / "notebooks" / "exercises").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    return tmp_path / "course"


def run(folder: Path, kaggle: Path | str = "/nowhere", **variables: str) -> tuple[int, str, str]:
    source = SETUP.replace('"/kaggle/input"', repr(str(kaggle)))
    assert source != SETUP
    environment = {k: v for k, v in CLEAN.items() if k not in ("COURSE_REPO", "PYTHONPATH")} | variables
    done = subprocess.run([sys.executable, "-c", source], cwd=folder, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout.strip(), done.stderr


@pytest.mark.parametrize("place", [".", "notebooks", "notebooks/exercises", "helpers"])
def test_anywhere_in_the_checkout(course, place):
    code, shown, _ = run(course / place)
    assert code == 0 and Path(shown) == course / "helpers" / "profile.py"


PLACES = ["seeing-convnets", "datasets/owner/seeing-convnets", "datasets/o/zip/course-main"]
PLACES += ["slug/zip/seeing-convnets", "datasets/owner/slug/zip/seeing-convnets"]  # a folder named after the archive


@pytest.mark.parametrize("place", PLACES)
def test_from_a_kaggle_dataset(course, tmp_path, place):
    target = tmp_path / "input" / place
    shutil.copytree(course, target)
    code, shown, _ = run(tmp_path / "empty", kaggle=tmp_path / "input")
    assert code == 0 and Path(shown) == target / "helpers" / "profile.py"


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_alone_in_an_empty_folder_given_an_address(course, tmp_path):
    author = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "t"]):
        subprocess.run(["git", *command], cwd=course, check=True, env=CLEAN)
    for _ in range(2):  # the second time it is already there
        code, shown, errors = run(tmp_path / "empty", COURSE_REPO=course.as_uri())
        assert code == 0 and Path(shown) == tmp_path / "empty" / "seeing-convnets" / "helpers" / "profile.py"
        assert errors == ""


def test_alone_in_an_empty_folder_given_a_copy(course, tmp_path):
    code, shown, _ = run(tmp_path / "empty", COURSE_REPO=str(course))
    assert code == 0 and Path(shown) == course / "helpers" / "profile.py"
    assert not list((tmp_path / "empty").iterdir())


def test_without_the_course_it_says_how_to_get_it(course, tmp_path):
    code, _, errors = run(tmp_path / "empty")
    assert code == 1 and all(
        way in errors for way in ("Kaggle: add it", "upload seeing-convnets.zip", "set COURSE_REPO")
    )


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_an_address_that_fails_is_named_and_never_asks_for_a_password(course, tmp_path):
    code, _, errors = run(tmp_path / "empty", COURSE_REPO="/no/such/course")
    assert code == 1 and "/no/such/course" in errors
    assert not list((tmp_path / "empty").iterdir())
    assert '"GIT_TERMINAL_PROMPT": "0"' in SETUP
