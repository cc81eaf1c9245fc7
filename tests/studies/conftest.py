"""Pictures that stand in for every set, so that experiments run anywhere in seconds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import narrows as nw
from narrows_studies import Lab

GRAY = ("mnist", "fashion_mnist", "sprites", "digits", "lfw_gray")


def stand_in(name: str, split: str | None = None, *, size: Any = None, **asked: Any) -> Any:
    """120 pictures of blobs with ten labels, whatever the name."""
    random = np.random.default_rng(len(name))
    side = size if isinstance(size, int) else 28 if name.endswith("mnist") else 64
    channels = 1 if name in GRAY or asked.get("mode") == "gray" else 3
    rows, columns = np.mgrid[:side, :side] / side
    labels = np.arange(120) % 10
    x, y = 0.2 + 0.06 * labels, random.uniform(0.2, 0.8, 120)
    blobs = np.exp(-40 * ((rows - y[:, None, None]) ** 2 + (columns - x[:, None, None]) ** 2))
    pixels = np.repeat((blobs * 255).astype(np.uint8)[:, None], channels, 1)
    columns = {"label": labels}
    if name == "anime_faces":
        columns = {"hair": np.array(["black", "blonde", "blue"])[labels % 3],
                   "eyes": np.array(["red", "green"])[labels % 2]}  # fmt: skip
    if name == "utkface":
        columns = {"age": labels, "gender": np.array(["male", "female"])[labels % 2]}
    return nw.images.Images(pixels, labels=columns, name=name)


def stand_in_masks(name: str, split: str, size: tuple[int, int]) -> nw.images.Masked:
    """Blobs and where they are bright."""
    images = stand_in(name, size=64).select(range(12))
    pixels = nn.functional.interpolate(images.pixels.float(), size).round().byte()
    return nw.images.Masked(
        images.with_pixels(pixels), (pixels[:, 0] > 80).byte(), ("dark", "bright")
    )


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A lab where everything is as small as it can be."""
    return Lab(tmp_path / "models", tiny=True, seeds=(0,), report="quiet", named=stand_in,
               named_masks=stand_in_masks)  # fmt: skip
