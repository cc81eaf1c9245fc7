"""Colour profiles: what is Adobe RGB, Display P3 or any other is brought to sRGB, as viewers do."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

__all__ = ["brought_to_srgb", "profile_name", "to_srgb"]

_SAME = 2  # of 255: a profile that moves no colour further is sRGB by another name
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


def profile_name(image: PilImage) -> str:
    """What a picture's profile is called."""
    from PIL import ImageCms

    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        name = ImageCms.getProfileDescription(profile).strip().splitlines()[0]
        return "".join(filter(str.isprintable, name))[:40] or "one without a name"
    except Exception:  # as above
        return "one without a name"
