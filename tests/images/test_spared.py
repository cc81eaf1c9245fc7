"""Pictures that were read are not written over, also where the output goes to their own folder."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from narrows.images import write_pictures
from narrows.images.inputs import pictures


def test_an_original_is_not_written_over(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("L", (5, 4), 9).save(photos / name)
    before = {path.name: path.read_bytes() for path in photos.iterdir()}
    pixels = torch.zeros(2, 1, 4, 5, dtype=torch.uint8)
    pictures([photos / "a.png"])
    one = write_pictures(pixels[:1], ["a.png"], photos)
    assert one == [str(photos / "a-2.png")]
    assert write_pictures(pixels[:1], ["b.png"], tmp_path / "out") == [
        str(tmp_path / "out" / "b.png")
    ]
    pictures(photos)
    (tmp_path / "link").symlink_to(photos, target_is_directory=True)
    several = write_pictures(pixels, ["a.png", "b.png"], tmp_path / "link")
    assert [Path(path).name for path in several] == ["a-3.png", "b-2.png"]
    assert {name: (photos / name).read_bytes() for name in before} == before
    again = write_pictures(
        pixels[:1], ["b.png"], tmp_path / "out"
    )  # what Narrows wrote is made anew
    assert again == [str(tmp_path / "out" / "b.png")]


def test_nothing_else_is_written_over_without_replace(tmp_path: Path) -> None:
    Image.new("L", (5, 4), 9).save(tmp_path / "a.png")  # the original of what was compressed
    before = (tmp_path / "a.png").read_bytes()
    pixels = torch.zeros(1, 1, 4, 5, dtype=torch.uint8)
    for _ in range(2):
        written = write_pictures(pixels, ["a.png"], tmp_path, replace=False)
        assert written == [str(tmp_path / "a-2.png")]
    assert (tmp_path / "a.png").read_bytes() == before
