"""The course's one door: python course.py lab sets everything up and opens it; --help lists the rest."""

# The standard library alone, and readable by old Pythons, so that they can say what is wrong.
import ast
import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
STAMP = VENV / "course-stamp.txt"
MADE = VENV / "course-made.txt"  # locked while .venv is set up; empty if .venv is someone else's
TORN = VENV / "course-unfinished.txt"  # there while packages are installed, and still there if that was cut short
LOCK = HERE / "requirements.lock"
DEV_LOCK = HERE / "requirements-dev.lock"
SUPPORTED = ["3.12", "3.11", "3.13", "3.10"]  # in order of preference
# Command: how it is typed, what it does in a line, what python -m runs. Its --help adds more from MORE.
READERS = {
    "lab": ("lab [OPTIONS]", "open the course in JupyterLab", ["jupyterlab"]),
    "run": ("run [NN ...]", "execute notebooks without a browser; how long each took", ["tools.notebooks", "run"]),
    "test": ("test [OPTIONS]", "run all tests, notebooks included", ["pytest"]),
    "data": ("data [fetch|clean]", "what data is here; fetch the rest; remove what is kept", ["helpers.sources"]),
    "site": ("site", "build the course as a web site, build/site/index.html", ["tools.site"]),
}
TEACHERS = {
    "pack": ("pack [FILE.zip]", "the course as one file, for Kaggle and Colab", ["tools.pack"]),
    "workshop": ("workshop DIR [KIND]", "all that a room without a network needs", ["tools.workshop", "workshop"]),
    "serve": ("serve DIR [--port N]", "offer that folder to the room", ["tools.workshop", "serve"]),
}
TASKS = {
    "refresh": ("refresh [NN ...]", "execute notebooks and store their outputs", ["tools.notebooks", "refresh"]),
    "exercises": ("exercises", "write notebooks/exercises from notebooks/solutions", ["tools.exercises"]),
    "measure": ("measure [NAME ...]", "measure the numbers in results/, seed by seed", ["tools.experiments"]),
    "results": ("results", "write the measured numbers into the pages", ["tools.results_pages"]),
    "benchmark": ("benchmark [NAME ...]", "time what is in benchmarks/ against its rival", ["benchmarks"]),
    "pretrain": ("pretrain", "train the course's own small base again (data/models)", ["tools.pretrain"]),
    "rehearse": ("rehearse [N|full]", "run the whole course N times, or in the full profile", ["tools.rehearse"]),
    "badges": ("badges OWNER/NAME", "links to Colab, Kaggle and Binder in every notebook", ["tools.badges"]),
}
COMMANDS = dict(list(READERS.items()) + list(TEACHERS.items()) + [("measure", TASKS["measure"])])  # as results say
MORE = {
    "lab": "OPTIONS go to jupyter lab, such as --no-browser or --port=9000.",
    "run": "NN: numbers of notebooks, such as 04 06; without any, all. COURSE_PROFILE and COURSE_DATA apply.",
    "test": "OPTIONS go to pytest: a file, -k NAME, -x, --all (slow ones too). Without any: -n 2, two at a time.\n"
    "Without a network and in minutes, unless COURSE_DATA or COURSE_PROFILE says otherwise.",
    "data": "data               what is on this computer, and what fetching would add\n"
    "data fetch [NAME]  fetch all, or those whose names begin with NAME: mnist, fash, cats, vgg\n"
    "data clean [all]   remove what earlier versions of the course kept; all: everything it kept",
    "workshop": "KIND: linux, macos or windows; without any, all three. DIR may be a USB stick.",
    "serve": "Prints the line to type on each laptop.",
    "refresh": "NN: numbers of notebooks, or solutions/NN; without any, all.",
    "measure": "NAME: an experiment; without any, all. --seeds N: how many (default 3). A file that is there is\n"
    "continued at its next seed. `python course.py measure` is the same.",
    "benchmark": "NAME: a file of benchmarks/ without .py; without any, all.",
    "rehearse": "N: how often, one after the other; full [NN ...]: each once in the full profile (hours).",
}
OPTIONS = """Options for any command:
  --gpu                install TensorFlow with CUDA (Linux, NVIDIA)
  --wheelhouse DIR     install from the packages in DIR, or at http://...
  --help               after a command: more about it"""
# Variables that can send the packages elsewhere or hide them from the course. Those that match HARMLESS are kept: they
# say where packages come from (an institution's mirror), or change nothing here.
STEERING = re.compile("PYTHON|PIP_|UV_|VIRTUAL_ENV|__PYVENV|JUPYTER_P(ATH|REFER)|KERAS_BACKEND|MPLBACKEND")
HARMLESS = re.compile(
    "INDEX|LINK|HOST|CERT|TLS|PROXY|TIMEOUT|RETRIES|CACHE|KEYRING|OFFLINE|CONFIG|CONCURRENT|FEATURE|DEPRECATED"
    "|UNBUFFERED|BYTECODE|HASHSEED|FAULTHANDLER"
)
NO_PYTHON = """the course needs Python 3.10, 3.11, 3.12 or 3.13 that can make virtual environments.
This is Python {version} ({exe}){why}, and no other was found.
  Windows, macOS   https://www.python.org/downloads/release/python-31210/ (the last 3.12 with an installer)
  Debian, Ubuntu   sudo apt install python3-venv
  any system       install Miniforge, then: conda create -n course python=3.12, and: conda activate course
Then run the same command again."""
NO_PACKAGES = """the packages could not be installed; the lines above say why.
Nothing is lost: run the same command again to go on. %s"""
NOT_OURS = """{venv} was not made by course.py, and the course cannot use it:
its Python is not 3.10 to 3.13, does not start, or has no pip. Nothing in it was removed.
Rename or delete it, and run the same command again."""
NOT_THERE = """pip reports success, and yet the packages are not in {venv}.
What sends them elsewhere? The settings that this lists: {python} -m pip config debug"""


def fail(message):
    sys.exit("course.py: " + message)


def environment_python():
    return str(VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def unsteered(variables):
    return {name: value for name, value in variables.items() if not STEERING.match(name) or HARMLESS.search(name)}


def version(command, *modules):
    """The version of a Python, given as a command line: "3.12", or "" if it or a module of it does not work."""
    probe = "import %s; print('%%d.%%d' %% sys.version_info[:2])" % ", ".join(("sys",) + modules)
    command = command + ["-I", "-c", probe]
    try:
        found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.decode().strip() if found.returncode == 0 else ""


def has(*modules):
    """The version of .venv's Python if that has these modules, else "". Without pyvenv.cfg it would be the system's."""
    own = (VENV / "pyvenv.cfg").is_file() or (VENV / "conda-meta").is_dir()
    return version([environment_python()], *modules) if own else ""


def find_python():
    """The Python to build the environment with: this one, or another that is installed."""
    names = [["py", "-" + v] if os.name == "nt" else ["python" + v] for v in SUPPORTED]
    candidates = [[getattr(sys, "_base_executable", sys.executable)]]  # in an environment, the one it was made with
    candidates += [[shutil.which(n[0])] + n[1:] for n in names if shutil.which(n[0])]
    for command in candidates:
        if VENV not in Path(command[0]).parents and version(command, "venv", "ensurepip") in SUPPORTED:
            return command
    why = " without venv or ensurepip" if "%d.%d" % sys.version_info[:2] in SUPPORTED else ""
    fail(NO_PYTHON.format(version=sys.version.split()[0], exe=sys.executable, why=why))


def works(command, quiet=False, variables=os.environ, cwd=None):
    """Run a command; whether it succeeded. It asks nothing where nobody would see the question."""
    output = subprocess.DEVNULL if quiet else None
    options = {"stdout": output, "stderr": output, "cwd": cwd, "env": unsteered(variables)}
    if quiet or not (sys.stdin and sys.stdin.isatty()):
        options["stdin"] = subprocess.DEVNULL
    try:
        return subprocess.call([str(part) for part in command], close_fds=False, **options) == 0
    except OSError as error:
        print(error, file=sys.stderr)
        return False


def locked(file):
    """Take a file's lock, if no other process has it; the system gives it back when the process has ended."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        pass  # a disk without locks
    return True


@contextlib.contextmanager
def alone():
    """Make other starts wait while this one sets .venv up. Gives the file MADE."""
    VENV.mkdir(exist_ok=True)
    with open(str(MADE), "a") as made:
        os.set_inheritable(made.fileno(), True)  # if this process is killed, its pip still holds the lock
        if not locked(made):
            print("Another start is setting the course up; waiting for it ...", flush=True)
            while not locked(made):
                time.sleep(0.5)
        yield made


def make(made):
    """Make .venv, or put pip, which uv leaves out, into one that is there. Nothing that others made is removed."""
    ours = MADE.stat().st_size or os.listdir(str(VENV)) == [MADE.name]
    usable = has("pip") in SUPPORTED
    if ours and (TORN.is_file() or not usable):
        print("Making %s ..." % VENV, flush=True)
        python = find_python()
        made.write("course.py made this environment, and may remove it and make it again.\n")
        made.flush()
        for path in set(VENV.iterdir()) - {MADE}:
            shutil.rmtree(str(path)) if path.is_dir() and not path.is_symlink() else path.unlink()
        if not works(python + ["-I", "-m", "venv", VENV.resolve()]):
            fail("the environment could not be made. Is %s writable, with 3 GB free?" % HERE)
    elif not usable and has() in SUPPORTED:
        works([environment_python(), "-I", "-m", "ensurepip"], quiet=True)
    if has("pip") not in SUPPORTED:
        fail(NOT_OURS.format(venv=VENV))


def pip_variables():
    """The variables for pip: its configuration files are left out, and what does not steer it is taken from them."""
    command = [environment_python(), "-I", "-X", "utf8", "-m", "pip", "config", "list"]
    plain = dict(unsteered(os.environ), PIP_USER="0", PIP_QUIET="0")  # else a file may have it list less, or nothing
    listed = subprocess.run(command, stdout=subprocess.PIPE, env=plain)
    if listed.returncode:
        fail(NO_PACKAGES % "")
    found = re.findall(r"^(global|install)\.([\w-]+)=(['\"].*['\"])", listed.stdout.decode("utf-8"), re.M)
    settings = {"PIP_" + name.upper().replace("-", "_"): ast.literal_eval(value) for _, name, value in sorted(found)}
    settings.update((name, value) for name, value in os.environ.items() if value)  # pip ignores empty ones
    return dict(settings, PIP_CONFIG_FILE=os.devnull)


def install(named, wheelhouse, stamp):
    """Make .venv and install what is named, a lock or a requirement, unless that was done before."""
    locks = [LOCK, DEV_LOCK] if named == DEV_LOCK else [LOCK]
    content = b"".join(path.read_bytes() for path in locks) + str(named).encode() * (named not in locks)
    digest = hashlib.sha256(content).hexdigest()

    def complete():
        return not TORN.is_file() and stamp.is_file() and stamp.read_text() == digest + " " + has("pip")

    if complete():
        return
    served = bool(wheelhouse) and wheelhouse.startswith(("http://", "https://"))
    if wheelhouse and not served and not Path(wheelhouse).is_dir():
        fail(
            "--wheelhouse %s is no folder. Make it on a computer with a network:\n"
            "  python -m pip download -d %s -r requirements.lock" % (wheelhouse, wheelhouse)
        )
    with alone() as made:
        if complete():  # the start that this one waited for did it
            return
        make(made)
        takes = "1 GB, which takes a while in a full room" if served else "a minute or two"
        print("Installing the packages (once, %s) ..." % takes, flush=True)
        python = environment_python()
        variables = pip_variables()
        links = wheelhouse if served or not wheelhouse else Path(wheelhouse).resolve()
        source = ["--no-index", "--find-links", links] if wheelhouse else []
        if named in locks:  # it names all there is; to look for more, uv reads served wheels twice
            wanted = ["--require-hashes", "--no-deps", "-r", named]
        else:
            wanted = [named, "-c", VENV / "versions.txt"]
        lock = LOCK.read_text()
        own = VENV / "uv.txt"  # the lock's lines about uv: it is checked like the rest
        own.write_text("".join(re.findall(r"^uv==.*\n(?: .*\n)*", lock, re.M)))
        # For --gpu: one hash, even in a constraint, and pip takes nothing without
        (VENV / "versions.txt").write_text(re.sub(r" *\\?\n? +--hash=\S+", "", lock))
        pip = [python, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if served and wheelhouse.startswith("http:"):  # no certificate, and a proxy of pip.ini knows nothing of a room
            pip += ["--trusted-host", wheelhouse.split("/")[2].split(":")[0], "--proxy", ""]
        uv = [python, "-I", "-m", "uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
        again = ["--force-reinstall"] * TORN.is_file()  # what was cut short seems to be there

        def there():  # with nowhere to get it from, pip only says whether it is there
            return works(pip + ["--no-index"] + wanted, quiet=True, variables=variables)

        TORN.write_text("Packages are being installed, or that was cut short.\n")
        fast = (
            works(pip + source + ["--require-hashes", "--no-deps", "-r", own], quiet=True, variables=variables)
            # in the root folder: uv obeys a pyproject.toml where it runs, or above that
            and works(uv + source + again + wanted, quiet=True, cwd=HERE.anchor)
            and there()
        )
        done = fast or works(pip + source + again + wanted, variables=variables)  # pip also says what is wrong
        TORN.unlink()
        if not done:
            hint = "Has %s packages for this system and this Python?" % wheelhouse
            fail(NO_PACKAGES % (hint if wheelhouse else "With no network, use --wheelhouse DIR."))
        if not fast and not there():
            fail(NOT_THERE.format(venv=VENV, python=python))
        stamp.write_text(digest + " " + has("pip"))


def options(arguments):
    """Take --gpu and --wheelhouse out of the arguments, wherever they stand before a --."""
    gpu, wheelhouse, rest = False, None, []
    arguments = iter(arguments)
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if argument == "--":
            rest.extend(arguments)
        elif name == "--gpu":
            if equals:
                fail("--gpu takes no value")
            gpu = True
        elif name == "--wheelhouse":
            wheelhouse = os.path.expanduser(value if equals else next(arguments, ""))
            if not wheelhouse or wheelhouse.startswith("-"):
                fail("--wheelhouse needs a folder: --wheelhouse DIR, or --wheelhouse=DIR without a space")
        else:
            rest.append(argument)
    return gpu, wheelhouse, rest


def when_ended(action):
    """What to do when asked to end, by SIGTERM or by a terminal that closes. What nohup has ignored stays ignored."""
    for number in {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, action)


def run(command, environment):
    """Run a command to its end and give its exit code; Ctrl-C and a request to end are the command's to answer."""
    process = subprocess.Popen(command, cwd=str(HERE), env=environment)
    when_ended(lambda number, frame: process.send_signal(number))
    while True:
        try:
            code = process.wait()
            return code if code >= 0 else 128 - code
        except KeyboardInterrupt:
            continue


def settle_jupyterlab():
    """JupyterLab's defaults in .venv: no question about news, and names of notebooks that can be read in the list."""
    settings = VENV / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    wanted = (HERE / "tools" / "jupyterlab.json").read_bytes()
    if not settings.is_file() or MADE.stat().st_size and settings.read_bytes() != wanted:
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_bytes(wanted)


def listed(commands):
    return "\n".join("  %-20s %s" % (usage, text) for usage, text, _ in commands.values())


def overview():
    parts = ["python course.py COMMAND", "For readers:", listed(READERS), "For teachers:", listed(TEACHERS)]
    parts += ["For maintainers:", "  %-20s %s" % ("dev TASK", "refresh notebooks, measure, ...; `dev` lists them")]
    return "\n".join(parts + [OPTIONS])


def about(name):
    """What --help says after a command."""
    usage, text, _ = dict(COMMANDS, **TASKS)[name]
    first = "python course.py %s%s" % ("" if name in COMMANDS else "dev ", usage)
    return "\n".join(part for part in (first, text[0].upper() + text[1:] + ".", MORE.get(name), OPTIONS) if part)


def chosen(rest):
    """The command and what follows it; or prints help, which needs no environment, and ends."""
    asked = {"-h", "--help"} & set(rest[:3])
    rest = [part for part in rest if part not in ("-h", "--help")] if asked else rest
    tasks = rest[:1] == ["dev"]
    rest, known = (rest[1:], TASKS) if tasks else (rest, COMMANDS)
    if not rest and len(sys.argv) > 1 and not asked and not tasks:
        fail("no command given. See python course.py --help")
    if not rest or asked and rest[0] not in known:
        print("python course.py dev TASK\n" + listed(TASKS) if tasks else overview())
        sys.exit(0)
    if rest[0] not in known:
        kind = "option" if rest[0].startswith("-") else "task" if tasks else "command"
        names = ", ".join(TASKS if tasks else list(READERS) + list(TEACHERS) + ["dev"])
        hint = "dev" if tasks else "--help"
        if rest[0] in TASKS:
            fail("%s is a task for maintainers now: python course.py dev %s" % (rest[0], " ".join(rest)))
        fail("no %s %r. There are: %s. See python course.py %s" % (kind, rest[0], names, hint))
    if asked:
        print(about(rest[0]))
        sys.exit(0)
    return known[rest[0]][2], rest


def main():
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a folder's name may not fit the console's alphabet
    when_ended(lambda number, frame: sys.exit(128 + number))
    gpu, wheelhouse, rest = options(sys.argv[1:])
    module, rest = chosen(rest)
    try:
        install(LOCK, wheelhouse, STAMP)
        if gpu:
            (tensorflow,) = re.findall(r"^tensorflow==([\w.]+)", LOCK.read_text(), re.M)
            install("tensorflow[and-cuda]==" + tensorflow, wheelhouse, VENV / "gpu-stamp.txt")
        if rest[0] == "site":
            install(DEV_LOCK, wheelhouse, VENV / "dev-stamp.txt")
    except KeyboardInterrupt:
        fail("interrupted. Nothing is lost: run the same command again to go on.")
    except OSError as error:
        whole = "%s must be whole and writable, with 3 GB free. If it cannot be, copy it to a folder of your own."
        fail("%s\n%s" % (error, whole % HERE))
    if rest[0] in TEACHERS and len(rest) > 1 and not rest[1].startswith("-"):
        rest[1] = os.path.abspath(os.path.expanduser(rest[1]))  # from where the user is; the command runs in HERE
    environment = dict(unsteered(os.environ), PYTHONUTF8="1", PYTHONNOUSERSITE="1", JUPYTER_PLATFORM_DIRS="1")
    if rest[0] == "test":  # passes without a network, and in minutes, unless told otherwise
        environment.setdefault("COURSE_DATA", "drawn")
        environment.setdefault("COURSE_PROFILE", "quick")
        if len(rest) == 1 and (os.cpu_count() or 1) > 1:  # everything: two files at a time, half the minutes
            rest += ["-n", "2"]
    command = [environment_python(), "-m"] + module
    if rest[0] == "lab":
        settle_jupyterlab()
        command += ["--ServerApp.root_dir=" + str(HERE), "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb"]
    sys.exit(run(command + rest[1:], environment))


if __name__ == "__main__":
    main()
