"""Sixteen bits in each of several channels: all of them count, in the one range of a folder."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from narrows.images import folder, read
from narrows.images.levels import Levels

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 65536, (33, 17, 3)).astype(np.uint16)
OPAQUE = np.full((33, 17, 1), 65535, np.uint16)


def png(values: np.ndarray) -> bytes:
    """A PNG of 16 bits, by hand: gray and alpha, colours, or both."""

    def chunk(name: bytes, data: bytes) -> bytes:
        whole = name + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    height, width, channels = values.shape
    kind = {2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def tiff(values: np.ndarray, order: str = "<") -> bytes:
    """A TIFF of one strip of 16 bits in each of three channels."""
    data = values.astype(f"{order}u2").tobytes()
    height, width, _ = values.shape
    where = 8 + len(data)
    entries = {256: width, 257: height, 259: 1, 262: 2, 273: 8, 277: 3, 278: height, 279: len(data)}
    rows = [struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in entries.items()]
    rows.insert(2, struct.pack(order + "HHII", 258, 3, 3, where + 2 + 12 * 9 + 4))
    directory = struct.pack(order + "H", len(rows)) + b"".join(rows) + b"\0" * 4
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", where)
    return head + data + directory + struct.pack(order + "3H", 16, 16, 16)


def in_eight(values: np.ndarray, white: float) -> np.ndarray:
    return np.clip(np.rint(values.astype(float) * (255 / white)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("white", [65535, 4095, 1023])
@pytest.mark.parametrize("make", [png, tiff, lambda v: tiff(v, ">")])
def test_colours_of_ten_to_sixteen_bits_use_all_levels(make, white):
    values = np.minimum(COLOURS, white).astype(np.uint16)
    got = read(make(values)).permute(1, 2, 0).numpy()
    assert np.array_equal(got, in_eight(values, white))


@pytest.mark.parametrize("white", [65535, 4095])
def test_transparency_has_the_bits_of_its_file(white):
    values = np.minimum(COLOURS, white).astype(np.uint16)
    opaque = np.minimum(OPAQUE, white).astype(np.uint16)
    for channels in (values, values[..., :1]):
        got = read(png(np.concatenate([channels, opaque], 2)), mode="rgb").permute(1, 2, 0).numpy()
        assert np.array_equal(got, np.broadcast_to(in_eight(channels, white), got.shape))
    clear = read(png(np.concatenate([values, opaque * 0], 2)))
    assert clear.min() == 255


def test_a_folder_of_gray_and_colour_has_one_range(tmp_path):
    (tmp_path / "colour.png").write_bytes(png((COLOURS >> 6).astype(np.uint16)))
    gray = np.linspace(0, 4000, 33 * 17).reshape(33, 17).astype(np.uint16)
    Image.fromarray(gray).save(tmp_path / "gray.png")
    images = folder(tmp_path, (33, 17))
    assert images.levels == Levels(whole=(0, 4095))
    want = in_eight(COLOURS >> 6, 4095)
    assert torch.equal(images.pixels[0].permute(1, 2, 0), torch.from_numpy(want))
    (note,) = images.notes
    assert "2 pictures hold whole numbers from 0 to 4,000" in note
