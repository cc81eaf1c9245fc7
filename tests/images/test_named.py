from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import time

import numpy as np
import pytest
from PIL import Image

from narrows.errors import NarrowsError, NoImages, Unavailable
from narrows.images import Images, Sprites, named, named_masks, open_source
from narrows.images.fetch import unpacked
from narrows.images.named import describe, named_folder, verify
from narrows.images.registry import SETS


@pytest.fixture
def nothing_here(monkeypatch, tmp_path):
    """No stored sets, no cache, no network."""
    import pooch

    def refuse(*args, **kwargs):
        raise ConnectionError("no route to host")

    monkeypatch.delenv("NARROWS_DATA", raising=False)
    monkeypatch.setattr(pooch, "retrieve", refuse)


def test_the_bundled_digits():
    images = named("digits")
    assert isinstance(images, Images) and images.description == "1,797 gray pictures of 8x8"
    assert images.pixels.min() == 0 and images.pixels.max() == 255
    assert sorted(set(images.label.tolist())) == list(range(10))
    parts = [named("digits", part) for part in ("train", "validation", "test")]
    assert sum(map(len, parts)) == 1797
    assert named("digits", size=16, mode="rgb").shape == (3, 16, 16)


def test_sprites_are_a_named_set():
    assert isinstance(named("sprites"), Sprites) and len(named("sprites", "test")) < 80_000
    with pytest.raises(ValueError, match="sprites are 64x64 and gray"):
        named("sprites", size=32)


def test_a_set_that_is_not_here_is_one_sentence(nothing_here):
    start = time.perf_counter()
    with pytest.raises(Unavailable) as caught:
        named("mnist")
    assert time.perf_counter() - start < 5
    text = str(caught.value)
    assert "could not be downloaded: no connection" in text and "set NARROWS_DATA" in text
    assert "\n" not in text
    with pytest.raises(
        Unavailable, match="utkface is not on this machine and has no public address"
    ):
        named("utkface")
    with pytest.raises(Unavailable, match="nothing can be verified"):
        verify("kodak")
    assert describe("kodak").where is None and describe("kodak").can_download


def test_named_masks_are_parts_of_a_set_that_has_them(nothing_here, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="sets with masks are camvid, each with train, .*'mnist'"):
        named_masks("mnist")
    with pytest.raises(ValueError, match="we got 'camvid' and 'val'"):
        named_masks("camvid", "val")
    with pytest.raises(Unavailable, match="camvid is not on this machine"):
        named_masks("camvid")
    for name, pixels in (
        ("val", np.zeros((6, 8, 3))),
        ("valannot", np.arange(48).reshape(6, 8) % 12),
    ):
        (tmp_path / "camvid" / name).mkdir(parents=True)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "camvid" / name / "a.png")
    monkeypatch.setenv("NARROWS_DATA", str(tmp_path))
    found = named_masks("camvid", "validation", (6, 8))
    assert len(found.names) == 11
    assert found.images.shape == (3, 6, 8)
    assert found.masks[0, 1, 2:4].tolist() == [10, 255]


def test_the_folder_of_a_set_is_where_its_files_are(nothing_here, tmp_path, monkeypatch):
    with pytest.raises(Unavailable, match="magnetic_tile is not on this machine"):
        named_folder("magnetic_tile")
    with pytest.raises(ValueError, match="digits is bundled: it has no folder of files"):
        named_folder("digits")
    (tmp_path / "magnetic_tile").mkdir()
    monkeypatch.setenv("NARROWS_DATA", str(tmp_path))
    assert named_folder("magnetic_tile") == tmp_path / "magnetic_tile"


def test_names_that_are_none_get_the_nearest(tmp_path):
    with pytest.raises(ValueError, match="there is no set called 'minst'; did you mean 'mnist'?"):
        named("minst")
    with pytest.raises(ValueError, match="the names are digits, mnist"):
        named("qqqq")
    with pytest.raises(ValueError, match="split must be one of train, validation, test, got 'val'"):
        named("digits", "val")
    with pytest.raises(
        ValueError, match="neither a folder nor a set called 'fashion-mnist'; did you"
    ):
        open_source("fashion-mnist")
    with pytest.raises(NoImages, match="there is no file or folder"):
        open_source(tmp_path / "digits")


def test_a_path_wins_over_a_name(photos, monkeypatch):
    monkeypatch.chdir(photos.parent)
    photos.rename(photos.parent / "digits")
    assert open_source("digits", 8).shape == (3, 8, 8)
    monkeypatch.chdir(photos.parent / "digits")
    assert open_source("digits").shape == (1, 8, 8)
    with pytest.raises(
        NarrowsError, match="neither a folder nor a .npy, .npz, IDX, .zip, .tar or .parquet file"
    ):
        open_source(photos.parent / "digits" / "cat" / "0.png")


def test_every_stored_set_opens_and_is_whole(stored):
    for name in ("mnist", "kodak", "restoration"):
        if not (stored / name).is_dir():
            continue
        images = named(name)
        assert len(images) == describe(name).number and images.name == name, name
        assert images.skipped == [], name
    assert verify("kodak") == verify("mnist") == []
    assert len(named("mnist", "train")) == 60_000
    with pytest.raises(ValueError, match="mnist has no validation part"):
        named("mnist", "validation")


def test_hashes_of_the_registry_are_those_of_the_stored_files(stored):
    for row in SETS.values():
        for file, digest in row.files:
            path = stored / row.name / file
            if path.is_file():
                assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, path


def test_damage_is_found(tmp_path, monkeypatch):
    root = tmp_path / "sets" / "kodak"
    root.mkdir(parents=True)
    monkeypatch.setenv("NARROWS_DATA", str(root.parent))
    good = hashlib.sha256(b"good").hexdigest()
    (root / "a.png").write_bytes(b"good")
    (root / "b.png").write_bytes(b"bad")
    (root / "SHA256SUMS").write_text(f"{good}  a.png\n{good}  b.png\n{good} *c.png\n{good}  ../d\n")
    assert verify("kodak") == ["b.png: damaged", "c.png: missing"]


def tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(content)
            if kind == tarfile.SYMTYPE:
                info.linkname = "/etc"
            archive.addfile(info, io.BytesIO(content))


def test_people_come_out_of_the_archive(tmp_path, monkeypatch):
    buffer = io.BytesIO()
    Image.fromarray(np.full((9, 9, 3), 90, np.uint8)).save(buffer, "JPEG")
    members = [
        (f"lfw_funneled/{who}/{who}_{i:04d}.jpg", buffer.getvalue() + bytes([i]), tarfile.REGTYPE)
        for who, count in (("Ann_Lee", 2), ("Bob_Ray", 1))
        for i in range(1, count + 1)
    ]
    folder = tmp_path / "sets" / "lfw"
    folder.mkdir(parents=True)
    tar(folder / "lfw-funneled.tgz", members)
    monkeypatch.setenv("NARROWS_DATA", str(folder.parent))
    images = named("lfw", size=8)
    assert images.groups.tolist() == ["Ann_Lee", "Ann_Lee", "Bob_Ray"]
    assert images.label.tolist() == images.groups.tolist() and len(named("lfw", size=8)) == 3


def test_an_archive_cannot_write_elsewhere(tmp_path):
    tar(
        tmp_path / "a.tgz",
        [
            ("../out.txt", b"x", tarfile.REGTYPE),
            ("/abs.txt", b"x", tarfile.REGTYPE),
            ("link", b"", tarfile.SYMTYPE),
            ("link/in.txt", b"x", tarfile.REGTYPE),
            ("fine/a.txt", b"x", tarfile.REGTYPE),
        ],
    )
    into = unpacked(tmp_path / "a.tgz", tmp_path / "deep" / "into")
    assert sorted(p.relative_to(into).as_posix() for p in into.rglob("*") if p.is_file()) == [
        "fine/a.txt",
        "link/in.txt",
    ]
    assert not (tmp_path / "deep" / "out.txt").exists()
    (tmp_path / "b.tgz").write_bytes((tmp_path / "a.tgz").read_bytes()[:60])
    with pytest.raises(NarrowsError, match="cannot unpack .*b.tgz"):
        unpacked(tmp_path / "b.tgz", tmp_path / "deep" / "other")
    assert not (tmp_path / "deep" / "other").exists()


def test_what_is_slow_to_import_is_imported_when_needed():
    code = "import sys, narrows.images; print({'PIL', 'sklearn', 'pooch', 'torchvision'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "set()", run.stderr


def test_the_public_names_are_chosen():
    import narrows.images as package

    assert package.__all__ == sorted(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)
