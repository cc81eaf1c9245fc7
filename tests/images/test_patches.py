"""Patches: pieces of pictures as they are, those of one picture on one side of a split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import narrows as nw
from narrows.errors import NoImages
from narrows.images.patches import patches
from narrows.images.variety import varied
from narrows.randomness import generator


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six gray pictures of one value each, 40 wide and 30 high, and a small one."""
    for value in range(6):
        Image.new("L", (40, 30), 10 * value).save(tmp_path / f"{value}.png")
    Image.new("L", (40, 7)).save(tmp_path / "small.png")
    return tmp_path


def test_patches_are_of_all_pictures_and_know_which(folder: Path) -> None:
    found = patches(folder, 8, "gray", most=60)
    assert found.shape == (1, 8, 8) and len(found) == 6 * 8  # 60 in shares of seven pictures
    assert found.preprocessing.patches and found.preprocessing.description == "8x8 gray, patches"
    assert {int(x.float().mean()) for x in found.pixels} == {0, 10, 20, 30, 40, 50}
    assert found.skipped == [(str(folder / "small.png"), "40×7 is smaller than a patch of 8×8")]
    parts = nw.images.split(found, validation=0.3)
    assert parts.validation is not None
    assert not set(parts.train.groups) & set(parts.validation.groups)
    assert torch.equal(found.pixels, patches(folder, 8, "gray", most=60).pixels)
    again = nw.images.Preprocessing.of_document(found.preprocessing.document())
    assert again == found.preprocessing


def test_a_picture_is_cut_alike_whatever_else_is_there(folder: Path) -> None:
    pixels = torch.randint(0, 256, (40, 50), dtype=torch.uint8, generator=generator(0, "noise"))
    Image.fromarray(pixels.numpy()).save(folder / "noise.png")
    among = patches(folder, 8, "gray", most=60)
    alone = patches(folder / "noise.png", 8, "gray", most=60)
    ours = among.pixels[among.groups == "noise.png"]
    assert 0 < len(ours) < len(alone) and torch.equal(ours, alone.pixels[: len(ours)])


def test_patches_of_a_known_picture_are_not_new(folder: Path) -> None:
    noise = torch.randint(0, 256, (4, 40, 50), dtype=torch.uint8, generator=generator(0, "noise"))
    for number, one in enumerate(noise):
        Image.fromarray(one.numpy()).save(folder / f"noise-{number}.png")
    known = patches([folder / f"noise-{number}.png" for number in range(3)], 8, "gray", most=30)
    parts = nw.images.split(known, validation=0.3, seed=1)
    recipe = nw.recipes.linear_autoencoder(known.shape, 4)
    model = nw.fit(recipe, parts.train, validation=parts.validation, epochs=1, report="quiet")
    chose = set(parts.validation.groups)
    asked = patches(folder, 8, "gray", most=200)  # more of each picture than the training had
    found = model.run.split(asked)
    assert len(asked) > len(known) and chose
    assert {asked.groups[i] for i in found.validated} == chose
    assert set(asked.groups[found.new]) == set(asked.groups) - set(known.groups)
    assert nw.evaluate(model, folder).judged.name == "held-out"
    only = nw.evaluate(model, [folder / f"noise-{number}.png" for number in range(3)])
    assert only.judged.name == "validation" and "PCA" in str(only)


def test_pictures_that_have_none_are_refused(folder: Path) -> None:
    with pytest.raises(
        NoImages, match="no picture that patches can be cut out of: .*40×30 is smaller"
    ):
        patches(folder / "0.png", 64)
    with pytest.raises(ValueError, match="cut out of files, folders or named sets"):
        patches(np.zeros((2, 9, 9), np.uint8), 8)


def test_varied_pictures_are_far_from_one_another() -> None:
    kinds = torch.rand(4, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    many = torch.cat([kinds[:1].expand(50, -1, -1, -1), kinds[1:]])
    chosen = varied(many, 4)
    assert chosen.tolist()[1:] == [50, 51, 52] and chosen[0] < 50
    assert varied(many, 99).tolist() == list(range(53))
    assert torch.equal(torch.from_numpy(varied(many, 4)), torch.from_numpy(chosen))
