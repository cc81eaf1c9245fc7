"""Colour profiles: what is Adobe RGB, Display P3 or any other is brought to sRGB, as viewers do."""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

__all__ = ["brought_to_srgb", "profile_name", "stated_profile", "to_srgb"]

_SAME = 2  # of 255: a profile that moves no colour further is sRGB by another name
_ADOBE_MARKS = (
    b"R03",
    b"\x01\xa0\x03\0\x01\0\0\0\x02\0",  # colour space 2 in either order of bytes
    b"\xa0\x01\0\x03\0\0\0\x01\0\x02",
)
_LONGEST = 1 << 22  # bytes of a profile that is looked at


@lru_cache(maxsize=64)
def to_srgb(profile: bytes | None, mode: str) -> Any:
    """The way from a profile to sRGB for pictures of a mode (RGB, L, CMYK); None where there is none.

    That is: no profile, sRGB itself, one for other pictures, or a damaged one.
    """
    if not profile or len(profile) > _LONGEST or mode not in ("RGB", "L", "CMYK"):
        return None
    from PIL import Image, ImageCms

    try:
        way = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
        )
        if mode == "CMYK":
            return way
        steps = np.linspace(0, 255, 6).round().astype(np.uint8)
        cube = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
        probe = Image.fromarray(cube if mode == "RGB" else cube[..., 0])
        moved = np.asarray(ImageCms.applyTransform(probe, way)).astype(int)
        still = np.abs(moved - np.asarray(probe.convert("RGB")).astype(int)).max() <= _SAME
        return None if still else way
    except Exception:  # a damaged or foreign profile raises anything; the pixels are still good
        return None


def brought_to_srgb(pixels: torch.Tensor, way: Any) -> torch.Tensor:
    """uint8 (C, H, W) through a way of :func:`to_srgb`, for one or three channels."""
    from PIL import Image, ImageCms

    array = pixels.permute(1, 2, 0).numpy()
    array = np.ascontiguousarray(array[..., 0] if array.shape[2] == 1 else array)
    moved = np.asarray(ImageCms.applyTransform(Image.fromarray(array), way))
    result = torch.from_numpy(moved.copy()).permute(2, 0, 1)
    return result[:1] if len(pixels) == 1 else result


def profile_name(profile: bytes) -> str:
    """What a profile is called."""
    from PIL import ImageCms

    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(opened).strip().splitlines()[0]
        return "".join(filter(str.isprintable, name))[:40] or "one without a name"
    except Exception:  # as above
        return "one without a name"


def stated_profile(image: PilImage) -> bytes | None:
    """The profile of a picture that has none, but calls itself Adobe RGB as cameras do (DCF 2.0).

    That is the colour space "uncalibrated" with the interoperability index R03, or colour space 2.
    """
    raw = image.info.get("exif", b"")
    if image.format != "TIFF" and not any(mark in raw for mark in _ADOBE_MARKS):
        return None  # without the cost of reading all of it
    try:
        exif = image.getexif()
        space = exif.get_ifd(0x8769).get(0xA001)
        index = str(exif.get_ifd(0xA005).get(1, "")).strip("\0 ")
    except Exception:  # damaged metadata raise anything; the pixels are still good
        return None
    return adobe_rgb() if space == 2 or space == 0xFFFF and index == "R03" else None


@lru_cache(maxsize=1)
def adobe_rgb() -> bytes:
    """Adobe RGB (1998) as an ICC profile: primaries adapted to D50, and a gamma of 563 / 256."""
    colours = (
        (0.60974, 0.31111, 0.01947),
        (0.20528, 0.62567, 0.06087),
        (0.14919, 0.06322, 0.74457),
    )
    white = (0.9642, 1.0, 0.8249)

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    name = b"Adobe RGB (1998)\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + b"\0" * 78
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, 563)
    tags = {b"desc": text, b"cprt": b"text\0\0\0\0none\0", b"wtpt": xyz(white)}
    for letter, values in zip(b"rgb", colours, strict=True):
        tags[bytes([letter]) + b"XYZ"] = xyz(values)
        tags[bytes([letter]) + b"TRC"] = curve
    table, data = struct.pack(">I", len(tags)), b""
    for tag, content in tags.items():
        table += tag + struct.pack(">II", 132 + 12 * len(tags) + len(data), len(content))
        data += content + b"\0" * (-len(content) % 4)
    size = 128 + len(table) + len(data)
    head = struct.pack(">I4sI4s4s4s12s4s", size, b"\0" * 4, 0x02200000, b"mntr", b"RGB ", b"XYZ ",
                       b"\x07\xe8\0\x01\0\x01\0\0\0\0\0\0", b"acsp").ljust(68, b"\0")  # fmt: skip
    head += b"".join(struct.pack(">i", round(v * 65536)) for v in white)
    return head.ljust(128, b"\0") + table + data
