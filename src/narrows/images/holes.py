"""What is to be filled in a picture: a mask, a rectangle, or all pixels of one colour."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import NarrowsError
from .read import read

__all__ = ["Marker", "holes_by"]

Marker = Callable[[Path | None, Tensor, str], Tensor]


def holes_by(mask: Any = None, rectangle: Any = None, colour: str | None = None) -> Marker:
    """What tells the hole (1, H, W) of a picture from its file, its pixels uint8 (C, H, W) and name.

    Args:
        mask: a picture file of the same size, white is filled; or booleans (H, W).
        rectangle: x, y, width and height in pixels from the top left, as numbers or as text.
        colour: pixels of this colour, such as ``#ff00ff``: exactly, or of a file that is stored with
            loss (JPEG) about, together with what it has mixed with their neighbours.

    Raises:
        ValueError: not exactly one of the three, or one that does not parse.
        UnreadableImage: the mask cannot be read.
    """
    stated = {"mask": mask, "rectangle": rectangle, "colour": colour}
    names = [f"--{name}" for name, value in stated.items() if value is not None]
    if len(names) != 1:
        got = " and ".join(names) or "none"
        raise ValueError(f"give one of --mask, --rectangle and --colour; we got {got}")
    if mask is not None:
        return _finished(_by_mask(mask), "the mask is empty")
    if rectangle is not None:
        return _finished(_by_rectangle(rectangle), "the mask is empty")
    assert colour is not None
    return _finished(_by_colour(colour), f"no pixel has the colour {colour}")


def _finished(marker: Marker, empty: str) -> Marker:
    """The same, refusing a hole of nothing or of everything."""

    def mark(file: Path | None, pixels: Tensor, name: str) -> Tensor:
        hole = marker(file, pixels, name)
        if not hole.any():
            raise NarrowsError(f"{empty}, so there is nothing to fill in {name}")
        if hole.all():
            raise NarrowsError(f"the mask covers all of {name}, so nothing of it is known")
        return hole

    return mark


def _by_mask(mask: Any) -> Marker:
    if isinstance(mask, (str, os.PathLike)):
        white, called = read(Path(mask), mode="gray") >= 128, str(mask)
    else:
        white, called = torch.as_tensor(mask).bool().reshape(1, *mask.shape[-2:]), "(an array)"

    def mark(file: Path | None, pixels: Tensor, name: str) -> Tensor:
        height, width = pixels.shape[1:]
        if tuple(white.shape[1:]) != (height, width):
            raise NarrowsError(
                f"the mask {called} is {white.shape[2]}×{white.shape[1]} but {name} is "
                f"{width}×{height}: give a mask of the picture's size"
            )
        return white

    return mark


def _by_rectangle(rectangle: Any) -> Marker:
    pieces = rectangle.split(",") if isinstance(rectangle, str) else rectangle
    try:
        x, y, w, h = (int(piece) for piece in pieces)
    except (TypeError, ValueError):
        x, y, w, h = -1, -1, 0, 0
    if x < 0 or y < 0 or w < 1 or h < 1:
        raise ValueError(
            f"--rectangle is x,y,w,h in pixels, such as 16,16,32,32; we got {rectangle!r}"
        )

    def mark(file: Path | None, pixels: Tensor, name: str) -> Tensor:
        height, width = pixels.shape[1:]
        if x + w > width or y + h > height:
            raise NarrowsError(
                f"the rectangle {x},{y},{w},{h} reaches beyond {name}, which is {width} wide and "
                f"{height} high"
            )
        hole = torch.zeros(1, height, width, dtype=torch.bool)
        hole[:, y : y + h, x : x + w] = True
        return hole

    return mark


def _by_colour(colour: str) -> Marker:
    digits = colour.removeprefix("#")
    try:
        if len(digits) != 6:
            raise ValueError
        wanted = torch.tensor(list(bytes.fromhex(digits)))[:, None, None]
    except ValueError:
        raise ValueError(f"--colour is written as #ff00ff; we got {colour!r}") from None

    def mark(file: Path | None, pixels: Tensor, name: str) -> Tensor:
        coloured = pixels if file is None else read(file, mode="rgb")
        if file is None or not _with_loss(file):
            return (coloured == wanted).all(0, keepdim=True)
        return _region((coloured.int() - wanted).abs().amax(0))[None]

    return mark


LOSSY = ("JPEG", "MPO", "WEBP", "AVIF", "HEIF", "JPEG2000")
SURE, LIKELY = 32, 80  # of 255: a pixel of the colour, and one that belongs to it if it touches one
MIXED = 2  # pixels around, into which a JPEG with halved colours carries them


def _with_loss(file: Path) -> bool:
    from PIL import Image

    with Image.open(file) as image:
        return image.format in LOSSY


def _region(off: Tensor) -> Tensor:
    """Where a colour was painted before a picture was stored with loss, (H, W), from how far it is off."""
    ndimage: Any = importlib.import_module("scipy.ndimage")
    around = np.ones((3, 3), bool)
    sure, likely = (off <= limit for limit in (SURE, LIKELY))
    touching = ndimage.binary_propagation(sure.numpy(), around, likely.numpy())
    return torch.from_numpy(ndimage.binary_dilation(touching, around, MIXED))
