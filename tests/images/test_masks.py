"""Pictures with masks: pairs by name, numbers kept as they are, and one sentence where that fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from narrows.errors import BadFile, NoImages, UnreadableImage
from narrows.images import masked, masks_below, read_classes, stacked


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three pictures of 12×8 with masks of the classes 0, 1 and 2 and the void 9."""
    random = np.random.default_rng(0)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for i in range(3):
        picture = random.integers(0, 256, (12, 8, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / "images" / f"p{i}.jpg")
        mask = np.zeros((12, 8), np.uint8)
        mask[3:6], mask[6:], mask[0, 0] = 1, 2, 9
        Image.fromarray(mask).save(tmp_path / "masks" / f"p{i}.png")
    return tmp_path


def test_pairs_are_read(root: Path) -> None:
    given = masked(*masks_below(root), (12, 8), void=9, names=["a", "b", "c"])
    assert given.masks.shape == (3, 12, 8) and given.names == ("a", "b", "c")
    assert given.masks[0, 0, 0] == 255
    assert given.masks[0, [1, 4, 7], 3].tolist() == [0, 1, 2]
    smaller = masked(*masks_below(root), (5, 7), void=9)
    assert set(smaller.masks.unique().tolist()) <= {0, 1, 2, 255}
    assert smaller.names == ("0", "1", "2")
    assert given.select([2]).images.ids == ["p2.jpg"]


def test_classes_become_channels(root: Path) -> None:
    given = masked(*masks_below(root), (12, 8), void=9)
    pixels = stacked(given).take(torch.arange(3))
    assert pixels.shape == (3, 6, 12, 8)
    assert torch.equal(pixels[:, :3], given.images.pixels)
    assert pixels[0, 3:, 4, 2].tolist() == [0, 255, 0] and pixels[0, 3:, 0, 0].tolist() == [0, 0, 0]


def test_the_numbers_of_a_palette_are_taken(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 7], [3, 1]], np.uint8), "P")
    image.putpalette([90, 80, 70] * 256)
    image.save(tmp_path / "m.png")
    assert read_classes(tmp_path / "m.png").tolist() == [[0, 7], [3, 1]]


def test_what_is_refused(root: Path, tmp_path: Path) -> None:
    both = masks_below(root)
    with pytest.raises(NoImages, match="put the pictures in images/"):
        masks_below(root / "images")
    with pytest.raises(BadFile, match="have the number 9, and the classes are 0 to 2"):
        masked(*both, 8, names=["a", "b", "c"])
    (root / "masks" / "more.png").write_bytes((root / "masks" / "p0.png").read_bytes())
    with pytest.raises(BadFile, match="the mask more.png has no picture"):
        masked(*both, 8, void=9)
    (root / "masks" / "more.png").unlink()
    (root / "masks" / "p1.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableImage, match="p1.png: not a picture"):
        masked(*both, 8, void=9)
    Image.new("RGB", (4, 4)).save(root / "masks" / "p1.png")
    with pytest.raises(UnreadableImage, match="gray or palette"):
        masked(*both, 8, void=9)
    (root / "masks" / "p1.png").unlink()
    with pytest.raises(BadFile, match=r"p1\.jpg has no mask"):
        masked(*both, 8, void=9)
    for name in ("p0", "p1", "p2"):
        Image.new("L", (8, 12), 1).save(root / "masks" / f"{name}.png")
    with pytest.raises(BadFile, match="show 1 class, and segmenting needs two"):
        masked(*both, 8)


def test_masks_of_one_name_in_several_folders_are_those_beside_their_pictures(
    tmp_path: Path,
) -> None:
    for number, name in enumerate(("a/1", "b/1")):
        for kind, value in (("images", 100 * number), ("masks", number)):
            path = tmp_path / kind / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((8, 8), value, np.uint8)).save(path)
    (tmp_path / "masks" / "@eaDir" / "1.png").mkdir(parents=True)
    found = masked(tmp_path / "images", tmp_path / "masks", 8)
    assert [mask.unique().tolist() for mask in found.masks] == [[0], [1]]
    assert found.images.ids == ["a/1.png", "b/1.png"]
    (tmp_path / "images" / "1.png").write_bytes((tmp_path / "images" / "a" / "1.png").read_bytes())
    with pytest.raises(BadFile, match="1.png has no mask in"):
        masked(tmp_path / "images", tmp_path / "masks", 8)
