"""``narrows duplicates`` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from narrows.images import Images


@pytest.fixture
def collection(narrows, trained: Path, digits: Images, tmp_path: Path) -> Path:
    """Twenty digits; three of them once more, one of these larger, and one four times."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(20):
        pixels = digits.pixels[i, 0].numpy().repeat(4, 0).repeat(4, 1)
        Image.fromarray(pixels).save(photos / f"{i:02d}.png")
        if i in (3, 8):
            Image.fromarray(pixels).save(photos / f"{i:02d} copy.png", compress_level=0)
        if i == 5:
            Image.fromarray(pixels.repeat(2, 0).repeat(2, 1)).save(photos / "05 large.png")
    for i in range(3):
        (photos / f"11 again {i}.png").write_bytes((photos / "11.png").read_bytes())
    assert narrows("index", trained, photos, "--to", tmp_path / "c").code == 0
    return tmp_path / "c"


GROUPS = {
    "11.png": ["11 again 0.png", "11 again 1.png", "11 again 2.png"],  # the older file
    "03.png": ["03 copy.png"],
    "08.png": ["08 copy.png"],
    "05 large.png": ["05.png"],  # the larger picture
}


def kept(document: dict) -> dict[str, list[str]]:
    return {
        group["keeper"]["id"]: sorted(other["id"] for other in group["others"])
        for group in document["groups"]
    }


@pytest.mark.parametrize(("by", "threshold"), [("pixels", 0.03), ("codes", 0.001)])
def test_groups_with_a_keeper(narrows, collection: Path, tmp_path: Path, by, threshold) -> None:
    out = tmp_path / "found"
    result = narrows("duplicates", collection, "--by", by, "--threshold", threshold, "-o", out,
                     "--json")  # fmt: skip
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert kept(document) == GROUPS and document["duplicates"] == 6
    assert next(iter(kept(document))) == "11.png"  # the largest group
    same = [other["same_file"] for group in document["groups"] for other in group["others"]]
    assert same.count(True) == 3 and document["examples"] is None
    with Image.open(out / "duplicates.png") as sheet:
        assert sheet.width > 300 and len(np.unique(np.asarray(sheet.convert("L")))) > 30
    again = narrows("duplicates", collection, "--threshold", 0.001, "--where", "height > 32", "-o",
                    tmp_path / "none")  # fmt: skip
    assert again.code == 2 and "has 1 pictures passing the filter" in again.err


@pytest.mark.parametrize("by", ["pixels", "codes"])
def test_a_threshold_made_of_examples(narrows, collection: Path, tmp_path: Path, by: str) -> None:
    arguments = ("duplicates", collection, "--by", by, "-o", tmp_path / "s")
    result = narrows(*arguments)
    assert result.code == 0, result.err
    assert "recompressed" in result.out and "keep 05 large.png, redundant 05.png" in result.out
    document = json.loads(narrows(*arguments, "--json").out)
    assert document["threshold"] > 0 and kept(document).items() >= GROUPS.items()
    made = document["examples"]["made"]
    assert set(made) == {"recompressed", "resized", "cropped", "brightened"}
    assert all(0 <= each["found"] <= 1 for each in made.values())


def test_the_others_are_moved_and_nothing_is_lost(narrows, collection: Path, tmp_path) -> None:
    photos, to, out = tmp_path / "photos", tmp_path / "twice", tmp_path / "s"
    before = sorted(path.read_bytes() for path in photos.iterdir())
    arguments = ("duplicates", collection, "--threshold", 0.03, "-o", out, "--move-to")
    inside = narrows(*arguments, photos / "twice")
    assert inside.code == 1 and "is inside of" in inside.err and inside.out == ""
    document = json.loads(narrows(*arguments, to, "--json").out)
    assert len(document["moved"]) == 6 and document["not_moved"] == []
    names = {path.name for path in to.glob("*.png")}
    assert names == {name for others in GROUPS.values() for name in others}
    left = [*photos.iterdir(), *to.glob("*.png")]
    assert sorted(path.read_bytes() for path in left) == before
    second = narrows(*arguments, to)
    assert second.code == 0 and "0 duplicates in 0 groups among 20 pictures" in second.out
    back = narrows("duplicates", "--undo", to / "moved.csv")
    assert back.code == 0 and "6 files are where they were" in back.out
    assert sorted(path.read_bytes() for path in photos.iterdir()) == before
    assert narrows("duplicates", "--undo", to, "--json").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--threshold", "-1"), 2, "a difference of at least 0"),
        (("--where", "width <"), 2, "the filter 'width <' cannot be used"),
        (("--by", "codes", "--model", "nowhere"), 1, "where it moved, say so with --model"),
        (("--by", "codes", "--threshold", "-1"), 2, "a distance of at least 0"),
        (("--keep", "best"), 2, "what is kept is one of largest, oldest, newest"),
        (("--dry-run",), 2, "--dry-run goes with --move-to"),
        (("--undo", "moved.csv"), 2, "--undo goes by its list alone"),
        (("--by", "eye"), 2, "by is pixels or codes; we got 'eye'"),
    ],
)
def test_what_a_person_gets_wrong(narrows, collection, tmp_path, arguments, code, words) -> None:
    out = tmp_path / "none"
    result = narrows("duplicates", collection, *arguments, "-o", out)
    assert result.code == code, result.err
    line = result.err.strip().splitlines()[-1]
    assert line.startswith("narrows: ") and words in line and "Traceback" not in result.err
    assert result.out == "" and not out.exists()


def test_pictures_that_are_no_files(narrows, trained: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 256, (6, 8, 8), np.uint8))
    assert narrows("index", trained, tmp_path / "x.npy", "--to", tmp_path / "c").code == 0
    result = narrows("duplicates", tmp_path / "c", "--move-to", tmp_path / "t", "-o",
                     tmp_path / "s")  # fmt: skip
    assert result.code == 2 and "--move-to needs files" in result.err
    assert narrows("duplicates", tmp_path / "c", "-o", tmp_path / "s").code == 0


def test_the_help_has_an_example(narrows) -> None:
    result = narrows("duplicates", "--help")
    assert "Example: narrows duplicates" in " ".join(result.out.split())
