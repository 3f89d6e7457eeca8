"""Set the course up on this computer, from a stick or from the computer that serves it; no network beyond that.

From a stick:   python start.py
Over a network: the line that `python course.py serve` prints. It sets SOURCE to that computer's address.
Words after either (lab, run 00, ...) are a command of course.py; without any, lab opens the course.
"""

# The standard library alone, and readable by old Pythons; course.py says what it needs.
import http.client
import io
import os
import shutil
import subprocess
import sys
import urllib.request
import zipfile

NAME = "seeing-convnets"
HERE = os.path.join(os.getcwd(), NAME)
source = globals().get("SOURCE") or os.path.dirname(os.path.abspath(__file__))
served = source.startswith("http")


def start(command):
    environment = dict(os.environ)
    if os.path.isfile(os.path.join(HERE, "course.py")):
        print("The course is in %s already; nothing there is touched." % HERE)
    else:
        print("Unpacking the course into %s" % HERE, flush=True)
        packed = source + "/" + NAME + ".zip"
        archive = urllib.request.urlopen(packed).read() if served else open(packed, "rb").read()
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
        os.rmdir(half)
    if served:
        environment["COURSE_MIRROR"] = source + "/data/fetched"
    wheels = source + ("/wheels/" if served else os.sep + "wheels")
    course = [sys.executable, os.path.join(HERE, "course.py")]
    process = subprocess.Popen(course + ["--wheelhouse", wheels] + (command or ["lab"]), env=environment)
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
