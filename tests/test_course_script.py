from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.profile import ROOT


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """course.py alone in a folder, with a lock that asks for one small package."""
    shutil.copy(ROOT / "course.py", tmp_path)
    (tmp_path / "requirements.lock").write_text("iniconfig==2.1.0\n")
    return tmp_path


@pytest.fixture
def script(course):
    """The script's own functions and constants."""
    return runpy.run_path(str(course / "course.py"), run_name="imported")


def call(course: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-S", str(course / "course.py"), *arguments]
    found = subprocess.run(command, cwd=course.parent, capture_output=True, text=True, timeout=300)
    return found.returncode, found.stdout + found.stderr


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_touches_nothing(course, arguments):
    code, shown = call(course, *arguments)
    assert code == 0 and "lab [OPTIONS]" in shown and not (course / ".venv").exists()


def test_help_lists_every_command(script):
    documented = re.findall(r"^  (\w+) ", script["__doc__"].split("Options")[0], re.M)
    assert documented == list(script["COMMANDS"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lap",), "no command 'lap'. There are: lab, test, run"),
        (("lab", "--wheelhouse"), "--wheelhouse needs a folder"),
        (
            ("lab", "--wheelhouse", "/no/such"),
            "/no/such is no folder. Make it with:\n  python -m pip download",
        ),
    ],
)
def test_wrong_arguments(course, arguments, message):
    code, shown = call(course, *arguments)
    assert code == 1 and message in shown and "Traceback" not in shown


def test_options_may_stand_anywhere_and_the_rest_keeps_its_order(script):
    rest = ["lab", "--port", "8890", "--no-browser"]
    assert script["options"](["--gpu", *rest]) == (True, None, rest)
    assert script["options"]([*rest, "--wheelhouse=w"]) == (False, "w", rest)
    assert script["options"](["lab", "--wheelhouse", "w", *rest[1:]]) == (False, "w", rest)


def test_an_unsupported_python_takes_another_one(script):
    functions = script["find_python"].__globals__
    functions["usable"] = lambda command: "python3.12" in command[0]
    functions["shutil"] = type(
        "S", (), {"which": staticmethod(lambda name: f"/bin/{name}" if "python3" in name else None)}
    )
    assert script["find_python"]() == ["/bin/python3.12"]


def test_without_any_usable_python_it_says_what_to_install(script):
    script["find_python"].__globals__["usable"] = lambda command: False
    with pytest.raises(SystemExit) as error:
        script["find_python"]()
    for part in ("3.10, 3.11, 3.12 or 3.13", "sudo apt install python3-venv", "without venv or ensurepip"):
        assert part in str(error.value)


def test_a_python_without_ensurepip_is_not_usable(script, tmp_path):
    assert script["usable"]([sys.executable])
    (tmp_path / "ensurepip.py").write_text("raise ImportError('as on stock Debian')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); exec(sys.argv[1])"
    wrapper = tmp_path / "wrapper.py"
    wrapper.write_text(code)

    assert not script["usable"](["/no/such/python"])
    functions = script["usable"].__globals__
    functions["PROBE"] = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); " + functions["PROBE"]
    assert not script["usable"]([sys.executable])


def test_packages_that_cannot_be_installed_leave_no_stamp(course, tmp_path):
    """An empty wheelhouse stands for a network that is down."""
    (tmp_path / "wheels").mkdir()
    code, shown = call(course, "data", "--wheelhouse", str(tmp_path / "wheels"))
    assert code == 1 and "the packages could not be installed" in shown and "Traceback" not in shown
    assert (course / ".venv").is_dir() and not (course / ".venv" / "course-stamp.txt").exists()


def test_script_uses_the_standard_library_alone_and_stays_short():
    source = (ROOT / "course.py").read_text(encoding="utf-8")
    imported = set(re.findall(r"^(?:import|from) (\w+)", source, re.M))
    assert imported <= sys.stdlib_module_names
    assert source.count("\n") < 200
