from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from narrows.errors import NarrowsError, NoImages
from narrows.images import folder, open_source, read

module = sys.modules["narrows.images.folder"]
archives = sys.modules["narrows.images.archives"]
packed = sys.modules["narrows.images.packed"]


@pytest.fixture
def decodes(monkeypatch):
    """Count what is decoded."""
    calls: list[object] = []
    real = module.decode

    def counting(source, *how):
        calls.append(source)
        return real(source, *how)

    monkeypatch.setattr(module, "decode", counting)
    return calls


def test_pictures_ids_and_labels_are_in_natural_order(tmp_path, picture):
    for number in (1, 2, 10):
        Image.fromarray(picture(number)).save(tmp_path / f"p{number}.png")
    images = folder(tmp_path, (12, 16))
    assert list(images.ids) == ["p1.png", "p2.png", "p10.png"]
    assert images.name == tmp_path.name and images.labels == {} and images.skipped == []
    for place, name in enumerate(images.ids):
        assert torch.equal(images.pixels[place], read(tmp_path / name, (12, 16)))


def test_a_second_run_decodes_nothing_and_is_the_same(photos, decodes):
    seen = []
    first = folder(photos, 16, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 6) for i in range(1, 7)] and len(decodes) == 6
    again = folder(photos, 16, progress=lambda done, total: seen.append((done, total)))
    assert len(decodes) == 6 and len(seen) == 6
    assert torch.equal(first.pixels, again.pixels) and first.fingerprint == again.fingerprint
    assert folder(photos, 16, fit="pad").fingerprint != first.fingerprint
    assert folder(photos, 8).shape == (3, 8, 8) and folder(photos, 16, "gray").shape == (1, 16, 16)


def test_only_what_changed_is_decoded_again(photos, decodes, picture):
    before = folder(photos, 16)
    kept = before.pixels.clone()
    decodes.clear()
    Image.fromarray(picture(50)).save(photos / "cat" / "1.png")
    Image.fromarray(picture(60)).save(photos / "cat" / "0b.png")
    (photos / "dog" / "3.png").rename(photos / "dog" / "33.png")
    os.utime(photos / "dog" / "4.png", ns=(1, 1))
    (photos / "cat" / "2.png").unlink()
    after = folder(photos, 16)
    assert list(after.ids) == [
        *("cat/0.png", "cat/0b.png", "cat/1.png", "dog/4.png", "dog/5.png", "dog/33.png")
    ]
    assert len(decodes) == 2
    for place, name in enumerate(after.ids):
        assert torch.equal(after.pixels[place], read(photos / name, 16))
    assert torch.equal(before.pixels, kept)  # what is open stays as it was


def test_many_changes_do_not_make_the_packed_file_grow_for_ever(photos, own_cache, picture):
    for round in range(40):
        for number in range(3):
            Image.fromarray(picture(100 * round + number)).save(photos / "cat" / f"{number}.png")
            os.utime(photos / "cat" / f"{number}.png", ns=(round, round))
        images = folder(photos, 8)
    (data,) = own_cache.rglob("pixels-*.bin")
    assert data.stat().st_size <= 4096 + (2 * 6 + 64 + 3) * 3 * 64
    for place, name in enumerate(images.ids):
        assert torch.equal(images.pixels[place], read(photos / name, 8))


def test_a_bad_picture_is_named_and_renames_nobody(photos, decodes):
    (photos / "cat" / "1.png").write_bytes((photos / "cat" / "1.png").read_bytes()[:90])
    (photos / "dog" / "notes").write_text("not a picture at all")
    (photos / "dog" / "README.md").write_text("# dogs")
    (photos / "SHA256SUMS").write_text("0")
    (photos / ".hidden.png").write_bytes(b"x")
    (photos / "masks").mkdir()
    (photos / "masks" / "0.png").write_bytes(b"x")
    images = folder(photos, 16)
    assert list(images.ids) == [f"cat/{i}.png" for i in (0, 2)] + [
        f"dog/{i}.png" for i in (3, 4, 5)
    ]
    assert [name for name, _ in images.skipped] == ["cat/1.png", "dog/notes"]
    assert images.skipped[0][1].startswith(("truncated", "damaged"))
    assert images.skipped[1][1] == "not a picture"
    count = len(decodes)
    assert folder(photos, 16).skipped == images.skipped and len(decodes) == count


def test_folders_give_labels_and_the_split(photos, tmp_path, picture):
    assert folder(photos, 8).label.tolist() == ["cat"] * 3 + ["dog"] * 3
    for part, kind in [("train", "a"), ("train", "b"), ("val", "a"), ("test", "b")]:
        path = tmp_path / "parts" / part / kind
        path.mkdir(parents=True)
        Image.fromarray(picture()).save(path / "x.png")
    images = folder(tmp_path / "parts", 8)
    assert images.split.tolist() == ["test", "train", "train", "validation"]
    assert images.label.tolist() == ["b", "a", "b", "a"]
    assert folder(tmp_path / "parts", 8, labels=False).label is None


def test_links_that_loop_or_lead_nowhere_are_survived(photos):
    (photos / "cat" / "again").symlink_to(photos)
    (photos / "lost.png").symlink_to(photos / "none.png")
    (photos / "self.png").symlink_to(photos / "self.png")
    images = folder(photos, 8)
    assert len(images) == 6
    assert {name for name, _ in images.skipped} == {"lost.png", "self.png"}


def test_a_file_that_vanishes_and_one_that_is_a_pipe_are_skipped(photos, monkeypatch):
    os.mkfifo(photos / "pipe.png")
    real = archives.walk

    def walk(root):
        found = real(root)
        (photos / "cat" / "0.png").unlink()
        return found

    monkeypatch.setattr(archives, "walk", walk)
    images = folder(photos, 8)
    assert dict(images.skipped) == {"cat/0.png": "it vanished", "pipe.png": "not a file"}
    assert len(images) == 5


def test_names_that_are_no_utf8_become_printable_ids(photos, picture):
    raw = os.fsencode(photos) + b"/caf\xe9.png"
    with open(raw, "wb") as opened:
        Image.fromarray(picture(9)).save(opened, "PNG")
    images = folder(photos, 8)
    assert "caf\\xe9.png" in images.ids and len(folder(photos, 8)) == 7


@pytest.mark.parametrize("damage", ["cut", "header", "index", "foreign", "gone"])
def test_a_damaged_cache_is_noticed_and_made_again(photos, own_cache, damage, decodes):
    expected = folder(photos, 16).pixels.clone()
    (data,) = own_cache.rglob("pixels-*.bin")
    index = data.with_name("index.json")
    if damage == "cut":
        os.truncate(data, data.stat().st_size - 1)
    elif damage == "header":
        with open(data, "r+b") as opened:
            opened.write(b"xxxx")
    elif damage == "index":
        index.write_bytes(index.read_bytes()[:-40])
    elif damage == "foreign":
        index.write_text(
            '{"version": 1, "shape": [3, 16, 16], "token": "../x", "slots": 9, "files": {}}'
        )
    else:
        data.unlink()
    assert torch.equal(folder(photos, 16).pixels, expected)
    assert len(decodes) == 12 and len(list(own_cache.rglob("pixels-*.bin"))) == 1


def test_what_was_decoded_before_ctrl_c_is_kept(photos, decodes):
    def stop(done, total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder(photos, 16, progress=stop, workers=1)
    decodes.clear()
    seen = []
    images = folder(photos, 16, progress=lambda done, total: seen.append(total))
    assert seen[0] == 2
    for place, name in enumerate(images.ids):
        assert torch.equal(images.pixels[place], read(photos / name, 16))


PACK = """
import sys, time
from narrows.images import folder
folder(sys.argv[1], 16, workers=1, progress=lambda done, total: (print(done, flush=True), time.sleep(float(sys.argv[2]))))
"""


def start(photos, pause):
    command = [sys.executable, "-c", PACK, str(photos), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_killed_while_packing_leaves_nothing_false(photos):
    process = start(photos, 0.05)
    assert process.stdout is not None
    while process.stdout.readline().strip() != "3":
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    images = folder(photos, 16)
    for place, name in enumerate(images.ids):
        assert torch.equal(images.pixels[place], read(photos / name, 16))
    assert len(images) == 6


def test_two_processes_may_pack_the_same_folder_at_once(photos, decodes):
    other = start(photos, 0.1)
    assert other.stdout is not None and other.stdout.readline().strip() == "1"
    images = folder(photos, 16)  # waits for the other, then finds everything done
    assert decodes == [] and len(images) == 6
    other.communicate(timeout=60)
    assert other.returncode == 0
    for place, name in enumerate(images.ids):
        assert torch.equal(images.pixels[place], read(photos / name, 16))


def test_a_cache_that_cannot_be_written_is_one_sentence(photos, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        NarrowsError, match="cannot write the decoded pictures to .*set NARROWS_CACHE"
    ):
        folder(photos, 8, cache=tmp_path / "file")

    def full(self, pixels):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packed.Writer, "append", full)
    with pytest.raises(NarrowsError, match="the disk is full: .*free some space"):
        folder(photos, 8)


def test_there_must_be_a_picture(tmp_path, photos):
    with pytest.raises(NoImages, match="there is no folder .*none"):
        folder(tmp_path / "none")
    with pytest.raises(NoImages, match="0.png is a file, not a folder"):
        folder(photos / "cat" / "0.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoImages, match="there is no picture in .*empty"):
        folder(tmp_path / "empty")
    (tmp_path / "empty" / "x.png").write_bytes(b"")
    with pytest.raises(NoImages, match="none of the 1 files in .* x.png: the file is empty"):
        folder(tmp_path / "empty")
    with pytest.raises(ValueError, match="pictures of a collection share it"):
        folder(photos, None)


def test_two_thousand_files_start_at_once_the_second_time(tmp_path):
    root = tmp_path / "many"
    for part in range(10):
        (root / str(part)).mkdir(parents=True)
    for number in range(2000):
        pixel = bytes([number % 256, number // 256, 7])
        (root / str(number % 10) / f"{number}.ppm").write_bytes(b"P6 1 1 255\n" + pixel)
    folder(root, 2)
    start_time = time.perf_counter()
    images = folder(root, 2)
    assert time.perf_counter() - start_time < 1 and len(images) == 2000
    np.testing.assert_array_equal(images.pixels[:, 2].numpy(), 7)


def test_a_folder_without_colour_is_read_in_one_channel(picture, tmp_path):
    for number in range(3):
        gray = Image.fromarray(picture(number, 20, 24)).convert("L")
        gray.save(tmp_path / f"{number}.png")
        gray.convert("RGB").save(tmp_path / f"{number}.jpg", quality=80)
    images = open_source(tmp_path, 16)
    assert images.shape == (1, 16, 16)
    assert "no picture has a colour: read in one channel" in images.notes
    assert open_source(tmp_path, 16, mode="rgb").shape == (3, 16, 16)
    Image.fromarray(picture(9, 20, 24)).save(tmp_path / "z.png")  # and one in colour
    images = open_source(tmp_path, 16)
    assert images.shape == (3, 16, 16) and not any("channel" in note for note in images.notes)
