"""Files of restored pictures: their format, and what the file they were made of said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from narrows.images import read
from narrows.images.outputs import named_outputs, write_pictures, write_restored

MAKER, ORIENTATION = 271, 274


def photograph(path: Path, **more: object) -> Path:
    exif = Image.Exif()
    exif[MAKER], exif[ORIENTATION] = "Camera", 6
    pixels = np.random.default_rng(0).integers(90, 160, (12, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, exif=exif, **more)
    return path


def test_a_jpeg_stays_one_with_its_exif_and_is_upright(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = photograph(tmp_path / "a.jpeg", icc_profile=profile)
    picture = read(file)
    (path,) = write_restored([picture], ["sub/a.jpeg"], [file], tmp_path / "out")
    assert path == str(tmp_path / "out" / "sub" / "a.jpg")
    with Image.open(path) as again:
        assert again.format == "JPEG" and again.size == (12, 20)
        assert again.getexif()[MAKER] == "Camera" and again.getexif()[ORIENTATION] == 1
        assert again.info["icc_profile"] == profile
    assert (read(path).int() - picture.int()).abs().float().mean() < 3


def test_what_must_stay_exact_is_a_png_with_the_same_exif(tmp_path: Path) -> None:
    file = photograph(tmp_path / "a.jpg")
    picture = read(file)
    (path,) = write_restored([picture], ["a.jpg"], [file], tmp_path / "out", exact=True)
    with Image.open(path) as again:
        assert again.format == "PNG" and again.getexif()[MAKER] == "Camera"
    assert torch.equal(read(path), picture)
    gray = torch.zeros(1, 5, 6, dtype=torch.uint8)
    names = write_restored([gray, gray], ["0", "0"], [None, file], tmp_path / "out")
    assert [Path(name).name for name in names] == ["0.png", "0.jpg"]


def test_names_that_windows_cannot_hold_are_written_under_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ids = [
        "aux.png",
        "a:b.jpg",
        "a_b.jpg",
        "dots./CON/x.png",
        "../C:/x.png",
        "end .png",
        "A.png",
        "a.png",
    ]
    assert named_outputs(ids) == [
        "aux.png", "a:b.png", "a_b.png", "dots./CON/x.png", "C:/x.png", "end .png", "A.png", "a.png"
    ]  # fmt: skip
    monkeypatch.setattr("narrows.files.WINDOWS", True)
    names = named_outputs(ids, taken=["Comparison.png"])
    assert names == [
        "aux_.png", "a_b.png", "a_b-2.png", "dots_/CON_/x.png", "C_/x.png", "end_.png", "A.png",
        "a-2.png",
    ]  # fmt: skip
    assert named_outputs(["comparison.jpg"], taken=["Comparison.png"]) == ["comparison-2.png"]
    pictures = [torch.full((1, 3, 3), i, dtype=torch.uint8) for i in range(len(names))]
    paths = write_pictures(pictures, names, tmp_path)
    assert [int(read(path)[0, 0, 0]) for path in paths] == [*range(len(names))]
