"""What goes wrong in a room: a full disk, a killed kernel, Ctrl-C. The next run heals it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel

from helpers import profile, store
from helpers.profile import ROOT, CourseError
from helpers.sources import fetching

needs_tmpfs = pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0, reason="only root on Linux can make a small disk"
)
posix = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be made here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def free(disk: Path) -> None:
    """Make room: a larger disk in the same place, with what lay on the small one."""
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)


@pytest.fixture
def digits(mirror) -> fetching.Remote:
    """A file of 2 MB on a server on this machine."""
    mirror.files["digits.npz"] = content = np.random.default_rng(0).bytes(2_000_000)
    return fetching.Remote("http://a/digits.npz", "sha256:" + hashlib.sha256(content).hexdigest(), len(content))


# The disk is full


@needs_tmpfs
def test_fetching_to_a_full_disk(small_disk, digits, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(small_disk))
    with pytest.raises(CourseError, match=r"cannot be written \(No space left on device\). Free space or set COURSE"):
        fetching.fetch((digits,))
    assert not [path for path in small_disk.rglob("*") if path.is_file()]
    free(small_disk)
    (path,) = fetching.fetch((digits,))
    assert path.stat().st_size == 2_000_000


@needs_tmpfs
def test_keeping_on_a_full_disk(small_disk, monkeypatch, capsys):
    monkeypatch.setattr(profile, "cache_dir", lambda: small_disk)
    features = np.random.default_rng(0).normal(size=(500, 1000))
    arrays = store.load_or_compute("features/a", 1, lambda: {"features": features})
    assert np.array_equal(arrays["features"], features), "an hour's work is lost for want of a disk"
    assert "was not kept" in capsys.readouterr().out and not list((small_disk / "kept" / "features").iterdir())
    free(small_disk)
    store.load_or_compute("features/a", 1, lambda: arrays)
    again = store.load_or_compute("features/a", 1, lambda: pytest.fail("computed again"))
    assert np.array_equal(again["features"], features)


# Killed in the middle

TRAIN = """
import os, sys
sys.path.insert(0, {root!r})
from helpers import profile, store
import keras, numpy as np
profile.cache_dir = lambda: profile.Path({cache!r})
class Say(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs):
        print("epoch", epoch, flush=True)
model = keras.Sequential([keras.Input((50,)), keras.layers.Dense(50)])
model.compile("sgd", "mse")
def train():
    rows = np.zeros((100, 50))
    return model.fit(rows, rows, epochs={epochs}, verbose=0, callbacks=[Say()]).history
history = store.load_or_compute("networks/digits", [model, {epochs}], train)
print("trained", len(history["loss"]), flush=True)
"""


@posix
def test_a_kernel_killed_in_mid_training_is_restarted_and_trains(tmp_path):
    options = {"root": str(ROOT), "cache": str(tmp_path / "cache")}
    manager, client = start_new_kernel(kernel_name="python3", stderr=subprocess.DEVNULL)
    try:
        client.execute(TRAIN.format(epochs=1_000_000, **options))
        while "epoch 2" not in _text(client.get_iopub_msg(timeout=120)):
            pass
        manager.signal_kernel(signal.SIGKILL)
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=60)
        assert not list((tmp_path / "cache").rglob("*.*")), "half a training was kept"
        shown: list[str] = []
        reply = client.execute_interactive(
            TRAIN.format(epochs=2, **options), timeout=120, output_hook=lambda message: shown.append(_text(message))
        )
        assert reply["content"]["status"] == "ok" and "trained 2" in "".join(shown)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _text(message: dict) -> str:
    return message["content"].get("text", "")


@posix
def test_what_a_killed_process_left_half_written_is_removed_by_the_next(tmp_path):
    path = tmp_path / "a.npz"
    killed = (
        "import os, signal, sys; from pathlib import Path; from helpers import store\n"
        "with store.whole(Path(sys.argv[1])) as half:\n"
        "    half.write_bytes(b'half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    process = subprocess.run([sys.executable, "-c", killed, path], cwd=ROOT)
    assert process.returncode == -signal.SIGKILL and [p.name[:5] for p in tmp_path.iterdir()] == ["half-"]
    assert store.load(path) is None
    store.save(path, {"x": np.arange(2)})
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_a_file_that_is_there_outlives_a_failed_write(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), store.whole(path) as half:
        half.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "before" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]


# Two at once


def test_two_notebooks_that_fetch_and_train_the_same_at_once(tmp_path, digits):
    fetch = "from helpers.sources import fetching\n"
    fetch += f"print(fetching.fetch((fetching.{digits!r},))[0].stat().st_size)"
    train = TRAIN.format(root=str(ROOT), cache=str(tmp_path / "cache"), epochs=3)
    options = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", source], **options) for source in (fetch, fetch, train, train)]
    shown = [process.communicate(timeout=120)[0].splitlines()[-1] for process in both]
    assert shown == ["2000000", "2000000", "trained 3", "trained 3"]
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith("half-")]
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 1


# Ctrl-C and stale environments


def run_again(course: Path) -> str:
    """What ``course.py measure`` shows; it gives back the status of what it runs."""
    command = [sys.executable, course / "course.py", "measure", "--wheelhouse", course / "wheels"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 3 and "ran []" in done.stdout, done.stdout + done.stderr
    return done.stdout


def run_up_to(step: str, course: Path, number: int) -> subprocess.Popen:
    """``course.py measure wait`` up to a line that begins with ``step``; the signal ends it, as in a terminal."""
    command = [sys.executable, course / "course.py", "measure", "wait", "--wheelhouse", course / "wheels"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    process = subprocess.Popen(command, **options, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    for line in process.stdout:
        if line.startswith(step):
            return process
    pytest.fail(f"course.py ended before {step}")


@posix
@pytest.mark.parametrize("step", ["Making", "Installing", "ran"])
def test_ctrl_c_at_any_point_of_course_py(course, step):
    """Each time the same command goes on, and no half-made environment is taken for a whole one."""
    process = run_up_to(step, course, signal.SIGINT)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=60)[0]
    if step == "ran":
        assert process.returncode == 3 and "cleaned up" in rest
    else:
        said = "course.py: interrupted. Nothing is lost: run the same command again to go on."
        assert process.returncode == 1 and rest.splitlines()[-1] == said, rest
    run_again(course)


@posix
@pytest.mark.parametrize(("number", "step"), [("SIGTERM", "Installing"), ("SIGTERM", "ran"), ("SIGHUP", "ran")])
def test_a_request_to_end_leaves_nothing_running(course, number, step):
    """What holds the pipe open is what is left running. What was cut short while installing is made again."""
    wanted = getattr(signal, number)
    process = run_up_to(step, course, wanted)
    unfinished = course / ".venv" / "course-unfinished.txt"
    while step == "Installing" and process.poll() is None and not unfinished.exists():
        time.sleep(0.02)
    process.send_signal(wanted)
    process.communicate(timeout=20)
    assert process.returncode == 128 + wanted
    assert ("Making" in run_again(course)) == (step == "Installing")


@posix
def test_an_environment_whose_python_is_gone_is_made_again(course):
    run_again(course)
    python = course / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/usr/bin/a-python-that-was-removed")
    assert "Making " in run_again(course)
