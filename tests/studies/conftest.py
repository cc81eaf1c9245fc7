"""Pictures that stand in for every set, so that experiments run anywhere in seconds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
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


def stand_in_photographs(folder: Path) -> Path:
    """Two dozen photographs of blobs, and some in each folder that a set has below."""
    for below, count in (("", 24), ("train", 8), ("val", 4), ("set5", 2), ("set12", 2)):
        (folder / below).mkdir(parents=True, exist_ok=True)
        for place, pixels in enumerate(stand_in(folder.name, size=136).pixels[:count]):
            content = np.ascontiguousarray(pixels.permute(1, 2, 0))
            Image.fromarray(content).save(folder / below / f"{place:02}.png", compress_level=1)
    return folder


def stand_in_tiles(folder: Path) -> Path:
    """24 normal tiles and 24 of a test, every other one of these with a dark flaw, as files."""
    random, rows = np.random.default_rng(0), ["image,mask,class,split"]
    folder.mkdir(exist_ok=True)
    for n in range(48):
        part, kind = ("test", ("good", "crack")[n % 2]) if n >= 24 else ("train", "good")
        pixels, mask = random.integers(100, 140, (40, 36)), np.zeros((40, 36), np.uint8)
        if kind != "good":
            mask[10:20, 8:16] = 255
        pixels[mask > 0] //= 3
        for name, values in ((f"{n}.jpg", pixels), (f"{n}.png", mask)):
            Image.fromarray(values.astype(np.uint8)).save(folder / name)
        rows.append(f"{n}.jpg,{n}.png,{kind},{part}")
    (folder / "split.csv").write_text("\n".join(rows))
    return folder


def made_folder(folder: Path) -> Path:
    """Files that stand in for those of a set."""
    return (stand_in_tiles if folder.name == "magnetic_tile" else stand_in_photographs)(folder)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A lab where everything is as small as it can be."""
    return Lab(tmp_path / "models", tiny=True, seeds=(0,), report="quiet", named=stand_in,
               named_masks=stand_in_masks,
               named_folder=lambda name: made_folder(tmp_path / name))  # fmt: skip
