"""Set up the course and open it: python course.py lab

Commands:
  lab [OPTIONS]        open the course in JupyterLab (OPTIONS go to jupyter lab)
  test [OPTIONS]       run all tests, notebooks included (OPTIONS go to pytest)
  run [NN ...]         execute notebooks without a browser; say how long each took
  refresh [NN ...]     execute notebooks and store the outputs that are to be kept
  data [status|fetch]  what data is here; fetch the rest
  measure [NAME ...]   measure the numbers in results/ again

Options for any command:
  --gpu                install TensorFlow with CUDA (Linux, NVIDIA)
  --wheelhouse DIR     install from the packages in DIR, without a network
  -h, --help           this text

The first call makes .venv beside this file and installs requirements.lock into it.
"""

# The standard library alone, and readable by old Pythons, so that they can say what is wrong.
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
STAMP = VENV / "course-stamp.txt"
SUPPORTED = [(3, 12), (3, 11), (3, 13), (3, 10)]  # in order of preference
COMMANDS = {
    "lab": [
        "-m",
        "jupyterlab",
        "--ServerApp.root_dir=" + str(HERE),
        str(HERE / "notebooks" / "00_start_here.ipynb"),
    ],
    "test": ["-m", "pytest"],
    "run": ["-m", "tools.notebooks", "run"],
    "refresh": ["-m", "tools.notebooks", "refresh"],
    "data": ["-m", "helpers.data"],
    "measure": ["-m", "tools.measure"],
}
PROBE = "import sys, venv, ensurepip; print(sys.version_info[0], sys.version_info[1])"
NO_PYTHON = """The course needs Python 3.10, 3.11, 3.12 or 3.13 that can make virtual environments.
This is Python {version} ({exe}){why}, and no other was found.
  Windows, macOS   install Python 3.12 from https://www.python.org/downloads/
  Debian, Ubuntu   sudo apt install python3-venv
  any system       install Miniforge, then: conda env create -f environment.yml
Then run the same command again."""


def fail(message):
    sys.exit("course.py: " + message)


def environment_python():
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def usable(command):
    """Whether a Python, given as a command line, is supported and can make an environment."""
    try:
        found = subprocess.run(command + ["-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
        return tuple(int(n) for n in found.stdout.split()) in SUPPORTED
    except (OSError, ValueError, subprocess.SubprocessError):
        return False


def find_python():
    """The Python to build the environment with: this one, or another that is installed."""
    names = [["py", "-%d.%d" % v] if os.name == "nt" else ["python%d.%d" % v] for v in SUPPORTED]
    candidates = [[sys.executable]] + [[shutil.which(n[0])] + n[1:] for n in names if shutil.which(n[0])]
    for command in candidates:
        if usable(command):
            return command
    why = " without venv or ensurepip" if sys.version_info[:2] in SUPPORTED else ""
    fail(NO_PYTHON.format(version=sys.version.split()[0], exe=sys.executable, why=why))


def call(command, message):
    """Run a command; if it fails, say what to do in place of a traceback."""
    try:
        code = subprocess.call([str(part) for part in command])
    except OSError as error:
        fail("%s (%s)" % (message, error))
    if code:
        fail(message)


def install(gpu, wheelhouse):
    """Make .venv and install the locked packages, unless that was done before."""
    locks = [HERE / "requirements.lock"] + [HERE / "requirements-gpu.txt"] * gpu
    stamp = hashlib.sha256(b"".join(path.read_bytes() for path in locks)).hexdigest()
    if STAMP.is_file() and STAMP.read_text() == stamp and environment_python().is_file():
        return
    python = environment_python()
    if not usable([str(python)]):  # missing, half made, or of another version
        print("Making %s ..." % VENV, flush=True)
        call(
            find_python() + ["-m", "venv", "--clear", VENV],
            "the environment could not be made. Is %s writable, with 3 GB free?" % HERE,
        )
    print("Installing the packages (once, a minute or two) ...", flush=True)
    source = []
    if wheelhouse:
        if not Path(wheelhouse).is_dir():
            fail(
                "--wheelhouse %s is no folder. Make it with:\n  python -m pip download -d %s -r requirements.lock uv"
                % (wheelhouse, wheelhouse)
            )
        source = ["--no-index", "--find-links", str(Path(wheelhouse).resolve())]
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if subprocess.call([str(part) for part in pip + source + ["uv"]], **quiet) == 0:
        pip = [python, "-m", "uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    requirements = [part for path in locks for part in ("-r", path)]
    call(
        pip + source + requirements,
        "the packages could not be installed; the lines above say why. With no network, use --wheelhouse DIR. "
        "Nothing is lost: run the same command again to go on.",
    )
    STAMP.write_text(stamp)


def options(arguments):
    """Take --gpu and --wheelhouse out of the arguments, wherever they stand."""
    gpu, wheelhouse, rest = False, None, []
    arguments = iter(arguments)
    for argument in arguments:
        if argument == "--gpu":
            gpu = True
        elif argument.split("=")[0] == "--wheelhouse":
            wheelhouse = argument.partition("=")[2] or next(arguments, None)
            if wheelhouse is None:
                fail("--wheelhouse needs a folder: --wheelhouse DIR")
        else:
            rest.append(argument)
    return gpu, wheelhouse, rest


def main():
    gpu, wheelhouse, rest = options(sys.argv[1:])
    if not rest or rest[0] in ("-h", "--help"):
        print(__doc__.strip())
        return
    if rest[0] not in COMMANDS:
        fail("no command %r. There are: %s. See python course.py --help" % (rest[0], ", ".join(COMMANDS)))
    install(gpu, wheelhouse)
    environment = dict(os.environ, PYTHONUTF8="1", JUPYTER_PLATFORM_DIRS="1")
    if rest[0] == "test":  # the tests pass without a network unless told to use real data
        environment.setdefault("COURSE_DATA", "drawn")
    command = [str(environment_python())] + COMMANDS[rest[0]] + rest[1:]
    try:
        sys.exit(subprocess.call(command, cwd=str(HERE), env=environment))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
