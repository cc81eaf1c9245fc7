"""One reader: whatever a person calls pictures becomes Images in the shape that a model takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from narrows.errors import NoImages
from narrows.images import Images, Preprocessing, folder
from narrows.images.inputs import names_of, pictures
from narrows.images.sizes import sized

LIKE = Preprocessing((3, 8, 8))


@pytest.fixture
def some(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("a/1.png", "a/2.png", "b/3.png"):
        path = tmp_path / "pics" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (12, 20, 3), np.uint8)).save(path)
    return tmp_path / "pics"


class Pairs(torch.utils.data.Dataset[Any]):
    """A torch Dataset of pictures and numbers."""

    def __init__(self, x: np.ndarray[Any, Any]) -> None:
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(self.x[i]).float() / 255, i % 2


def test_a_file_a_folder_and_an_array_of_it_are_the_same_pictures(some: Path) -> None:
    whole = pictures(some, LIKE)
    files = pictures([some / "a" / "1.png", str(some / "a" / "2.png"), some / "b" / "3.png"], LIKE)
    opened = [Image.open(path) for path in sorted(some.rglob("*.png"))]
    assert whole.shape == (3, 8, 8) and whole.ids == ["a/1.png", "a/2.png", "b/3.png"]
    assert torch.equal(whole.pixels, files.pixels)
    assert torch.equal(pictures(opened, LIKE).pixels, whole.pixels)
    assert torch.equal(pictures(whole.pixels.numpy(), LIKE).pixels, whole.pixels)
    assert torch.equal(pictures(whole, LIKE).pixels, whole.pixels)


def test_the_fit_of_the_model_decides(some: Path) -> None:
    padded = pictures(some, Preprocessing((1, 8, 8), "pad"))
    assert torch.equal(padded.pixels, folder(some, 8, "gray", "pad").pixels)
    assert not torch.equal(padded.pixels, pictures(some, Preprocessing((1, 8, 8))).pixels)


def test_datasets_loaders_and_mappings_keep_their_labels() -> None:
    x = np.random.default_rng(1).integers(0, 256, (6, 3, 8, 8), np.uint8)
    of_set = pictures(Pairs(x), LIKE)
    of_loader = pictures(torch.utils.data.DataLoader(Pairs(x), batch_size=4), LIKE)
    of_rows = pictures(
        [{"image": p.transpose(1, 2, 0), "label": "ab"[i % 2]} for i, p in enumerate(x)]
    )
    for found in (of_set, of_loader, of_rows):
        assert torch.equal(found.pixels, torch.from_numpy(x))
    assert of_set.label.tolist() == of_loader.label.tolist() == [0, 1, 0, 1, 0, 1]
    assert of_rows.label.tolist() == ["a", "b"] * 3


def test_what_cannot_be_read_is_skipped_with_its_reason(some: Path) -> None:
    (some / "note.txt").write_text("no picture")
    (some / "broken.png").write_bytes(b"\x89PNG")
    names = ["a/1.png", "note.txt", "broken.png", "missing.png"]
    found = pictures([str(some / name) for name in names], LIKE)
    assert found.ids == ["1.png"]
    assert [Path(file).name for file, _ in found.skipped] == names[1:]
    assert found.skipped[-1][1] == "there is no such file or folder"
    assert [file for file, _ in pictures(some, LIKE).skipped] == ["broken.png"]


@pytest.mark.parametrize(
    "what, sentence",
    [
        ("missing.png", "there is no file or folder missing.png"),
        (["missing.png"], "there is no file or folder missing.png"),
        (["missing.png", "gone/"], "none of the 2 can be read; gone/: there is no such file"),
    ],
)
def test_if_nothing_can_be_read_the_reason_is_raised(what: Any, sentence: str) -> None:
    with pytest.raises(NoImages, match=sentence):
        pictures(what, LIKE)


def test_an_unknown_name_is_a_wrong_argument() -> None:
    with pytest.raises(ValueError, match="did you mean 'digits'"):
        pictures("digit", LIKE)
    with pytest.raises(ValueError, match="we got int"):
        pictures(3, LIKE)


def test_a_limit_is_spread_evenly_and_a_part_is_the_official_one() -> None:
    x = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 8, 8), np.uint8)
    images = Images(x, split=["train"] * 5 + ["test"] * 5)
    assert pictures(images, limit=4).pixels[:, 0, 0, 0].tolist() == [0, 3, 6, 9]
    assert pictures(images, split="test").pixels[:, 0, 0, 0].tolist() == [5, 6, 7, 8, 9]
    with pytest.raises(ValueError, match="no official validation part"):
        pictures(images, split="validation")
    with pytest.raises(ValueError, match="limit is at least 1"):
        pictures(images, limit=0)


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path, picture: Any) -> None:
    files = [
        tmp_path / name
        for name in ("x/rgb/1.png", "y/rgb/1.png", "y/rgb/2.png", "Z/3.png", "z2/3.PNG")
    ]
    for number, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(number)).save(file)
    names = ["x/rgb/1.png", "y/rgb/1.png", "2.png", "Z/3.png", "z2/3.PNG"]
    assert names_of(files) == names
    like = LIKE
    assert list(pictures(files, like).ids) == sized(files, like).ids == names
    again = [*files[:1], *files[:1]]
    assert list(pictures(again, like).ids) == sized(again, like).ids == ["1.png", "1-2.png"]
    folders = [tmp_path / "x", tmp_path / "y"]
    want = ["x/rgb/1.png", "y/rgb/1.png", "rgb/2.png"]
    assert list(pictures(folders, like).ids) == sized(folders, like).ids == want
