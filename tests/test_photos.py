"""Photos of cats and dogs in every published form, whole and broken."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import data, drawn, profile, store
from helpers.profile import CourseError
from helpers.sources import fetching, finding, photos, splitting

PARTS = {"train": 6, "validation": 2, "test": 2}  # of each class, instead of 1,000, 500 and 500


def jpeg(number: int, label: int = 0, size: tuple[int, int] = (40, 30), mode: str = "RGB", kind: str = "JPEG") -> bytes:
    """A picture whose red says its class and whose green its number."""
    color = {"RGB": (200 * label, 5 * number, 90), "L": 90, "CMYK": (10, 20, 30, 0), "P": 5}[mode]
    file = io.BytesIO()
    Image.new(mode, size, color).save(file, kind)
    return file.getvalue()


def detailed() -> bytes:
    """A photo of noise: its data is long enough to be damaged in the middle."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)).save(file, "JPEG")
    return file.getvalue()


def with_thumbnail(content: bytes) -> bytes:
    """A photo that holds a small one in its EXIF data, as those of cameras do."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + jpeg(0)
    return content[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + content[2:]


def noisy(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + np.random.default_rng(1).bytes(400) + content[middle + 400 :]


BROKEN = {
    "empty": b"",
    "not an image": b"<html>Sign in to the conference Wi-Fi</html>",
    "a BMP": jpeg(0, kind="BMP"),
    "a GIF": jpeg(0, mode="P", kind="GIF"),
    "gray": jpeg(0, mode="L"),
    "CMYK": jpeg(0, mode="CMYK"),
    "cut short": jpeg(0, size=(400, 300))[:-300],
    "damaged": noisy(detailed()),
}


@pytest.fixture(autouse=True)
def small_split(monkeypatch):
    monkeypatch.setattr(splitting, "PARTS", PARTS)


def published(count: int = 10, broken: dict[int, bytes] | None = None) -> dict[tuple[str, int], bytes]:
    """Photos of both classes by class and number; those of cats may be replaced by broken ones."""
    names = enumerate(("cat", "dog"))
    whole = {(name, n): jpeg(n, label) for label, name in names for n in range(count)}
    return whole | {("cat", n): content for n, content in (broken or {}).items()}


def write_tree(folder: Path, form: str, content: dict[tuple[str, int], bytes]) -> None:
    for (name, n), photo in content.items():
        path = folder / form.format(name=name, Name=name.capitalize(), n=n)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo)


def zipped(form: str, content: dict[tuple[str, int], bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for (name, n), photo in content.items():
            archive.writestr(form.format(name=name, Name=name.capitalize(), n=n), photo)
    return file.getvalue()


TREES = {
    "kaggle flat": "dogs-vs-cats/train/{name}.{n}.jpg",
    "kaggle twice": "dogs-vs-cats/train/train/{name}.{n}.jpg",
    "kaggle redux": "dogs-vs-cats-redux-kernels-edition/train/{name}.{n}.jpg",
    "microsoft unpacked": "PetImages/{Name}/{n}.jpg",
    "microsoft in its folder": "kagglecatsanddogs_5340/PetImages/{Name}/{n}.jpg",
    "JPG": "PetImages/{Name}/{n}.JPG",
    "jpeg": "PetImages/{Name}/{n}.jpeg",
}
ARCHIVES = {
    "kaggle train.zip": ("dogs-vs-cats/train.zip", "train/{name}.{n}.jpg"),
    "microsoft": ("kagglecatsanddogs_5340.zip", "PetImages/{Name}/{n}.jpg"),
    "google": ("cats_and_dogs_filtered.zip", "cats_and_dogs_filtered/train/{name}s/{name}.{n}.jpg"),
}
READY = "cats_and_dogs_small/{part}/{name}s/{name}.{n}.jpg"
FORMS = ["ready", "kaggle flat", "microsoft unpacked", "kaggle zip in zip", *ARCHIVES]


def publish(folder: Path, form: str, content: dict[tuple[str, int], bytes]) -> None:
    """Lay photos out as one of their publishers does."""
    folder.mkdir(parents=True, exist_ok=True)
    if form == "ready":
        for (name, n), photo in content.items():
            part = "train" if n < 6 else "validation" if n < 8 else "test"
            write_tree(folder, READY.replace("{part}", part), {(name, n): photo})
    elif form == "kaggle zip in zip":
        with zipfile.ZipFile(folder / "dogs-vs-cats.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("test1.zip", zipped("test1/{n}.jpg", {("cat", n): b"" for n in range(3)}))
            archive.writestr("train.zip", zipped("train/{name}.{n}.jpg", content))
    elif form in ARCHIVES:
        path, inside = ARCHIVES[form]
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(zipped(inside, content))
    else:
        write_tree(folder, TREES[form], content)
        hidden = TREES[form].replace("{n}", "._{n}").replace("{name}.._", "._{name}.")
        write_tree(folder, hidden, {("cat", 0): b"a Mac's note"})


def contents(split: data.Split) -> dict[str, list[bytes]]:
    return {part: [Path(path).read_bytes() for path in paths] for part, paths in split.paths.items()}


def expected(content: dict[tuple[str, int], bytes], broken: tuple[int, ...] = ()) -> dict[str, list[bytes]]:
    """What the split must hold: whole photos in the order of their numbers, cats before dogs."""
    found: dict[str, list[bytes]] = {part: [] for part in PARTS}
    for name in ("cat", "dog"):
        numbers = [n for c, n in content if c == name and not (name == "cat" and n in broken)]
        start = 0
        for part, count in PARTS.items():
            found[part] += [content[name, n] for n in sorted(numbers)[start : start + count]]
            start += count
    return found


@pytest.mark.parametrize(
    ("form", "place"),
    [
        *((form, "data") for form in [*FORMS, *TREES]),
        *((form, place) for form in ("ready", "microsoft") for place in ("data/fetched", "kaggle/competitions")),
        *(("microsoft unpacked", f"kaggle/{place}") for place in ("", "some-dataset", "datasets/me/pets", "a/b")),
    ],
)
def test_every_published_form_gives_the_same_split(empty_machine, capsys, form, place):
    content = published()
    publish(empty_machine.parent / place, form, content)
    before = {path: path.read_bytes() for path in (empty_machine.parent / place).rglob("*") if path.is_file()}
    split = data.cats_and_dogs(8, 4).files
    assert contents(split) == expected(content)
    assert split.labels == {part: [0] * n + [1] * n for part, n in PARTS.items()} and split.real
    assert "Cats and dogs: 12 + 4 + 4 photos from " in capsys.readouterr().out
    assert all(path.read_bytes() == content for path, content in before.items()), "the originals were touched"


def test_a_batch_holds_the_photo_and_its_label(empty_machine):
    publish(empty_machine, "ready", published())
    pets = data.cats_and_dogs(image_size=16, batch_size=3)
    assert [len(labels) for _, labels in pets.train] == [3, 3, 3, 3]
    ((images, labels),) = pets.test.as_numpy_iterator()
    assert images.shape == (4, 16, 16, 3) and images.dtype == np.float32 and labels.dtype == np.int32
    assert labels.tolist() == [0, 0, 1, 1] and np.abs(images[2, ..., 0] - 200).max() < 4
    assert np.abs(images[1, ..., 1] - 45).max() < 4, "the ninth cat"
    epochs = [np.concatenate([y for _, y in pets.train.as_numpy_iterator()]).tolist() for _ in range(4)]
    assert all(sum(epoch) == 6 for epoch in epochs) and len({tuple(epoch) for epoch in epochs}) > 1
    assert pets.class_names == ("cat", "dog")


@pytest.mark.parametrize("form", ["ready", "kaggle flat", "kaggle zip in zip", "microsoft"])
def test_broken_photos_are_skipped_and_counted_by_kind(empty_machine, capsys, form):
    broken = dict(zip((1, 2, 3, 6, 9, 10, 11, 12), BROKEN.values()))
    content = published(18, broken)
    publish(empty_machine, form, content)
    for _ in range(2):  # when the split is built, and when it is found again
        split = data.cats_and_dogs(8, 4).files
        line = capsys.readouterr().out
        assert all(f"1 {kind}" in line for kind in BROKEN), line
        assert f"{len(BROKEN)} broken files skipped" in line
    if form != "ready":
        assert contents(split) == expected(content, tuple(broken))
    assert not set(BROKEN.values()) & {photo for part in contents(split).values() for photo in part}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        *BROKEN.items(),
        ("a WEBP", jpeg(0, kind="WEBP")),  # TensorFlow gives it a fourth axis
        ("a PNG", jpeg(0, kind="PNG")),
        ("a TIFF", jpeg(0, kind="TIFF")),
        ("cut short", with_thumbnail(detailed())[: len(with_thumbnail(b"..")) + 700]),
        ("cut short", with_thumbnail(detailed())[: len(with_thumbnail(b"..")) + 1]),
        ("cut short", detailed()[:2000] + bytes(3000)),  # a copy that was interrupted, filled up with zeros
        ("cut short", b"\xff\xd8\xff"),
        ("", with_thumbnail(detailed())),
        ("", jpeg(3) + b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40),  # a phone's motion photo
        ("", jpeg(3) + bytes(4000)),
        ("", jpeg(3, kind="MPO") + detailed()[:2000]),
        ("", jpeg(3)),
    ],
)
def test_each_flaw_has_its_name(kind, content):
    assert photos.flaw(content) == kind


@pytest.mark.parametrize("form", ["ready", "microsoft"])
def test_every_photo_that_is_left_can_be_decoded(empty_machine, form):
    """The pipeline's own decoding decides: one that passed another check would stop an epoch."""
    publish(empty_machine, form, published(14, {1: noisy(detailed()), 4: with_thumbnail(detailed())[:1600]}))
    pets = data.cats_and_dogs(8, 4)
    assert [sum(len(labels) for _, labels in part) for part in (pets.train, pets.validation, pets.test)] == [
        len(pets.files.labels[part]) for part in PARTS
    ]


@pytest.mark.parametrize("form", ["ready", "microsoft", "microsoft unpacked"])
def test_photos_are_checked_once_and_a_changed_one_is_noticed(empty_machine, monkeypatch, form):
    """What a check said is kept for the files as they are; damage on disk is no verdict."""
    publish(empty_machine, form, published(10, {1: BROKEN["CMYK"]}))
    before = data.cats_and_dogs(8, 4).files
    checked, flaw = [], photos.flaw
    monkeypatch.setattr(photos, "flaw", lambda content: checked.append(content) or flaw(content))
    assert data.cats_and_dogs(8, 4).files == before and checked == []

    for kept in (profile.cache_dir() / "kept" / "photos").glob("*.npz"):
        kept.write_bytes(kept.read_bytes()[:-99])
    assert data.cats_and_dogs(8, 4).files == before and checked != []

    shutil.rmtree(empty_machine)
    publish(empty_machine, form, published(10, {1: BROKEN["CMYK"], 3: jpeg(40), 5: BROKEN["damaged"]}))
    after = data.cats_and_dogs(8, 4).files
    assert jpeg(40) in checked and after.digest != before.digest
    assert jpeg(40) in contents(after)["train"] and "(1 CMYK, 1 damaged)" in after.source


def test_a_verdict_that_cannot_be_kept_stops_nothing(empty_machine, capsys):
    publish(empty_machine, "ready", published())
    (empty_machine.parent / "cache").write_text("in the way")
    assert data.cats_and_dogs(8, 4).real
    assert "was not kept" in capsys.readouterr().out


def test_a_photo_that_cannot_be_read_today_is_counted_and_tried_again(empty_machine, monkeypatch):
    publish(empty_machine, "ready", published())
    read = Path.read_bytes

    def fail(path: Path) -> bytes:
        if path.name == "cat.1.jpg":
            raise OSError(errno.EIO, "Input/output error")
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail)
        assert "1 broken file skipped (1 unreadable)" in data.cats_and_dogs(8, 4).source
    assert len(data.cats_and_dogs(8, 4).files.paths["train"]) == 12


def test_fewer_photos_leave_halves_for_validation_and_test(empty_machine):
    """Google's set ends at 1,500 of each: training keeps its number."""
    content = published(9)
    publish(empty_machine, "google", content)
    split = data.cats_and_dogs(8, 4).files
    assert {part: len(paths) for part, paths in split.paths.items()} == {"train": 12, "validation": 2, "test": 2}


def test_too_few_whole_photos(empty_machine):
    publish(empty_machine, "microsoft", published(9, dict(zip((0, 4), (b"", BROKEN["gray"])))))
    problem = r"holds 7 whole photos of cats and 9 of dogs, 2 broken files skipped .1 empty, 1 gray.; the split needs 6"
    with pytest.raises(CourseError, match=problem):
        data.cats_and_dogs()
    assert not list((empty_machine.parent / "cache").rglob("*.jpg"))


def test_an_unusable_source_does_not_hide_a_good_one(empty_machine):
    publish(empty_machine, "microsoft unpacked", published(3))
    publish(empty_machine, "google", published())
    assert len(data.cats_and_dogs(8, 4).files.paths["train"]) == 12


def test_a_ready_folder_that_lacks_a_part_is_named(empty_machine):
    publish(empty_machine, "ready", published())
    shutil.rmtree(empty_machine / "cats_and_dogs_small" / "test" / "dogs")
    with pytest.raises(CourseError, match=r"dogs holds no photos\. .* train, validation and test"):
        data.cats_and_dogs()


@pytest.mark.parametrize("form", ["kaggle train.zip", "kaggle zip in zip", "microsoft", "google"])
@pytest.mark.parametrize("damage", ["cut", "no zip", "empty"])
def test_a_damaged_archive_is_named_and_left_alone(empty_machine, form, damage):
    publish(empty_machine, form, published())
    (path,) = empty_machine.rglob("*.zip")
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "no zip": b"<html>", "empty": b""}[damage])
    before = path.read_bytes()
    with pytest.raises(CourseError, match=path.name + r" cannot be read \(.*whole copy"):
        data.cats_and_dogs()
    assert path.read_bytes() == before and not list(empty_machine.parent.rglob("train.zip.*"))


def test_a_damaged_member_counts_as_broken(empty_machine, capsys):
    publish(empty_machine, "microsoft", published(11))
    path = empty_machine / "kagglecatsanddogs_5340.zip"
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("PetImages/Dog/3.jpg").header_offset + 60
    content = bytearray(path.read_bytes())
    content[place : place + 40] = bytes(40)
    path.write_bytes(content)
    data.cats_and_dogs(8, 4)
    assert "1 broken file skipped (1 damaged in the archive)" in capsys.readouterr().out


def test_an_archive_without_photos_is_named(empty_machine):
    (empty_machine / "cats_and_dogs_filtered.zip").write_bytes(zipped("birds/{name}.{n}.png", published(2)))
    with pytest.raises(CourseError, match="filtered.zip holds no photos named like cat.0.jpg"):
        data.cats_and_dogs()


def test_names_of_members_never_become_paths(empty_machine, tmp_path):
    """A photo is written under its class and number alone."""
    path = empty_machine / "cats_and_dogs_filtered.zip"
    path.write_bytes(zipped("../../evil/{name}.{n}.jpg", published(5)))
    with zipfile.ZipFile(path, "a") as archive:
        for (name, n), photo in published().items():
            archive.writestr(f"{'/evil/' if n % 2 else ''}{name}.{n}.jpg", photo)
    assert len(data.cats_and_dogs(8, 4).files.paths["train"]) == 12
    assert not [p for p in tmp_path.rglob("*") if "evil" in p.as_posix()]


# Interrupted, full, read-only


def stopping(after: int, error: BaseException, written: list[str]):
    """``store.whole`` that writes so many photos, noting their names, and fails at the next."""
    whole = store.whole

    @contextlib.contextmanager
    def stopped(path: Path):
        with whole(path) as half:
            if len(written) == after:
                raise error
            written.extend([path.name] * (path.suffix == ".jpg"))
            yield half

    return stopped


@pytest.mark.parametrize("choice", ["drawn", "real"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")], ids=type)
def test_interrupted_or_on_a_full_disk_it_goes_on_where_it_stopped(empty_machine, monkeypatch, choice, error):
    monkeypatch.setenv("COURSE_DATA", choice)
    publish(empty_machine, "microsoft", published())
    written: list[str] = []
    expect = pytest.raises(type(error))
    if isinstance(error, OSError):
        expect = pytest.raises(CourseError, match="cannot be written .No space left.*goes on where it stopped")
    with monkeypatch.context() as patch, expect:
        patch.setattr(store, "whole", stopping(6, error, written))
        data.cats_and_dogs(8, 4)
    (unfinished,) = profile.cache_dir().glob("*.partial")
    (unfinished / "train" / "cats" / "half-1-cat.0.jpg").write_bytes(b"of a process that was killed")
    monkeypatch.setattr(store, "whole", stopping(99, error, written))
    split = data.cats_and_dogs(8, 4).files
    assert {part: len(paths) for part, paths in split.paths.items()} == {"train": 12, "validation": 4, "test": 4}
    assert len(written) == len(set(written)) == 20, "a photo was written twice"
    assert "broken" not in split.source and not list(split.folder.parent.glob("*.partial"))
    assert choice == "drawn" or contents(split) == expected(published())


@pytest.mark.parametrize("form", ["kaggle zip in zip", "microsoft", "kaggle flat"])
def test_several_that_build_at_once_agree(empty_machine, form):
    content = published(40)
    publish(empty_machine, form, content)
    photos.flaw(b"")  # TensorFlow is loaded once, before there are threads
    with ThreadPoolExecutor(4) as pool:
        splits = [
            data.Split(**found, source=words) for found, words in pool.map(lambda _: finding.find_pets(), range(4))
        ]
    assert all(contents(split) == expected(content) for split in splits)
    cache = empty_machine.parent / "cache"
    assert {p.name for p in cache.iterdir() if p.suffix != ".lock"} == {splits[0].folder.name, "kept"}


def test_a_source_that_was_completed_or_replaced_is_split_anew(empty_machine):
    publish(empty_machine, "microsoft unpacked", published(9))
    assert len(data.cats_and_dogs(8, 4).files.paths["test"]) == 2
    publish(empty_machine, "microsoft unpacked", published(10))
    assert len(data.cats_and_dogs(8, 4).files.paths["test"]) == 4

    shutil.rmtree(empty_machine / "PetImages")
    publish(empty_machine, "google", published(10, {3: b""}))
    first = data.cats_and_dogs(8, 4).files
    publish(empty_machine, "google", published(10))
    assert contents(data.cats_and_dogs(8, 4).files) == expected(published()) != contents(first)


@pytest.mark.parametrize("form", ["kaggle flat", "kaggle train.zip", "microsoft unpacked"])
def test_a_photo_that_was_replaced_in_a_source_is_noticed(empty_machine, form):
    content = published()
    publish(empty_machine, form, content)
    before = data.cats_and_dogs(8, 4).files
    shutil.rmtree(empty_machine)
    content["dog", 2] = jpeg(44, 1)
    publish(empty_machine, form, content)
    after = data.cats_and_dogs(8, 4).files
    assert contents(after) == expected(content) and after.digest != before.digest


def test_a_photo_edited_in_the_split_leaves_the_original_alone(empty_machine):
    publish(empty_machine, "kaggle flat", published())
    path = Path(data.cats_and_dogs(8, 4).files.paths["train"][0])
    path.write_bytes(b"edited")
    assert (empty_machine / "dogs-vs-cats" / "train" / path.name).read_bytes() == jpeg(0)


def test_a_photo_in_two_folders_counts_once(empty_machine):
    content = published()
    write_tree(empty_machine / "dogs-vs-cats", "train/{name}.{n}.jpg", content)
    write_tree(empty_machine / "dogs-vs-cats", "copy/train/{name}.{n}.jpg", content)
    assert contents(data.cats_and_dogs(8, 4).files) == expected(content)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_links_to_photos_and_folders_are_followed(empty_machine, tmp_path):
    write_tree(tmp_path / "disk", "train/{name}.{n}.jpg", published())
    (empty_machine / "dogs-vs-cats").mkdir()
    (empty_machine / "dogs-vs-cats" / "train").symlink_to(tmp_path / "disk" / "train")
    assert contents(data.cats_and_dogs(8, 4).files) == expected(published())


@pytest.mark.parametrize("notes", [b"", b"[]", b"{}", b"null", b"\xff\xfe", b'{"source": "a friend", "skipped": 4}'])
def test_another_file_instead_of_the_note_beside_the_photos_does_no_harm(empty_machine, capsys, notes):
    publish(empty_machine, "ready", published())
    folder = empty_machine / "cats_and_dogs_small"
    (folder / "split.json").write_bytes(notes)
    assert data.cats_and_dogs(8, 4).real
    assert capsys.readouterr().out == f"Cats and dogs: 12 + 4 + 4 photos from {folder}\n"


# Drawn pets


def test_drawn_pets_are_on_disk_in_the_real_layout_and_always_the_same(empty_machine, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSE_DATA", "drawn")
    pets = data.cats_and_dogs(32, 4)
    assert not pets.real and "12 + 4 + 4 pets drawn by helpers/drawn (stand-in)" in capsys.readouterr().out
    assert pets.files.folder.name == f"drawn_pets_{drawn.VERSION}"
    assert sorted(p.name for p in (pets.files.folder / "validation" / "dogs").iterdir()) == ["dog.6.jpg", "dog.7.jpg"]
    with Image.open(pets.files.paths["train"][0]) as image:
        assert image.size == (150, 150) and image.format == "JPEG"
    monkeypatch.setattr(profile, "cache_dir", lambda: tmp_path / "again")
    again = data.cats_and_dogs(32, 4).files
    assert again.folder != pets.files.folder and again.digest == pets.files.digest
    assert len({photo for part in contents(again).values() for photo in part}) == 20


# Choosing


def test_the_quick_profile_fetches_no_large_archive_unasked(empty_machine, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    monkeypatch.setattr(fetching, "fetch", lambda _: pytest.fail("fetched"))
    assert not data.cats_and_dogs(8, 4).real
    assert "fetches no 825 MB unasked: `python course.py data fetch` does" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [{"image_size": 0}, {"batch_size": -1}, {"train_count": 0}])
def test_nonsense_sizes_are_refused(empty_machine, arguments):
    with pytest.raises(CourseError, match=f"{next(iter(arguments))} is .* should be 1 or more"):
        data.cats_and_dogs(**arguments)


def test_a_count_takes_the_first_training_photos_of_both_classes(empty_machine):
    content = published()
    publish(empty_machine, "ready", content)
    whole, some, more = (data.cats_and_dogs(8, 4, count) for count in (None, 5, 100))
    assert [Path(p).name for p in some.files.paths["train"]] == [f"cat.{n}.jpg" for n in range(3)] + [
        "dog.0.jpg",
        "dog.1.jpg",
    ]
    assert some.files.labels["train"] == [0, 0, 0, 1, 1] and some.files.paths["test"] == whole.files.paths["test"]
    assert more.files.paths == whole.files.paths
    assert len({some.files.digest, more.files.digest, whole.files.digest}) == 3
    assert sum(len(labels) for _, labels in some.train) == 5


def test_flaws_in_words():
    assert photos.in_words(Counter()) == ""
    assert photos.in_words(Counter(gray=2, empty=1)) == ", 3 broken files skipped (1 empty, 2 gray)"


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there, and there are no such pipes and names")
@pytest.mark.parametrize("form", ["ready", "kaggle flat"])
def test_what_cannot_be_read_is_skipped_and_counted(empty_machine, form):
    """A pipe would be read for ever; a folder, a link to nothing, a name that is not UTF-8 stop with a traceback."""
    publish(empty_machine, form, published(14))
    (folder,) = {path.parent for path in empty_machine.rglob("cat.0.jpg")}
    for number in range(1, 5):
        (folder / f"cat.{number}.jpg").unlink()
    os.mkfifo(folder / "cat.1.jpg")
    (folder / "cat.2.jpg").symlink_to("nothing")
    (folder / "cat.3.jpg").symlink_to("cat.3.jpg")
    (folder / os.fsdecode(b"cat\xff.4.jpg")).write_bytes(jpeg(4))
    (folder / "screenshot\u202f.cat.5.jpg").write_bytes(jpeg(5))  # a name with a space of macOS
    pets = data.cats_and_dogs(8, 4)
    assert len(list(pets.train)) > 0 and "unreadable" in pets.source
    if form == "ready":
        assert "4 broken files skipped (4 unreadable)" in pets.source


def test_text_in_the_note_where_numbers_should_be_does_no_harm(empty_machine):
    publish(empty_machine, "ready", published())
    for notes in ('{"source": "a friend", "skipped": {"gray": "two"}}', '{"source": 3, "skipped": {"gray": 1e400}}'):
        (empty_machine / "cats_and_dogs_small" / "split.json").write_text(notes)
        assert "photos from" in data.cats_and_dogs(8, 4).source
