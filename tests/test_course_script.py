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


# What a reader's shell may say; none of it may reach the course.
STEERING = {
    "PIP_TARGET": "elsewhere", "PIP_PREFIX": "elsewhere", "PIP_ROOT": "elsewhere", "PIP_DRY_RUN": "1", "PIP_USER": "1",
    "PIP_PYTHON": "elsewhere", "PIP_REQUIRE_HASHES": "1", "PIP_CONSTRAINT": "elsewhere", "PIP_NO_BINARY": ":all:",
    "UV_CONSTRAINT": "elsewhere", "UV_PYTHON": "elsewhere", "UV_SYSTEM_PYTHON": "1", "UV_REQUIRE_HASHES": "1",
    "PYTHONPATH": "shadows", "PYTHONSAFEPATH": "1", "PYTHONINSPECT": "1", "PYTHONOPTIMIZE": "1",
    "PYTHONSTARTUP": "a.py", "VIRTUAL_ENV": "another", "__PYVENV_LAUNCHER__": "another",
    "JUPYTER_PATH": "other", "JUPYTER_PREFER_ENV_PATH": "0", "KERAS_BACKEND": "jax", "MPLBACKEND": "Agg",
}  # fmt: skip
MIRROR = {
    "PIP_INDEX_URL": "1", "PIP_EXTRA_INDEX_URL": "1", "PIP_FIND_LINKS": "1", "PIP_TRUSTED_HOST": "1", "PIP_CERT": "1",
    "PIP_PROXY": "1", "PIP_CONFIG_FILE": "1", "UV_DEFAULT_INDEX": "1", "UV_NATIVE_TLS": "1", "UV_CONFIG_FILE": "1",
    "UV_INDEX_OURS_PASSWORD": "1", "HTTPS_PROXY": "1", "SSL_CERT_FILE": "1", "PYTHONUNBUFFERED": "1",
}  # fmt: skip


WAITING = "Another start is setting the course up; waiting for it ...\n"


def call(course: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    (course.parent / "shadows").mkdir(exist_ok=True)
    (course.parent / "shadows" / "course_probe.py").write_text("raise SystemExit('shadowed')")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("COURSE_", "PIP_"))}
    environment |= STEERING | variables
    del environment["PYTHONINSPECT"]  # also stops the Python that runs course.py
    command = [sys.executable, str(course / "course.py"), *arguments]
    done = subprocess.run(command, cwd=course.parent, capture_output=True, text=True, timeout=300, env=environment)
    return done.returncode, done.stdout + done.stderr


def test_from_nothing_to_a_command_that_runs_and_warm_the_next_time(course, tmp_path):
    """Offline from a wheelhouse without uv: plain pip installs. The exit code is the command's."""
    (tmp_path / "empty").mkdir()  # stands for a network that is down
    code, shown = call(course, "data", "--wheelhouse", str(tmp_path / "empty"))
    assert code == 1 and "Making " in shown and "the packages could not be installed" in shown
    assert f"Has {tmp_path / 'empty'} packages for this system" in shown and "Traceback" not in shown
    assert (course / ".venv").is_dir() and not (course / ".venv" / "course-stamp.txt").exists()

    wheels = ("--wheelhouse", str(course / "wheels"))
    code, shown = call(course, "data", "fetch", *wheels)
    assert code == 3 and "Installing" in shown
    assert (
        "ran ['fetch'] {'COURSE_DATA': None, 'COURSE_PROFILE': None, 'PYTHONUTF8': '1', 'COURSE_MIRROR': None}" in shown
    )

    code, shown = call(course, "data")
    assert code == 3 and shown.startswith("ran []"), "the second call must start at once"

    code, shown = call(course, "test", "-x")
    assert code == 3 and "ran ['-x'] {'COURSE_DATA': 'drawn', 'COURSE_PROFILE': 'quick'" in shown

    workers = ["-n", "2"] if (os.cpu_count() or 1) > 1 else []
    assert f"ran {workers} " in call(course, "test")[1], "everything is tested two files at a time"

    code, shown = call(course, "serve", "a stick", "--port", "8001")  # a folder beside the course, where the caller is
    assert f"ran {['serve', str(course.parent / 'a stick'), '--port', '8001']}" in shown

    (course / "requirements-dev.lock").write_text(empty_wheel(course / "wheels", "for-the-site", "1.0"))  # as Sphinx is
    assert "Installing" not in call(course, "measure")[1] and not list((course / ".venv").rglob("for_the_site.py"))
    assert "Installing" in call(course, "site", *wheels)[1] and list((course / ".venv").rglob("for_the_site.py"))
    for command in ("site", "measure"):
        code, shown = call(course, command, "now")
        assert code == 3 and shown.startswith("ran ['now']"), "the second build must install nothing, nor any other"

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


def test_variables_that_steer_are_taken_out_by_name_and_those_of_a_mirror_stay(script):
    assert script["unsteered"](STEERING | MIRROR) == MIRROR


def test_an_environment_of_uv_is_used_and_pip_configuration_gives_the_mirror_alone(course, tmp_path):
    """No pip is in it, and what is in it stays. What an installation that was cut short left is not taken for whole."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", course / ".venv"], check=True)
    (packages,) = (course / ".venv").rglob("site-packages")
    (packages / "mine.py").write_text("")
    (tmp_path / "pip.conf").write_text(
        f"[global]\ntarget = {tmp_path / 'a'}\nuser = true\nquiet = 1\nno-index = true\n"
        f"[install]\nprefix = {tmp_path / 'b'}\ndry-run = true\nfind-links = {tmp_path / 'wheels'}\n"
    )
    (course / "wheels").rename(tmp_path / "wheels")
    configured = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_FIND_LINKS": ""}
    code, shown = call(course, "data", **configured)
    assert code == 3 and "ran []" in shown and "Making" not in shown and (packages / "mine.py").exists()

    (packages / "course_probe.py").unlink()
    (course / ".venv" / "course-unfinished.txt").write_text("")
    code, shown = call(course, "data", **configured)
    assert code == 3 and "ran []" in shown and (packages / "mine.py").exists()

    (course / ".venv" / "pyvenv.cfg").unlink()  # its Python is the system's from now on
    code, shown = call(course, "data", **configured)
    assert code == 1 and ".venv was not made by course.py" in shown and "Rename or delete it" in shown
    assert (packages / "mine.py").exists()


@pytest.fixture
def installed(course, script):
    """Install with a pip and a uv that only say which commands they were given; ``fail`` tells which of them fail."""
    functions, commands = script["install"].__globals__, []

    def install(fail=lambda command: False):
        def works(command, **options):
            commands.append((list(map(str, command)), options))
            return not fail(commands[-1][0])

        functions.update(works=works, has=lambda *_: "3.12", make=lambda _: None, pip_variables=dict)
        script["install"]([course / "requirements.lock"], None, course / ".venv" / "course-stamp.txt")
        return commands

    return install


def test_a_pip_that_installs_elsewhere_leaves_no_stamp(course, installed):
    with pytest.raises(
        SystemExit, match=r"(?s)pip reports success, and yet the packages are not in .*pip config debug"
    ):
        installed(fail=lambda command: "--no-index" in command)
    assert not (course / ".venv" / "course-stamp.txt").exists()


def test_uv_reads_no_pyproject_of_the_folder_it_is_called_in(course, installed):
    (uv,) = (options for command, options in installed() if "--compile-bytecode" in command)
    assert uv["cwd"] == course.anchor and (course / ".venv" / "course-stamp.txt").exists()


def test_of_two_first_starts_at_once_the_second_waits_and_goes_on_though_the_first_is_killed(course):
    command = [sys.executable, str(course / "course.py"), "measure", "--wheelhouse", str(course / "wheels")]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    first = subprocess.Popen(command, **options)
    assert first.stdout.readline().startswith("Making")
    second, third = subprocess.Popen(command, **options), subprocess.Popen(command, **options)
    assert second.stdout.readline() == third.stdout.readline() == WAITING
    first.kill()
    first.communicate()
    shown = [process.communicate(timeout=120)[0] for process in (second, third)]
    assert (second.returncode, third.returncode) == (3, 3), shown
    assert sorted("Installing" in each for each in shown) == [False, True], "both installed"


def test_help_needs_no_environment_fits_on_a_screen_and_answers_for_every_command(script, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["course.py"])
    every = [[name] for name in script["COMMANDS"]] + [["dev", name] for name in script["TASKS"]]
    for rest in ([], ["--help"], ["-h", "lab"], ["dev"], *([*each, "--help"] for each in every)):
        with pytest.raises(SystemExit) as ended:
            script["chosen"](rest)
        shown = capsys.readouterr().out
        assert ended.value.code == 0 and len(shown.splitlines()) <= 24, rest
        assert max(map(len, shown.splitlines())) <= 100 and "Traceback" not in shown
        named = [part for part in rest if part not in ("-h", "--help", "dev")]
        wanted = named or (script["TASKS"] if rest[:1] == ["dev"] else [*script["READERS"], *script["TEACHERS"], "dev"])
        assert all(f" {name}" in shown for name in wanted), rest


def test_lab_opens_00_even_where_it_opens_no_browser(script, monkeypatch):
    told, space = [], script["main"].__globals__
    monkeypatch.setattr(sys, "argv", ["course.py", "lab", "--no-browser"])
    for name in ("install", "settle_jupyterlab", "when_ended"):
        monkeypatch.setitem(space, name, lambda *_: None)
    monkeypatch.setitem(space, "run", lambda command, environment: told.extend(command))
    with pytest.raises(SystemExit):
        script["main"]()
    (address,) = [part.partition("=/lab/tree/")[2] for part in told if "LabApp.default_url" in part]
    assert "--no-browser" in told and "00_start_here" in address and (ROOT / address).is_file()


def test_help_touches_nothing(course):
    code, shown = call(course, "workshop", "--help")
    assert code == 0 and shown.startswith("python course.py workshop DIR") and not (course / ".venv").exists()


def test_a_task_for_maintainers_is_behind_dev_but_for_measure_which_every_result_names(script):
    assert script["chosen"](["dev", "refresh", "01"]) == (script["TASKS"]["refresh"][2], ["refresh", "01"])
    assert script["chosen"](["measure", "a"]) == script["chosen"](["dev", "measure", "a"])
    with pytest.raises(SystemExit, match="python course.py dev refresh 01"):
        script["chosen"](["refresh", "01"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lap",), "no command 'lap'. There are: lab, run, test"),
        (("dev", "lab"), "no task 'lab'. There are: refresh, exercises"),
        (("--verbose", "lab"), "no option '--verbose'. There are: lab, run, test"),
        (("--gpu",), "no command given"),
        (("--wheelhouse", "data"), "no command given"),
        (("--gpu=1", "lab"), "--gpu takes no value"),
        (("lab", "--wheelhouse"), "--wheelhouse needs a folder"),
        (
            ("--wheelhouse=", "data"),
            "--wheelhouse needs a folder: --wheelhouse DIR, or --wheelhouse=DIR without a space",
        ),
        (("lab", "--wheelhouse", ""), "--wheelhouse needs a folder"),
        (("--wheelhouse", "--gpu", "lab"), "--wheelhouse needs a folder"),
        (
            ("lab", "--wheelhouse", "/no/such"),
            "--wheelhouse /no/such is no folder. Make it on a computer with a network:\n  python -m pip download",
        ),
    ],
)
def test_wrong_arguments(course, arguments, message):
    code, shown = call(course, *arguments)
    assert code == 1 and message in shown and "Traceback" not in shown


def test_options_may_come_anywhere_and_what_follows_a_double_dash_is_the_commands(script):
    rest = ["lab", "--port", "8890", "--no-browser"]
    assert script["options"](["--gpu", *rest]) == (True, None, rest)
    assert script["options"]([*rest, "--wheelhouse=w"]) == (False, "w", rest)
    assert script["options"](["lab", "--wheelhouse", "w", *rest[1:]]) == (False, "w", rest)
    assert script["options"](["lab", "--wheelhouse=~/w"])[1] == os.path.expanduser("~/w")
    after = ["test", "--gpu", "--wheelhouse="]
    assert script["options"](["test", "--", *after[1:]]) == (False, None, after)


def test_a_folder_that_cannot_be_written_is_named(course):
    (course / ".venv").write_text("")
    code, shown = call(course, "data")
    assert code == 1 and f"{course} must be whole and writable, with 3 GB free." in shown and "Traceback" not in shown


@pytest.mark.parametrize(
    ("system", "command"), [("posix", ["/bin/python3.12"]), ("nt", ["/bin/py", "-3.12"])], ids=["posix", "windows"]
)
def test_an_unsupported_python_takes_another_one(script, system, command):
    functions = script["find_python"].__globals__
    functions["os"] = types.SimpleNamespace(name=system)
    functions["shutil"] = types.SimpleNamespace(which=lambda name: f"/bin/{name}" if name.startswith("py") else None)
    functions["version"] = lambda tried, *_: "3.12" if tried == command else "3.14"
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
    assert source.count("\n") < 460
