"""The faces of 64×64 that several experiments share: resized by Lanczos, and views of the large originals.

Two thousand pictures are few: views of them, and the large originals a little turned, moved, nearer or
further, stand in for those that are missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from narrows.images import Images, split

from .lab import Lab, places

__all__ = ["SETS", "SIZE", "Faces", "faces", "mirrored", "resized"]

SIZE = 64
SETS = ("utkface", "anime_faces")
LARGE = {"utkface": 200, "anime_faces": 96}  # pixels of a side, as they are stored
VIEWS = 4  # of each picture
TURNED, SCALED, MOVED = 3.0, 0.05, 0.02  # their deviations: degrees, logarithm, share of a side


@dataclass(frozen=True)
class Faces:
    """Faces in two parts by content, (N, 3, 64, 64), and the originals of all of them.

    Attributes:
        train, held: their ids are places in ``large``.
        large: uint8 (M, 3, S, S).
    """

    train: Images
    held: Images
    large: Tensor

    def inner(self) -> Faces:
        """The training faces alone, of which a fifth is held out: for what there is to choose."""
        parts = split(self.train, validation=0.2, seed=1)
        return Faces(parts.train, parts.validation, self.large)

    def viewed(self, seed: int = 0) -> Images:
        """The training faces and ``VIEWS`` views of each original; those of a face are of one group."""
        pixels = torch.cat([self.train.pixels, self._views(seed)])
        return Images(pixels, groups=np.tile(self.train.ids, VIEWS + 1))

    def _views(self, seed: int) -> Tensor:
        random = np.random.default_rng(seed)
        large = self.large[[int(id_) for id_ in self.train.ids]].permute(0, 2, 3, 1).numpy()
        side = large.shape[1]
        more = side // 8  # beyond the border it goes on as in a mirror
        pixels = np.empty((VIEWS, len(large), SIZE, SIZE, 3), np.uint8)
        for place, face in enumerate(large):
            wide = np.pad(face, ((more, more), (more, more), (0, 0)), mode="reflect")
            whole = Image.fromarray(wide)
            for number in range(VIEWS):
                turned = whole.rotate(random.normal(0, TURNED), Image.Resampling.BICUBIC)
                reach = side * math.exp(random.normal(0, SCALED)) / 2
                centre = whole.width / 2 + side * random.normal(0, MOVED, 2)
                left, top, right, bottom = (
                    min(max(0.0, float(end)), whole.width)
                    for end in (*(centre - reach), *(centre + reach))
                )
                small = turned.resize(
                    (SIZE, SIZE), Image.Resampling.LANCZOS, box=(left, top, right, bottom)
                )
                pixels[number, place] = np.asarray(small)
        return torch.from_numpy(pixels).flatten(0, 1).permute(0, 3, 1, 2).contiguous()


def faces(lab: Lab, name: str, limit: int | None = None) -> Faces:
    """A fifth of a set, or of ``limit`` from all through it, is held out by content.

    Raises:
        Unavailable: it is not on this machine.
    """
    whole: Any = lab.images(name, size=LARGE[name])
    if limit is not None:
        whole = whole.select(places(len(whole), limit))
    ids = [str(place) for place in range(len(whole))]
    small = Images(resized(whole.pixels, SIZE, Image.Resampling.LANCZOS), ids=ids, name=name)
    parts = split(small, validation=0.2)
    return Faces(parts.train, parts.validation, whole.pixels)


def resized(pixels: Tensor, side: int, by: Image.Resampling = Image.Resampling.BICUBIC) -> Tensor:
    """As Pillow does it with files: uint8 (N, 3, H, W) → (N, 3, side, side)."""
    made = [
        np.asarray(Image.fromarray(one).resize((side, side), by))
        for one in pixels.permute(0, 2, 3, 1).numpy()
    ]
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).contiguous()


def mirrored(pictures: Any) -> Images:
    """Pictures, and after them their mirror images."""
    return Images(torch.cat([pictures.pixels, pictures.pixels.flip(3)]))
