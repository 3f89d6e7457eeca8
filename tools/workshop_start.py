"""Set the course up on this computer, from a stick or from the computer that serves it; no network beyond that.

From a stick:   python start.py
Over a network: the line that `python course.py serve` prints. It sets SOURCE to that computer's address, and runs
                nothing but the start.py whose digits it holds.
Words after either (lab, run 00, ...) are a command of course.py; without any, lab opens the course.
"""

# The standard library alone, and readable by old Pythons; course.py says what it needs.
import hashlib
import http.client
import io
import os
import shutil
import subprocess
import sys
import time
import urllib.request
import zipfile

NAME = "seeing-convnets"
SHA256 = ""  # of the course's zip, which holds those of the packages; `python course.py workshop` writes it here
HERE = os.path.join(os.getcwd(), NAME)
source = globals().get("SOURCE") or os.path.dirname(os.path.abspath(__file__))
served = source.startswith("http")


def read(packed):
    """The course's zip, asked for a few times if the network or the computer that serves is busy."""
    if not served:
        return open(packed, "rb").read()
    for pause in (1, 2, 4, 8, 0):
        try:  # no proxy: none knows the way into this room
            return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(packed, timeout=60).read()
        except (OSError, http.client.HTTPException) as error:
            if not pause:
                raise
            print("%s; trying again ..." % error, flush=True)
            time.sleep(pause)


def variables():
    """For course.py, and for pip and uv in it: what waits for its turn in a full room is not given up."""
    found = dict(os.environ)
    if served:
        host = source.split("/")[2].split(":")[0]
        beside = [found[name] for name in ("no_proxy", "NO_PROXY") if found.get(name)][:1]
        found["no_proxy"] = found["NO_PROXY"] = "*" if beside == ["*"] else ",".join([host] + beside)
        found.update(PIP_RETRIES="10", PIP_TIMEOUT="120", UV_HTTP_RETRIES="10", UV_HTTP_TIMEOUT="120")
        found.update(UV_CONCURRENT_DOWNLOADS="4", COURSE_MIRROR=source + "/data/fetched")
    return found


def start(command):
    if os.path.isfile(os.path.join(HERE, "course.py")):
        print("The course is in %s already; nothing there is touched." % HERE)
    else:
        print("Unpacking the course into %s" % HERE, flush=True)
        archive = read(source + "/" + NAME + ".zip")
        if hashlib.sha256(archive).hexdigest() != SHA256:
            raise OSError("its %s.zip is not the one that was packed with this start.py" % NAME)
        half = HERE + ".half"  # so that a copy that was interrupted is never taken for the course
        shutil.rmtree(half, ignore_errors=True)
        zipfile.ZipFile(io.BytesIO(archive)).extractall(half)
        if not served:
            for name in os.listdir(os.path.join(source, "data", "fetched")):
                print("Copying %s" % name, flush=True)
                target = os.path.join(half, NAME, "data", "fetched")
                os.makedirs(target, exist_ok=True)
                shutil.copy(os.path.join(source, "data", "fetched", name), target)
        os.rename(os.path.join(half, NAME), HERE)
        shutil.rmtree(half)
    wheels = source + ("/wheels/" if served else os.sep + "wheels")
    course = [sys.executable, os.path.join(HERE, "course.py")]
    process = subprocess.Popen(course + ["--wheelhouse", wheels] + (command or ["lab"]), env=variables())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


try:
    code = start(sys.argv[1:])
except (OSError, http.client.HTTPException, zipfile.BadZipFile) as error:
    code = "The course could not be set up from %s: %s\nNothing half-made is used: run the same line again." % (
        source,
        error,
    )
sys.exit(code)
