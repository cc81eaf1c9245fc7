from __future__ import annotations

import io
import os
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from narrows.errors import UnreadableImage
from narrows.images import Preprocessing, as_source, folder, open_source, read
from narrows.images.inputs import pictures
from narrows.images.levels import Levels, Measured, chosen
from narrows.images.sizes import sized


def tiff(array: np.ndarray, photometric: int = 1, bits: int | None = None) -> bytes:
    """A TIFF of one strip, by hand, as microscopes write it."""
    a = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
    height, width = a.shape
    kind = {"u": 1, "i": 2, "f": 3}[a.dtype.kind]
    entries = {256: width, 257: height, 258: bits or 8 * a.itemsize, 259: 1, 262: photometric, 273: 8,
               277: 1, 278: height, 279: a.nbytes, 339: kind}  # fmt: skip
    data = a.tobytes() + b"\0" * (a.nbytes % 2)
    head = struct.pack("<H", len(entries))
    for tag, value in entries.items():
        head += struct.pack("<HHII", tag, 4, 1, value)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + head + b"\0\0\0\0"


def ramp(low: float, high: float, kind: str) -> np.ndarray:
    return np.linspace(low, high, 64 * 64).reshape(64, 64).astype(kind)


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [
        (0, 1023, "u2"), (0, 4095, "u2"), (0, 16383, "u2"), (0, 65535, "u2"), (0, 255, "u2"),
        (0, 1e6, "u4"), (0, 2**32 - 1, "u4"), (-1024, 3071, "i2"), (-1024, 3071, "i4"),
        (-0.01, 1.02, "f4"), (-3, 258, "f4"), (0, 65535, "f4"), (-1, 1, "f4"), (270, 310, "f4"), (0, 1.2, "f4"),
    ],
)  # fmt: skip
def test_a_ramp_of_any_depth_uses_most_levels(low, high, kind):
    got = read(tiff(ramp(low, high, kind)), mode="gray")[0]
    assert len(got.unique()) >= 120 and got.min() == 0 and got.max() >= 240
    assert (got.flatten().int().diff() >= 0).all()


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "f4"])
def test_white_is_zero_at_every_depth(kind):
    top = 1 if kind == "f4" else np.iinfo(kind).max
    plain, turned = (read(tiff(ramp(0, top, kind), p), mode="gray") for p in (1, 0))
    assert (255 - turned.int() - plain.int()).abs().max() <= 1


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(-1e5, 1e5), st.floats(-1e5, 1e5)), min_size=1))
def test_one_range_holds_all_pictures_but_for_little_beside(drawn):
    found = [Measured(real, min(a, b), max(a, b)) for real, a, b in drawn]
    levels = chosen(found)
    for one in found:
        low, high = levels.real if one.real else levels.whole
        beside = 0.0501 * (high - low) if one.real else 0
        assert low - beside <= one.low and one.high <= high + beside


def test_a_folder_has_one_range_that_is_told_and_kept_for_what_comes_later(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.tif").write_bytes(tiff(ramp(0, 500 * (number + 1), "u2")))
    Image.fromarray(np.full((64, 64), 77, np.uint8)).save(tmp_path / "plain.png")
    images = folder(tmp_path, 64, "gray")
    assert images.levels == Levels((0, 2047), None) or images.levels == Levels((0, 4095), None)
    tops = images.pixels.amax((1, 2, 3)).tolist()
    assert tops[:3] == [round(500 * (n + 1) * 255 / images.levels.whole[1]) for n in range(3)]
    assert tops[3] == 77
    (note,) = images.notes
    assert note.startswith("3 pictures hold whole numbers from 0 to 1,500 in more than 8 bits")
    assert folder(tmp_path, 64, "gray").notes == images.notes
    for place, name in enumerate(images.ids):
        again = read(tmp_path / name, 64, "gray", levels=images.levels)
        assert torch.equal(images.pixels[place], again)
    (tmp_path / "3.tif").write_bytes(tiff(ramp(0, 30000, "u2")))  # the range of all is another now
    more = folder(tmp_path, 64, "gray")
    assert more.levels.whole == (0, 65535) and more.fingerprint != images.fingerprint
    assert more.pixels.amax((1, 2, 3)).tolist()[:3] == [2, 4, 6]
    os.remove(tmp_path / "3.tif")
    back = folder(tmp_path, 64, "gray")
    assert back.levels == images.levels and back.fingerprint == images.fingerprint
    assert torch.equal(back.pixels, images.pixels)
    forced = folder(tmp_path, 64, "gray", levels=Levels((0, 65535)))
    assert forced.pixels.amax((1, 2, 3)).tolist()[:3] == [2, 4, 6]
    assert forced.select([0]).levels == Levels((0, 65535))


def test_floats_and_whole_numbers_in_one_folder_have_a_range_each(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff(ramp(0, 1000, "u2")))
    (tmp_path / "b.tif").write_bytes(tiff(ramp(0, 1, "f4")))
    images = folder(tmp_path, 64, "gray")
    assert images.levels == Levels((0, 1023), (0, 1)) and len(images.notes) == 2
    assert images.pixels.amax((1, 2, 3)).tolist() == [249, 255]


def test_what_is_not_finite_is_refused_whatever_the_range():
    for value in (np.nan, np.inf):
        with pytest.raises(UnreadableImage, match="holds NaN or infinite values"):
            read(tiff(np.full((4, 4), value, "f4")), levels=Levels(real=(0, 1)))


def test_a_sixteen_bit_png_of_twelve_bits_is_not_dark():
    buffer = io.BytesIO()
    Image.fromarray(ramp(0, 4095, "u2")).save(buffer, "PNG")
    assert read(buffer.getvalue(), mode="gray").max() == 255


def test_arrays_just_outside_are_cut_and_said_and_deep_ones_named():
    images = as_source(np.linspace(-0.02, 1.03, 128, dtype=np.float32).reshape(2, 8, 8))
    assert images.pixels.min() == 0 and images.pixels.max() == 255
    assert images.notes == ["floats from -0.02 to 1.03 were cut to [0, 1]"]
    just = as_source(np.full((2, 8, 8), np.nextafter(np.float32(1), np.float32(2))))
    assert just.pixels.min() == 255 and just.notes == []
    with pytest.raises(ValueError, match="got uint16; convert them by dividing by the value"):
        as_source(np.zeros((2, 8, 8), np.uint16))
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        as_source(np.full((2, 8, 8), 1.2, np.float32))


def test_gray_tiffs_of_32_and_64_bits_in_either_order():
    for kind, top in (("u4", 2**32 - 1), ("f8", 1.0)):
        values = ramp(0, top, kind)
        content = tiff(values, bits=8 * values.itemsize)
        got = read(content, mode="gray")[0]
        assert got.min() == 0 and got.max() == 255 and len(got.unique()) >= 250


def test_pictures_that_are_read_together_have_one_range_whoever_reads_them(tmp_path):
    for number, top in enumerate((1000, 4000)):
        Image.fromarray(ramp(0, top, "u2")).save(tmp_path / f"{number}.png")
    files = [tmp_path / "0.png", tmp_path / "1.png"]
    like = Preprocessing((1, 64, 64))
    whole, lone = pictures(tmp_path, like), pictures(files, like)
    own = sized(files, like)
    assert whole.levels == lone.levels == Levels(whole=(0, 4095))
    assert torch.equal(whole.pixels, lone.pixels) and torch.equal(
        whole.pixels, torch.stack(own.pixels)
    )
    assert whole.notes == lone.notes == own.notes and "from 0 to 4,000" in whole.notes[0]
    dark = pictures(files[:1], replace(like, levels=lone.levels))  # as a model keeps it
    assert torch.equal(dark.pixels[0], whole.pixels[0])


def test_a_range_for_whole_numbers_leaves_floats_their_own(tmp_path):
    (tmp_path / "f.tif").write_bytes(tiff(ramp(0, 1, "f4")))
    kept = Preprocessing((1, 64, 64), levels=Levels(whole=(0, 4095)))
    for read_ in (lambda: pictures(tmp_path, kept), lambda: pictures([tmp_path / "f.tif"], kept)):
        found = read_()
        assert found.pixels.max() == 255 and found.levels == Levels((0, 4095), (0, 1))
        assert kept.agrees(found.preprocessing)
    assert not kept.agrees(replace(kept, levels=Levels(whole=(0, 1023))))


@pytest.mark.parametrize(
    ("low", "high", "kind", "span"),
    [
        (0, 4000, "u2", (0, 4095)), (0, 255, "i8", (0, 255)), (-1000, 3000, "i2", (-1000, 3000)),
        (0, 255, "f4", (0, 255)), (-3, 3, "f8", (-3, 3)), (0, 60000, "u2", (0, 65535)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_an_array_file_has_one_range_that_is_told_and_kept(low, high, kind, span, ending, tmp_path):
    array = np.linspace(low, high, 3 * 64).reshape(3, 8, 8).astype(kind)
    path = tmp_path / f"x.{ending}"
    np.save(path, array) if ending == "npy" else np.savez(path, x=array)
    images = open_source(path)
    levels = images.levels.real if kind[0] == "f" else images.levels.whole
    assert levels == span
    want = np.clip(np.rint((array.astype(float) - span[0]) * (255 / (span[1] - span[0]))), 0, 255)
    assert np.array_equal(images.pixels[:, 0].numpy(), want)
    (note,) = images.notes
    assert note.startswith("3 pictures hold")
    half = tmp_path / f"half.{ending}"
    np.save(half, array[:1]) if ending == "npy" else np.savez(half, x=array[:1])
    again = pictures(half, images.preprocessing)
    assert torch.equal(again.pixels, images.pixels[:1])
    assert open_source(path, size=4).levels == images.levels


def test_the_two_parts_of_a_npz_have_one_range(tmp_path):
    train, test = (np.full((2, 8, 8), top, np.uint16) for top in (500, 4000))
    np.savez(tmp_path / "x.npz", x_train=train, x_test=test)
    images = open_source(tmp_path / "x.npz")
    assert images.pixels.amax((1, 2, 3)).tolist() == [31, 31, 249, 249]
