from __future__ import annotations

import gzip
import struct
import zipfile
from functools import partial

import numpy as np
import pytest
import torch

from narrows.errors import BadFile
from narrows.images import open_source
from narrows.images.arrays import array_file, fitted, idx_folder, read_idx

gzipped = partial(gzip.compress, mtime=0)
"""The same bytes at any time: they are part of a test's name, which every process has to agree on."""


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)


def idx(array: np.ndarray, *shape: int) -> bytes:
    sizes = shape or array.shape
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, 8, len(sizes), *sizes) + array.tobytes()


def test_npy_stays_a_map_and_floats_are_rounded(tmp_path, pixels):
    np.save(tmp_path / "a.npy", pixels)
    images = array_file(tmp_path / "a.npy")
    assert images.shape == (1, 5, 4) and images.name == "a"
    np.testing.assert_array_equal(images.pixels[:, 0].numpy(), pixels)
    np.save(tmp_path / "f.npy", pixels / 255)
    assert torch.equal(array_file(tmp_path / "f.npy").pixels, images.pixels)


def test_npz_finds_pictures_labels_and_the_split(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", images=pixels, y=np.arange(6)[:, None])
    assert array_file(tmp_path / "a.npz").label.tolist() == list(range(6))
    np.savez(tmp_path / "b.npz", faces=pixels, ages=np.arange(6))
    assert len(array_file(tmp_path / "b.npz")) == 6
    np.savez_compressed(
        tmp_path / "k.npz", x_train=pixels, x_test=pixels[:2], y_train=range(6), y_test=range(2)
    )
    images = array_file(tmp_path / "k.npz")
    assert images.split.tolist() == ["train"] * 6 + ["test"] * 2 and images.label[7] == 1
    np.savez(tmp_path / "c.npz", p=pixels, q=pixels)
    with pytest.raises(BadFile, match=r"c.npz holds p, q; call the array of pictures x"):
        array_file(tmp_path / "c.npz")


def test_pickles_and_damage_are_refused(tmp_path, pixels):
    np.save(tmp_path / "o.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "t.npy", pixels)
    whole = (tmp_path / "t.npy").read_bytes()
    (tmp_path / "t.npy").write_bytes(whole[:-10])
    (tmp_path / "e.npy").write_bytes(b"")
    (tmp_path / "z.npz").write_bytes(b"PK\3\4 nothing")
    np.save(tmp_path / "codes.npy", np.zeros((4, 2), np.float32))
    for name in ("o.npy", "t.npy", "e.npy", "z.npz", "codes.npy"):
        with pytest.raises(BadFile, match=f"{name} cannot be used: "):
            array_file(tmp_path / name)
    with pytest.raises(BadFile, match="there is no file"):
        array_file(tmp_path / "none.npy")


def test_an_archive_that_swells_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("x.npy", "w") as opened:
            np.lib.format.write_array(opened, np.zeros((2, 3), np.uint8))
    raw = bytearray((tmp_path / "b.npz").read_bytes())
    place = raw.rindex(b"PK\1\2") + 24
    raw[place : place + 4] = struct.pack("<I", 3 << 30)
    (tmp_path / "b.npz").write_bytes(raw)
    with pytest.raises(BadFile, match="claims 3,221,225,472 bytes out of"):
        array_file(tmp_path / "b.npz")


@pytest.mark.parametrize("pack", [bytes, gzipped])
def test_idx_with_its_labels(tmp_path, pixels, pack):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(pack(idx(pixels)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(pack(idx(np.arange(6, dtype=np.uint8))))
    images = array_file(tmp_path / "train-images-idx3-ubyte")
    np.testing.assert_array_equal(images.pixels[:, 0].numpy(), pixels)
    assert images.label.tolist() == list(range(6))
    assert idx_folder(tmp_path) is None
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(pack(idx(pixels[:2])))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(pack(idx(np.arange(2, dtype=np.uint8))))
    both = open_source(tmp_path)
    assert both.split.tolist() == ["train"] * 6 + ["test"] * 2 and both.ids[6] == "test/0"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no IDX file: it begins with nothing"),
        (b"\x89PNG....", "is no IDX file: it begins with 89504e47"),
        (b"\0\0\x0d\3" + b"\0" * 12, "holds no bytes .type 0x0d."),
        (b"\0\0\x08\3\0\0", "is truncated: the header stops early"),
        (idx(np.zeros(5, np.uint8), 3, 2, 1), r"promises \(3, 2, 1\), 6 bytes, but it holds 5"),
        (idx(np.zeros(7, np.uint8), 3, 2, 1), r"promises \(3, 2, 1\), 6 bytes, but it holds more"),
        (idx(np.zeros(5, np.uint8), 2**31, 28, 28), "but it holds 5"),
        (gzipped(idx(np.zeros(5, np.uint8), 2**31, 28, 28)), "it is damaged or hostile"),
        (gzipped(idx(np.zeros(60, np.uint8)))[:-9], "is damaged or truncated"),
        (gzipped(idx(np.zeros(1 << 20, np.uint8), 2, 2, 2)), "but it holds more"),
    ],
)
def test_idx_whose_header_lies(tmp_path, content, message):
    (tmp_path / "x.idx").write_bytes(content)
    with pytest.raises(BadFile, match=message):
        read_idx(tmp_path / "x.idx")


def test_arrays_are_brought_to_another_size_and_mode(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", x=pixels, y=range(6))
    images = open_source(tmp_path / "a.npz", size=(8, 6), mode="rgb")
    assert images.shape == (3, 8, 6) and images.label.tolist() == list(range(6))
    assert open_source(tmp_path / "a.npz", center_crop=2).shape == (1, 2, 2)
    same = array_file(tmp_path / "a.npz")
    assert fitted(same, (5, 4)) is same and fitted(same) is same
    with pytest.raises(ValueError, match="these have 2 channels"):
        fitted(type(same)(np.zeros((1, 2, 3, 3), np.uint8)), 5)
