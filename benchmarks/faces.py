"""The sets of faces that several experiments here share: cut to a square and resized by Lanczos.

Two thousand pictures are few: views of them, mirrored, and the large originals a little turned, moved,
nearer or further, stand in for those that are missing.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

import narrows as nw

__all__ = ["SIZE", "by_lanczos", "joined", "mirrored", "views"]

SIZE = 64
VIEWS = 4  # of each picture
TURNED, SCALED, MOVED = 3.0, 0.05, 0.02  # their deviations: degrees, logarithm, share of a side


def by_lanczos(name: str, limit: int | None = None) -> Any:
    """A folder of the stored sets as Pillow resizes it, which is what the targets were taken on."""
    root = os.environ.get("NARROWS_DATA")
    if root is None or not (Path(root) / name / "images").is_dir():
        raise SystemExit(f"run.py needs the set {name!r}: set NARROWS_DATA to the folder of it")
    files = sorted((Path(root) / name / "images").rglob("*.jpg"))[:limit]
    pixels = np.empty((len(files), 3, SIZE, SIZE), np.uint8)
    for place, file in enumerate(files):
        with Image.open(file) as image:
            small = ImageOps.fit(image.convert("RGB"), (SIZE, SIZE), Image.Resampling.LANCZOS)
        pixels[place] = np.asarray(small).transpose(2, 0, 1)
    return nw.images.Images(pixels, ids=[file.name for file in files], name=name)


def views(name: str, ids: list[str], seed: int) -> Any:
    """Each picture ``VIEWS`` times: the large original a little turned, moved, nearer or further."""
    random = np.random.default_rng(seed)
    pixels = np.empty((VIEWS, len(ids), 3, SIZE, SIZE), np.uint8)
    for place, file in enumerate(ids):
        with Image.open(Path(os.environ["NARROWS_DATA"]) / name / "images" / file) as image:
            side = min(image.size)
            square = ImageOps.fit(image.convert("RGB"), (side, side))
        more = side // 8  # beyond the border it goes on as in a mirror
        whole = Image.fromarray(
            np.pad(np.asarray(square), ((more, more), (more, more), (0, 0)), mode="reflect")
        )
        for number in range(VIEWS):
            turned = whole.rotate(random.normal(0, TURNED), Image.Resampling.BICUBIC)
            reach = side * math.exp(random.normal(0, SCALED)) / 2
            centre = whole.width / 2 + side * random.normal(0, MOVED, 2)
            ends = (*(centre - reach), *(centre + reach))
            box = tuple(min(max(0.0, end), whole.width) for end in ends)
            small = turned.resize((SIZE, SIZE), Image.Resampling.LANCZOS, box=box)
            pixels[number, place] = np.asarray(small).transpose(2, 0, 1)
    return nw.images.Images(pixels.reshape(-1, 3, SIZE, SIZE))


def joined(one: Any, other: Any) -> Any:
    return nw.images.Images(torch.cat([one.pixels, other.pixels]))


def mirrored(pictures: Any) -> Any:
    """The pictures, and their mirror images."""
    return nw.images.Images(torch.cat([pictures.pixels, pictures.pixels.flip(3)]))
