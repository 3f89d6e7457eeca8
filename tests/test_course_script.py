from __future__ import annotations

import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from helpers.profile import ROOT
from tests.conftest import empty_wheel


@pytest.fixture
def script(course):
    """The script's own functions and constants."""
    return runpy.run_path(str(course / "course.py"), run_name="imported")


def call(course: Path, *arguments: str) -> tuple[int, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COURSE_")}
    command = [sys.executable, str(course / "course.py"), *arguments]
    found = subprocess.run(command, cwd=course.parent, capture_output=True, text=True, timeout=300, env=environment)
    return found.returncode, found.stdout + found.stderr


def test_from_nothing_to_a_command_that_runs_and_warm_the_next_time(course):
    """Offline from a wheelhouse without uv: plain pip installs. The exit code is the command's."""
    wheels = ("--wheelhouse", str(course / "wheels"))
    code, shown = call(course, "data", "fetch", *wheels)
    assert code == 3 and "Making " in shown and "Installing" in shown
    assert (
        "ran ['fetch'] {'COURSE_DATA': None, 'COURSE_PROFILE': None, 'PYTHONUTF8': '1', 'COURSE_MIRROR': None}" in shown
    )

    code, shown = call(course, "data")
    assert code == 3 and shown.startswith("ran []"), "the second call must start at once"

    code, shown = call(course, "test", "-x")
    assert code == 3 and "ran ['-x'] {'COURSE_DATA': 'drawn', 'COURSE_PROFILE': 'quick'" in shown

    code, shown = call(course, "serve", "a stick", "--port", "8001")  # a folder beside the course, where the caller is
    assert f"ran {['serve', str(course.parent / 'a stick'), '--port', '8001']}" in shown

    with (course / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert "Installing" in call(course, "data", *wheels)[1]

    shutil.rmtree(next((course / ".venv").rglob("site-packages")) / "pip")  # as if cut short
    code, shown = call(course, "data", *wheels)
    assert code == 3 and "Making " in shown and "ran []" in shown

    if os.name != "nt":  # the command answers Ctrl-C itself, and is waited for
        process = subprocess.Popen(
            [sys.executable, str(course / "course.py"), "measure", "wait"],
            stdout=subprocess.PIPE, text=True, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell ignores it
        )  # fmt: skip
        assert process.stdout.readline().startswith("ran ['wait']")
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        assert "cleaned up" in process.communicate(timeout=20)[0] and process.returncode == 3


def test_what_the_site_needs_is_installed_when_it_is_first_built_and_not_before(course):
    """One package of the wheelhouse stands for Sphinx; the lock asks for another one, and for none of the site's."""
    (course / "requirements.lock").write_text(empty_wheel(course / "wheels", "other", "1.0"))
    (course / "requirements-site.txt").write_text("-c .venv/versions.txt\ncourse-probe\n")
    (course / "tools" / "measure.py").write_text("print('measured')")
    wheels = ("--wheelhouse", str(course / "wheels"))
    assert "measured" in call(course, "measure", *wheels)[1]
    assert not list((course / ".venv").rglob("course_probe.py"))
    assert "No module named 'course_probe'" not in call(course, "site", *wheels)[1]

    code, shown = call(course, "site", "now")
    assert code == 3 and shown.startswith("ran ['now']"), "the second build must install nothing"
    assert call(course, "measure")[1].startswith("measured"), "nor may any other command after it"


def test_packages_that_cannot_be_installed_leave_no_stamp(course, tmp_path):
    """An empty wheelhouse stands for a network that is down."""
    (tmp_path / "empty").mkdir()
    code, shown = call(course, "data", "--wheelhouse", str(tmp_path / "empty"))
    assert code == 1 and "the packages could not be installed" in shown and "Traceback" not in shown
    assert f"Has {tmp_path / 'empty'} packages for this system" in shown
    assert (course / ".venv").is_dir() and not (course / ".venv" / "course-stamp.txt").exists()


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
            "--wheelhouse /no/such is no folder. Make it on a computer with a network:\n  python -m pip download",
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


@pytest.mark.parametrize(
    ("system", "command"), [("posix", ["/bin/python3.12"]), ("nt", ["/bin/py", "-3.12"])], ids=["posix", "windows"]
)
def test_an_unsupported_python_takes_another_one(script, system, command):
    functions = script["find_python"].__globals__
    functions["os"] = types.SimpleNamespace(name=system)
    functions["shutil"] = types.SimpleNamespace(which=lambda name: f"/bin/{name}" if name.startswith("py") else None)
    functions["version"] = lambda found, *_: "3.12" if found == command else "3.14"
    assert script["find_python"]() == command


def test_without_any_usable_python_it_says_what_to_install(script):
    script["find_python"].__globals__["version"] = lambda *_: ""
    with pytest.raises(SystemExit) as error:
        script["find_python"]()
    for part in ("3.10, 3.11, 3.12 or 3.13", "sudo apt install python3-venv", "without venv or ensurepip"):
        assert part in str(error.value)


def test_version_of_a_python_that_lacks_a_module_or_does_not_run(script):
    here = ".".join(map(str, sys.version_info[:2]))
    assert script["version"]([sys.executable], "venv", "ensurepip") == here
    assert script["version"]([sys.executable], "no_such_module") == "", "stock Debian has no ensurepip"
    assert script["version"](["/no/such/python"]) == ""


def test_script_uses_the_standard_library_alone_and_stays_short():
    source = (ROOT / "course.py").read_text(encoding="utf-8")
    imported = set(re.findall(r"^(?:import|from) (\w+)", source, re.M))
    assert imported <= sys.stdlib_module_names
    assert source.count("\n") < 210
