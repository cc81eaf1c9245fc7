"""Masks of true flaws: painted over what the model sees, kept beside the collection in its pictures' pixels.

a mask over the model's view (H, W) ──onto_picture──► COLLECTION/masks/NAME.png ──in_view──► (H, W)

A file is named by a digest of the picture's id, and is white where the flaw is. Since it is of the picture and
not of a view, it stays when another model comes, which may take pictures at another size.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import files
from ..errors import NarrowsError, UnreadableImage
from ..figures import png
from ..images import Preprocessing, read
from ..images.read import fit_pixels

__all__ = ["FOLDER", "carry", "has_mask", "in_view", "onto_picture", "read_mask", "write_mask"]

Array = np.ndarray[Any, Any]

FOLDER = "masks"
LARGEST = 1024  # pixels of the longer side of a mask that is kept


def write_mask(collection: Any, id_: str, mask: Array | None) -> None:
    """Keep a picture's mask (h, w), or take it away where it is None or empty.

    Raises:
        NarrowsError: the collection lies in no folder, or that cannot be written.
    """
    path = _path(collection, id_)
    try:
        if mask is None or not mask.any():
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(exist_ok=True)
        files.write_bytes(path, png(np.where(mask, 255, 0).astype(np.uint8)))
    except OSError as error:
        raise NarrowsError(f"the mask cannot be kept ({error.strerror or error})") from error


def read_mask(collection: Any, id_: str) -> Array | None:
    """A picture's mask as it was kept, booleans (h, w); None where there is none, or it is damaged."""
    try:
        path = _path(collection, id_)
        return read(path, mode="gray")[0].numpy() > 127 if path.is_file() else None
    except (NarrowsError, UnreadableImage, OSError, ValueError):
        return None


def has_mask(collection: Any, id_: str) -> bool:
    """Whether a mask of a picture is kept."""
    try:
        return _path(collection, id_).is_file()
    except NarrowsError:
        return False


def carry(before: Any, after: Any) -> None:
    """Take the masks of one collection along into another one of the same pictures."""
    try:
        old, new = (Path(_path(each, "")).parent for each in (before, after))
    except NarrowsError:
        return
    if old.is_dir() and old != new:
        shutil.copytree(old, new, dirs_exist_ok=True)


def in_view(mask: Array, how: Preprocessing, size: tuple[int, int]) -> Array:
    """A mask of any size of a picture of ``size`` (h, w) as the model sees it, booleans (H, W)."""
    whole = torch.from_numpy(np.where(mask, 255, 0).astype(np.uint8))[None, None]
    scaled = how.wanted._replace(size=None, center_crop=None, fit="stretch")
    whole = fit_pixels(whole, scaled._replace(size=_at_most(size)))
    crop = how.center_crop
    if crop is not None:
        shrink = _at_most(size)[0] / size[0]
        crop = max(1, round(crop * shrink))
    found = fit_pixels(whole, how.wanted._replace(center_crop=crop))
    return found[0, 0].numpy() > 127


def onto_picture(mask: Array, how: Preprocessing, size: tuple[int, int]) -> Array:
    """A mask over the model's view (H, W) as one of the picture of ``size`` (h, w), 1,024 pixels at most.

    The way back of ``fit_pixels``: what the model does not see of a picture has no flaw.
    """
    h, w = _at_most(size)
    view, picture = _windows(how, size, (h, w))
    (top, left, height, width), (at, start, tall, wide) = view, picture
    seen = torch.from_numpy(np.where(mask, 255, 0).astype(np.uint8))[None, None]
    seen = seen[..., top : top + height, left : left + width].float()
    large = torch.nn.functional.interpolate(
        seen, (tall, wide), mode="bilinear", align_corners=False, antialias=True
    )
    whole = np.zeros((h, w), bool)
    whole[at : at + tall, start : start + wide] = large[0, 0].numpy() > 127
    return whole


def _windows(
    how: Preprocessing, size: tuple[int, int], kept: tuple[int, int]
) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """Top, left, height and width of what both show: in the model's view, and in a picture of ``kept``."""
    height, width = how.size
    h, w = kept
    view = (0, 0, height, width)
    top, left, tall, wide = 0, 0, h, w
    if how.center_crop is not None:
        side = max(1, round(how.center_crop * h / size[0]))
        tall, wide = min(h, side), min(w, side)
        top, left = (h - tall) // 2, (w - wide) // 2
    if how.fit == "crop" and tall * width != wide * height:
        before = (tall, wide)
        if tall * width > wide * height:
            tall = max(1, round(wide * height / width))
        else:
            wide = max(1, round(tall * width / height))
        top, left = top + (before[0] - tall) // 2, left + (before[1] - wide) // 2
    if how.fit == "pad":
        ratio = min(height / tall, width / wide)
        inner = (min(height, max(1, round(tall * ratio))), min(width, max(1, round(wide * ratio))))
        view = ((height - inner[0]) // 2, (width - inner[1]) // 2, *inner)
    return view, (top, left, tall, wide)


def _at_most(size: tuple[int, int]) -> tuple[int, int]:
    """(h, w), smaller where a side is longer than a mask is kept."""
    shrink = min(1.0, LARGEST / max(size))
    return max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))


def _path(collection: Any, id_: str) -> Path:
    """Where a picture's mask lies.

    Raises:
        NarrowsError: the collection lies in no folder.
    """
    if "://" in str(collection.address):
        raise NarrowsError("masks are kept in a collection's folder; this one lies at an address")
    digest = hashlib.blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    return Path(collection.address).expanduser() / FOLDER / f"{digest}.png"
