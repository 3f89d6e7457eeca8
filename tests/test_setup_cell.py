"""The set-up cell alone: from the checkout, from Kaggle's inputs, from the zip; never from another course."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.profile import ROOT
from tools import pack

SETUP = (ROOT / "tools" / "setup_cell.py").read_text(encoding="utf-8")


def copy(target: Path) -> Path:
    """A course whose profile only says where it is, so that no TensorFlow is needed."""
    (target / "helpers").mkdir(parents=True)
    (target / "helpers" / "__init__.py").write_text("")
    (target / "helpers" / "profile.py").write_text(
        "import sys\ndef start():\n    print(__file__, *sys.path, sep='|')\n"
    )
    (target / "notebooks" / "exercises" / "mine").mkdir(parents=True)
    shutil.copy(ROOT / "seeing_convnets.py", target)
    return target


@pytest.fixture
def course(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    return copy(tmp_path / "course")


@pytest.fixture
def packed(course: Path, monkeypatch) -> Path:
    """The course as one zip, alone in a folder."""
    monkeypatch.setattr(pack, "ROOT", course)
    target = course.parent / "empty" / "seeing-convnets.zip"
    pack.pack(target)
    return target


def run(folder: Path, kaggle: Path | str = "/nowhere", path: Path | None = None) -> tuple[str, list[str], str]:
    """The helpers/profile.py that the cell starts in ``folder``, what it leaves on sys.path, and standard error.

    ``path`` is in the environment's PYTHONPATH, as an older course may be.
    """
    source = SETUP.replace("/kaggle/", f"{kaggle}/")
    assert source != SETUP
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"PYTHONPATH": str(path)} if path else {}
    command = [sys.executable, "-c", source]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    started, *places = done.stdout.strip().split("|")
    return started, places, done.stderr


def test_it_is_five_plain_lines():
    lines = SETUP.splitlines()
    assert len(lines) <= 5 and max(map(len, lines)) <= 80 and lines[0].startswith("# @title ")


@pytest.mark.parametrize("place", [".", "notebooks", "notebooks/exercises", "notebooks/exercises/mine", "helpers"])
def test_anywhere_in_the_checkout(course, place):
    started, places, _ = run(course / place)
    assert Path(started) == course / "helpers" / "profile.py"
    assert all(place == "" or os.path.isabs(place) for place in places), "another folder's modules could be imported"


@pytest.mark.parametrize("place", [".", "notebooks", "notebooks/exercises"])
@pytest.mark.parametrize("name", ["another/checkout", "course/copy"])  # the second lies in the older course
def test_a_copy_in_another_place_starts_its_own_helpers(course, tmp_path, name, place):
    another = copy(tmp_path / name)
    started, places, _ = run(another / place, path=course)
    assert Path(started) == another / "helpers" / "profile.py" and Path(places[0]) == another


PLACES = ["seeing-convnets", "datasets/owner/seeing-convnets", "datasets/o/zip/course-main"]
PLACES += ["slug/zip/seeing-convnets", "datasets/owner/slug/zip/seeing-convnets"]  # a folder named after the archive


@pytest.mark.parametrize("place", PLACES)
def test_from_a_kaggle_dataset(course, tmp_path, place):
    (tmp_path / "kaggle" / "input" / "code" / "helpers").mkdir(parents=True)  # somebody else's
    target = tmp_path / "kaggle" / "input" / place
    shutil.copytree(course, target)
    started, _, _ = run(tmp_path / "empty", kaggle=tmp_path / "kaggle")
    assert Path(started) == target / "helpers" / "profile.py"


@pytest.mark.parametrize("name", ["seeing-convnets.zip", "seeing-convnets (1).zip"])  # so a browser calls a second one
def test_from_the_zip_beside_the_notebook(packed, name):
    packed.rename(packed.with_name(name))
    for _ in range(2):  # the second time it is unpacked
        started, _, errors = run(packed.parent)
        assert Path(started) == packed.parent / "seeing-convnets" / "helpers" / "profile.py", errors
        (packed.parent / "seeing-convnets" / "mine.txt").touch()  # would be gone if it were unpacked again
    assert {path.name for path in packed.parent.iterdir()} == {name, "seeing-convnets"}


def test_a_course_that_was_unpacked_is_never_overwritten(packed):
    """Which of the two comes first on the path is the folder's order: here the zip does."""
    assert run(packed.parent)[0]
    mine = packed.parent / "seeing-convnets" / "helpers" / "profile.py"
    mine.write_text("def start():\n    print('mine')\n")
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.path[:0] = [{str(packed)!r}]\nimport seeing_convnets as s; s.start()",
    ]
    assert subprocess.run(command, cwd=packed.parent, capture_output=True, text=True).stdout == "mine\n"


def test_a_zip_that_was_cut_short_leaves_no_half_course(packed):
    whole = packed.read_bytes()
    folder = packed.parent / "seeing-convnets.part" / "seeing-convnets"
    folder.mkdir(parents=True)  # of an earlier start that was interrupted
    (folder / "half.txt").touch()
    packed.write_bytes(whole[: len(whole) // 2])
    assert run(packed.parent)[0] == "" and not (packed.parent / "seeing-convnets").exists()
    packed.write_bytes(whole)
    assert run(packed.parent)[0].startswith(str(packed.parent / "seeing-convnets"))
    assert not (packed.parent / "seeing-convnets" / "half.txt").exists()


def test_without_the_course_the_last_line_says_what_to_do_and_the_cell_can_be_run_again(course, tmp_path):
    assert "No module named 'seeing_convnets'" in run(tmp_path / "empty")[2]
    assert "missing? Put its zip here" in SETUP.splitlines()[-1]
    again = f"try:\n    exec({SETUP!r})\nexcept ModuleNotFoundError:\n    import shutil\n"
    again += f"    shutil.copytree({str(course)!r}, 'seeing-convnets')\n    exec({SETUP!r})"
    done = subprocess.run([sys.executable, "-c", again], cwd=tmp_path / "empty", capture_output=True, text=True)
    assert done.stdout.startswith(str(tmp_path / "empty" / "seeing-convnets")), done.stderr
