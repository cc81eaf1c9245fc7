"""A score of patches becomes a map of the tile, and tiles are what their table says."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from narrows_studies import Lab
from narrows_studies.own_flaws import _maps, _of_tiles, tiles


def brightness(patches: Tensor) -> np.ndarray:
    return patches.flatten(1).mean(1).numpy()


def test_a_map_is_the_mean_of_the_patches_over_each_pixel() -> None:
    tile = torch.full((2, 32, 32), 51, dtype=torch.uint8)
    assert np.allclose(_maps(8, brightness, tile), 0.2)
    tile[1, 12:20, 12:20] = 255
    found = _maps(8, brightness, tile)
    assert np.allclose(found[0], 0.2) and found[1].max() > 0.3
    bright = np.argwhere(found[1] == found[1].max())
    assert ((bright >= 12) & (bright < 20)).all()
    assert _of_tiles(found, 0.01).argmax() == 1


def test_tiles_are_those_of_the_part_with_their_masks(lab: Lab) -> None:
    lab.scale = "paper"
    found = tiles(lab, "test")
    assert len(found.files) == 24 and set(found.kinds) == {"good", "crack"}
    pairs = zip(found.kinds, found.masks, strict=True)
    assert all(mask is not None and mask.any() == (kind == "crack") for kind, mask in pairs)
    assert found.resized(16).shape == (24, 16, 16)
    marks = found.marks(20)
    assert all(mask is not None and mask.shape == (20, 20) for mask in marks)
    lab.scale = "small"
    assert len(tiles(lab, "train").files) == 5
