"""Baselines of compression: the formats that everyone has, as Pillow writes them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from ..images import read
from .pictures import psnr

__all__ = ["FORMATS", "LOSSY", "Written", "nearest", "written"]


@dataclass(frozen=True)
class Written:
    """N pictures in another format.

    Attributes:
        bytes: of each file, headers counted, (N,).
        psnr: in dB, (N,).
        lowest: how many are of the format's lowest quality, below which nothing is.
    """

    bytes: Tensor
    psnr: Tensor
    lowest: int = 0


# Pillow's options at a quality from 0 to 100; lossless ones have no quality
FORMATS: Mapping[str, Callable[[int], dict[str, Any]]] = MappingProxyType(
    {
        "JPEG": lambda quality: {"quality": quality, "optimize": True},
        "WebP": lambda quality: {"quality": quality, "method": 6},
        "AVIF": lambda quality: {"quality": quality},
        "PNG": lambda quality: {"optimize": True},
        "WebP lossless": lambda quality: {"lossless": True, "quality": 100, "method": 6},
    }
)

LOSSY = ("JPEG", "WebP", "AVIF")


def written(pictures: Tensor, name: str, quality: int = 75) -> Written | None:
    """Pictures (N, C, H, W) uint8 in one of ``FORMATS``; None where Pillow cannot write it.

    Gray pictures are written as gray where the format knows it (JPEG, PNG).

    Raises:
        ValueError: no such format.
    """
    if name not in FORMATS:
        raise ValueError(f"formats are {', '.join(FORMATS)}; we got {name!r}")
    if not _can(name):
        return None
    files = [_file(picture, name, quality) for picture in pictures]
    mode: Any = "gray" if pictures.shape[1] == 1 else "rgb"
    again = torch.stack([read(file, mode=mode) for file in files])
    sizes = torch.tensor([len(file) for file in files], dtype=torch.float32)
    return Written(sizes, psnr(pictures, again))


def nearest(pictures: Tensor, wanted: Tensor, name: str) -> Written | None:
    """Each picture at the quality of a format whose PSNR is nearest to its ``wanted`` one (N,).

    The quality is found by bisection, as PSNR grows with it but for a little.
    """
    if not _can(name):
        return None
    sizes, reached, lowest = torch.empty(len(pictures)), torch.empty(len(pictures)), 0
    for place, (picture, goal) in enumerate(zip(pictures, wanted.tolist(), strict=True)):
        low, high = 0, 100
        tried: dict[int, Written] = {}
        while low <= high:
            middle = (low + high) // 2
            file = written(picture[None], name, middle)
            assert file is not None
            tried[middle] = file
            low, high = (low, middle - 1) if file.psnr.item() > goal else (middle + 1, high)
        quality, best = min(tried.items(), key=lambda one: abs(one[1].psnr.item() - goal))
        lowest += quality == 0 and best.psnr.item() > goal
        sizes[place], reached[place] = best.bytes[0], best.psnr[0]
    return Written(sizes, reached, lowest)


def _can(name: str) -> bool:
    from PIL import Image

    Image.init()
    return _pillow(name) in Image.SAVE


def _pillow(name: str) -> str:
    return name.split()[0].upper()


def _file(picture: Tensor, name: str, quality: int) -> bytes:
    """uint8 (C, H, W) as a file."""
    from PIL import Image

    array = picture.permute(1, 2, 0).contiguous().numpy()
    out = io.BytesIO()
    image = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
    image.save(out, _pillow(name), **FORMATS[name](quality))
    return out.getvalue()
