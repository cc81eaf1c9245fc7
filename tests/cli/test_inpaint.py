"""``narrows inpaint``: the three masks, the two ways, known pixels to the byte, what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from narrows.cli import main


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain model of digits, trained on pictures with holes."""
    folder = tmp_path_factory.mktemp("masked") / "model"
    before = sys.argv
    sys.argv = [
        *("narrows", "train", "digits", "--recipe", "mlp-autoencoder", "--epochs", "2", "--to"),
        *(str(folder), "--set", "corruption=patch", "--set", "corruption.size=0.5"),
    ]
    try:
        main()
    except SystemExit as left:
        assert not left.code
    finally:
        sys.argv = before
    return folder


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A colour picture of 20×26 with a stroke of magenta."""
    pixels = np.random.default_rng(0).integers(0, 255, (20, 26, 3), dtype=np.uint8)
    pixels[4:9, 6:15] = (255, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def gray(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened.convert("L"))


def mask(path: Path, height: int, width: int, value: int | None = None) -> Path:
    pixels = np.zeros((height, width), np.uint8)
    pixels[2:7, 3:9] = 255
    if value is not None:
        pixels[:] = value
    Image.fromarray(pixels).save(path)
    return path


def test_only_masked_pixels_change_whatever_the_mask_and_the_way(
    narrows, trained: Path, masked: Path, photo: Path, tmp_path: Path
) -> None:
    before = gray(photo)
    white = mask(tmp_path / "mask.png", 20, 26)
    holes = {
        ("--mask", white): (slice(2, 7), slice(3, 9)),
        ("--rectangle", "1,2,9,6"): (slice(2, 8), slice(1, 10)),
        ("--colour", "#FF00ff"): (slice(4, 9), slice(6, 15)),
    }
    ways = [(trained, "--starts", 2, "--evaluations", 6), (masked,), (masked, "--tiles")]
    for how, where in holes.items():
        for model, *more in ways:
            out = tmp_path / "out"
            result = narrows(
                "inpaint", model, photo, *how, *more, "--no-baselines", "-o", out, "--json"
            )
            assert result.code == 0, result.err
            document = json.loads(result.out)
            assert document["by"] == ("projection" if model == trained else "model")
            after, outside = gray(out / "photo.png"), np.ones((20, 26), bool)
            outside[where] = False
            assert document["pictures"][0]["filled"] == (~outside).sum()
            assert np.array_equal(after[outside], before[outside])
            assert not np.array_equal(after[~outside], before[~outside])


def test_a_set_is_scored_in_the_hole_beside_the_baselines(
    narrows, trained: Path, tmp_path: Path
) -> None:
    pytest.importorskip("cv2")
    out = tmp_path / "out"
    result = narrows(
        "inpaint", trained, "digits", "--limit", 20, "--rectangle", "2,2,4,4", "--score",
        "--fit-on", "digits", "--evaluations", 20, "-o", out, "--json",
    )  # fmt: skip
    assert result.code == 0, result.err
    rows = {row["name"]: row["psnr"] for row in json.loads(result.out)["rows"]}
    assert list(rows) == ["model", "Telea", "Navier-Stokes", "conditional Gaussian"]
    assert rows["conditional Gaussian"] > rows["Telea"] + 2
    assert (out / "comparison.png").exists() and len(list(out.glob("*.png"))) == 21
    told = narrows("inpaint", trained, "digits", "--limit", 2, "--rectangle", "2,2,4,4", "-o", out)
    assert "2 pictures filled by projection" in told.out and "PSNR" not in told.out


def test_the_others_are_done_when_one_mask_does_not_fit(
    narrows, masked: Path, photo: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small.png"
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(small)
    white = mask(tmp_path / "mask.png", 20, 26)
    out = tmp_path / "out"
    given = ("inpaint", masked, photo, small, "--no-baselines", "-o", out)
    result = narrows(*given, "--mask", white)
    assert result.code == 0
    assert "mask.png is 26×20 but small.png is 8×8: give a mask of the picture's size" in result.err
    assert (out / "photo.png").exists() and not (out / "small.png").exists()
    result = narrows(*given, "--colour", "#ff00ff")
    assert result.code == 0 and "no pixel has the colour #ff00ff" in result.err
    result = narrows(*given, "--rectangle", "10,10,9,9")
    assert result.code == 0
    assert "reaches beyond small.png, which is 8 wide and 8 high" in result.err
    assert "note: photo.png, 26×20: filled at the model's 8×8" in result.err


def test_of_a_large_picture_the_sheet_shows_what_is_around_the_hole(
    narrows, masked: Path, tmp_path: Path
) -> None:
    pixels = np.full((400, 500), 30, np.uint8)
    pixels[340:380, 20:90] = 220
    Image.fromarray(pixels).save(tmp_path / "large.png")
    out = tmp_path / "out"
    given = ("--rectangle", "30,350,40,20", "--no-baselines", "-o", out, "--score")
    assert narrows("inpaint", masked, tmp_path / "large.png", *given).code == 0
    with Image.open(out / "comparison.png") as opened:
        sheet = np.asarray(opened.convert("L"))
    # at its own size: the bright box is 70 by 40 in each of the three, the hole takes 40 by 20 of it
    assert (sheet == 220).sum() >= 3 * 70 * 40 - 2 * 40 * 20


def test_a_model_of_holes_at_one_place_fills_by_itself(narrows, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    trained = narrows(
        "train", "digits", "--recipe", "mlp-autoencoder", "--epochs", 0.2, "--to", folder,
        "--set", "corruption=rectangle", "--set", "corruption.value=0.25",
        "--set", "augmentation=flip",
    )  # fmt: skip
    assert trained.code == 0, trained.err
    given = ("inpaint", folder, "digits", "--limit", 2, "--rectangle", "2,2,4,4", "--no-baselines")
    result = narrows(*given, "-o", tmp_path / "out", "--json")
    assert json.loads(result.out)["by"] == "model" and "not trained on holes" not in result.err


@pytest.mark.parametrize(("value", "words"), [(0, "is empty"), (255, "covers all of photo.png")])
def test_empty_and_full_masks(narrows, masked, photo, tmp_path, value: int, words: str) -> None:
    wrong = mask(tmp_path / "mask.png", 20, 26, value)
    out = tmp_path / "out"
    result = narrows("inpaint", masked, photo, "--mask", wrong, "-o", out)
    assert result.code == 1 and result.out == "" and not out.exists()
    last = result.err.strip().splitlines()[-1]
    assert last.startswith("narrows: none of the pictures could be done: photo.png: the mask")
    assert words in last


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "give one of --mask, --rectangle and --colour; we got none"),
        (("--rectangle", "1,1,2,2", "--colour", "#ff00ff"), "we got --rectangle and --colour"),
        (("--rectangle", "1,1,2"), "--rectangle is x,y,w,h in pixels"),
        (("--rectangle", "1,1,0,2"), "--rectangle is x,y,w,h in pixels"),
        (("--colour", "magenta"), "--colour is written as #ff00ff; we got 'magenta'"),
        (
            ("--rectangle", "1,1,2,2", "--by", "magic"),
            "by is model or projection; we got 'magic'",
        ),
        (("--rectangle", "1,1,2,2", "--starts", "0"), "starts is at least 1"),
        (
            ("--rectangle", "1,1,2,2", "--by", "projection"),
            "has no prior: add --fit-on PICTURES",
        ),
    ],
)
def test_wrong_options(narrows, masked, photo, tmp_path: Path, options, words: str) -> None:
    result = narrows("inpaint", masked, photo, *options, "-o", tmp_path / "out")
    assert result.code == 2 and result.out == "" and words in result.err
    assert not (tmp_path / "out").exists()


def test_a_colour_in_a_jpeg_is_found_with_what_it_has_mixed(
    narrows, local: Path, tmp_path: Path
) -> None:
    pixels = np.full((40, 52, 3), (90, 140, 60), np.uint8)
    pixels[8:18, 12:30] = (255, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=75)
    out = tmp_path / "out"
    given = ("inpaint", local, tmp_path / "a.jpg", "--colour", "#ff00ff", "--no-baselines")
    result = narrows(*given, "-o", out, "--json", "--by", "model")
    assert result.code == 0, result.err
    filled = json.loads(result.out)["pictures"][0]["filled"]
    assert 10 * 18 <= filled <= 16 * 24
    with Image.open(out / "a.png") as after:
        assert (np.asarray(after).astype(int)[..., 0] < 150).all()
    Image.fromarray(pixels[20:]).save(tmp_path / "a.jpg", quality=75)
    none = narrows(*given, "-o", tmp_path / "none", "--by", "model")
    assert none.code == 1 and "no pixel has the colour #ff00ff" in none.err
