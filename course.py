"""Set up the course and open it: python course.py lab

Commands:
  lab [OPTIONS]        open the course in JupyterLab (OPTIONS go to jupyter lab)
  test [OPTIONS]       run all tests, notebooks included (OPTIONS go to pytest)
  run [NN ...]         execute notebooks without a browser; say how long each took
  refresh [NN ...]     execute notebooks and store the outputs that are to be kept (NN or solutions/NN)
  exercises            write notebooks/exercises from notebooks/solutions
  data [status|fetch]  what data is here; fetch the rest, or what is named
  measure [NAME ...]   measure the numbers in results/ again
  results              write the measured numbers of results/ and benchmarks/ into README.md and docs/
  site                 build the course as a web site, build/site/index.html
  benchmark [NAME ...] time what is in benchmarks/ against its rival
  pretrain             train the course's own small base again (data/models)
  rehearse [N]         run the whole course N times in a row; say what it took and whether anything changed
  pack [FILE.zip]      the course as one file, for Kaggle and Colab
  workshop DIR [KIND]  fill a folder with all that a room without a network needs (KIND: linux, macos, windows)
  serve DIR [--port N] serve that folder to the room; says what to type on each laptop
  badges OWNER/NAME    write links to Colab, Kaggle and Binder, once the course is on GitHub

Options for any command:
  --gpu                install TensorFlow with CUDA (Linux, NVIDIA)
  --wheelhouse DIR     install from the packages in DIR (or at http://...), without a network beyond it
  -h, --help           this text

The first call makes .venv beside this file and installs requirements.lock into it.
"""

# The standard library alone, and readable by old Pythons, so that they can say what is wrong.
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
STAMP = VENV / "course-stamp.txt"
LOCK = HERE / "requirements.lock"
SUPPORTED = ["3.12", "3.11", "3.13", "3.10"]  # in order of preference
COMMANDS = {
    "lab": ["jupyterlab", "--ServerApp.root_dir=" + str(HERE), str(HERE / "notebooks" / "00_start_here.ipynb")],
    "test": ["pytest"],
    "run": ["tools.notebooks", "run"],
    "refresh": ["tools.notebooks", "refresh"],
    "exercises": ["tools.exercises"],
    "data": ["helpers.data"],
    "measure": ["tools.measure"],
    "results": ["tools.ledger_pages"],
    "site": ["tools.site"],
    "benchmark": ["benchmarks"],
    "pretrain": ["tools.pretrain"],
    "rehearse": ["tools.rehearse"],
    "pack": ["tools.pack"],
    "workshop": ["tools.workshop", "workshop"],
    "serve": ["tools.workshop", "serve"],
    "badges": ["tools.badges"],
}
NO_PYTHON = """the course needs Python 3.10, 3.11, 3.12 or 3.13 that can make virtual environments.
This is Python {version} ({exe}){why}, and no other was found.
  Windows, macOS   https://www.python.org/downloads/release/python-31210/ (the last 3.12 with an installer)
  Debian, Ubuntu   sudo apt install python3-venv
  any system       install Miniforge, then: conda create -n course python=3.12, and: conda activate course
Then run the same command again."""
NO_PACKAGES = """the packages could not be installed; the lines above say why.
Nothing is lost: run the same command again to go on. %s"""


def fail(message):
    sys.exit("course.py: " + message)


def environment_python():
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def version(command, *modules):
    """The version of a Python, given as a command line: "3.12", or "" if it or a module of it does not work."""
    probe = "import %s; print('%%d.%%d' %% sys.version_info[:2])" % ", ".join(("sys",) + modules)
    try:
        found = subprocess.run(command + ["-c", probe], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.decode().strip() if found.returncode == 0 else ""


def find_python():
    """The Python to build the environment with: this one, or another that is installed."""
    names = [["py", "-" + v] if os.name == "nt" else ["python" + v] for v in SUPPORTED]
    candidates = [[sys.executable]] + [[shutil.which(n[0])] + n[1:] for n in names if shutil.which(n[0])]
    for command in candidates:
        if version(command, "venv", "ensurepip") in SUPPORTED:
            return command
    why = " without venv or ensurepip" if "%d.%d" % sys.version_info[:2] in SUPPORTED else ""
    fail(NO_PYTHON.format(version=sys.version.split()[0], exe=sys.executable, why=why))


def works(command, quiet=False):
    """Run a command; whether it succeeded."""
    output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} if quiet else {}
    try:
        return subprocess.call([str(part) for part in command], **output) == 0
    except OSError as error:
        print(error, file=sys.stderr)
        return False


def install(files, wheelhouse, stamp):
    """Make .venv and install the packages that the files name, unless that was done before."""
    python = environment_python()
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in [LOCK] + files)).hexdigest()
    has = version([str(python)], "pip")  # "" too for an environment that was cut short
    if stamp.is_file() and stamp.read_text() == digest + " " + has:
        return
    served = bool(wheelhouse) and wheelhouse.startswith("http://")
    if wheelhouse and not served and not Path(wheelhouse).is_dir():
        fail(
            "--wheelhouse %s is no folder. Make it on a computer with a network:\n"
            "  python -m pip download -d %s -r requirements.lock" % (wheelhouse, wheelhouse)
        )
    if has not in SUPPORTED:
        print("Making %s ..." % VENV, flush=True)
        if not works(find_python() + ["-m", "venv", "--clear", VENV]):
            fail("the environment could not be made. Is %s writable, with 3 GB free?" % HERE)
        has = version([str(python)], "pip")
    takes = "1 GB, which takes a while in a full room" if served else "a minute or two"
    print("Installing the packages (once, %s) ..." % takes, flush=True)
    links = wheelhouse if served or not wheelhouse else Path(wheelhouse).resolve()
    source = ["--no-index", "--find-links", links] if wheelhouse else []
    requirements = [part for path in files for part in ("-r", path)]
    lock = LOCK.read_text()
    own = VENV / "uv.txt"  # the lock's lines about uv: it is checked like the rest
    own.write_text("".join(re.findall(r"^uv==.*\n(?: .*\n)*", lock, re.M)))
    # For requirements-gpu.txt and the like: one hash, even in a constraint, and pip takes nothing without
    (VENV / "versions.txt").write_text(re.sub(r" *\\?\n? +--hash=\S+", "", lock))
    if files == [LOCK]:  # it names all there is; to look for more, uv reads served wheels twice
        requirements += ["--require-hashes", "--no-deps"]
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"] + source
    if served:  # a laptop has no certificate, and a proxy of pip.ini knows nothing of this room
        pip += ["--trusted-host", wheelhouse.split("/")[2].split(":")[0], "--proxy", ""]
    uv = [python, "-m", "uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", python] + source
    checked = ["--require-hashes", "--no-deps", "-r", own]
    fast = works(pip + checked, quiet=True) and works(uv + requirements, quiet=True)
    if not fast and not works(pip + requirements):  # uv knows no pip.conf; pip also says what is wrong
        hint = "Has %s packages for this system and this Python?" % wheelhouse
        fail(NO_PACKAGES % (hint if wheelhouse else "With no network, use --wheelhouse DIR."))
    stamp.write_text(digest + " " + has)


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


def run(command, environment):
    """Run a command to its end and give its exit code; Ctrl-C is the command's to answer."""
    process = subprocess.Popen(command, cwd=str(HERE), env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def main():
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a folder's name may not fit the console's alphabet
    gpu, wheelhouse, rest = options(sys.argv[1:])
    if not rest or rest[0] in ("-h", "--help"):
        print(__doc__.strip())
        return
    if rest[0] not in COMMANDS:
        fail("no command %r. There are: %s. See python course.py --help" % (rest[0], ", ".join(COMMANDS)))
    try:
        install([LOCK], wheelhouse, STAMP)
        if gpu:
            install([HERE / "requirements-gpu.txt"], wheelhouse, VENV / "gpu-stamp.txt")
        if rest[0] == "site":
            install([HERE / "requirements-site.txt"], wheelhouse, VENV / "site-stamp.txt")
    except KeyboardInterrupt:
        fail("interrupted. Nothing is lost: run the same command again to go on.")
    if rest[0] in ("pack", "workshop", "serve") and len(rest) > 1 and not rest[1].startswith("-"):
        rest[1] = os.path.abspath(os.path.expanduser(rest[1]))  # from where the user is; the command runs in HERE
    environment = dict(os.environ, PYTHONUTF8="1", JUPYTER_PLATFORM_DIRS="1")
    if rest[0] == "test":  # passes without a network, and in minutes, unless told otherwise
        environment.setdefault("COURSE_DATA", "drawn")
        environment.setdefault("COURSE_PROFILE", "quick")
    sys.exit(run([str(environment_python()), "-m"] + COMMANDS[rest[0]] + rest[1:], environment))


if __name__ == "__main__":
    main()
