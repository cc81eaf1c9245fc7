"""``narrows denoise``: sets, files of any size and mode, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BASELINES = {
    *("median 3×3", "median 5×5", "non-local means"),
    *("total variation", "cosine threshold", "PCA-Wiener"),
}


def picture(path: Path, height: int, width: int, mode: str = "L") -> Path:
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels, mode=None).save(path)
    return path


def test_clean_pictures_are_spoilt_and_scored_beside_the_baselines(
    narrows, trained: Path, tmp_path: Path
) -> None:
    pytest.importorskip("skimage")
    out = tmp_path / "out"
    given = ("denoise", trained, "digits", "--limit", 30, "--noise", "gaussian 0.3")
    result = narrows(*given, "--fit-on", "digits", "-o", out, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    rows = {row["name"]: row for row in document["rows"]}
    assert set(rows) == {"noisy", "model", *BASELINES}
    assert rows["PCA-Wiener"]["psnr"] > rows["noisy"]["psnr"] + 2
    assert len(document["pictures"]) == 30 and document["pictures"][0]["before"] > 0.2
    for name in ("comparison.png", "distances.png", "0.png"):
        with Image.open(out / name) as written:
            written.load()
    again = narrows(*given, "-o", tmp_path / "again", "--no-baselines", "--json")
    assert json.loads(again.out)["pictures"][3]["moved"] == document["pictures"][3]["moved"]
    table = narrows(*given, "-o", out, "--no-baselines").out
    assert table.count("±") == 4 and "look at" in table


@pytest.mark.parametrize(
    "noise", ["dropout 0.3", "salt-and-pepper 0.1", "blur 1.5", "jpeg 20", "patch 0.4"]
)
def test_every_noise_of_the_help(narrows, trained: Path, tmp_path: Path, noise: str) -> None:
    given = ("--limit", 3, "--noise", noise, "--no-baselines", "-o", tmp_path / "out")
    result = narrows("denoise", trained, "digits", *given)
    assert result.code == 0, result.err
    assert "noisy" in result.out and "model" in result.out


def test_files_keep_their_size_and_what_happens_to_them_is_said(
    narrows, trained: Path, local: Path, tmp_path: Path
) -> None:
    large = picture(tmp_path / "large.png", 30, 41)
    small = picture(tmp_path / "small.png", 5, 6)
    fits = picture(tmp_path / "fits.png", 8, 8)
    colour = picture(tmp_path / "colour.png", 20, 12, "RGB")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    files = (large, small, fits, colour, tmp_path / "broken.png", tmp_path / "gone.png")
    result = narrows("denoise", local, *files, "-o", out)
    assert result.code == 0, result.err
    assert "note: large.png, 41×30: in tiles of 8×8" in result.err
    assert "note: small.png, 6×5: continued by reflection to 8×8" in result.err
    assert "note: 1 of the pictures in colour, read as gray" in result.err
    assert "fits.png, " not in result.err
    assert "broken.png: not a picture" in result.err
    assert "gone.png: there is no such file or folder" in result.err
    for path, size in ((large, (41, 30)), (small, (6, 5)), (colour, (12, 20))):
        with Image.open(out / path.name) as written:
            assert written.size == size and written.mode == "L"
    resized = narrows("denoise", trained, large, "--resize", "stretch", "--no-baselines", "-o", out)
    assert resized.code == 0
    with Image.open(out / "large.png") as written:
        assert written.size == (8, 8)
    whole = narrows("denoise", trained, large, fits, "--no-baselines", "-o", tmp_path / "whole")
    assert whole.code == 0 and not (tmp_path / "whole" / "large.png").exists()
    assert "large.png: it is 41×30, and this model was trained on whole pictures" in whole.err
    assert "this model is none for noise" in whole.err and "--for denoise --patches" in whole.err


def test_a_folder_is_walked_and_a_whole_batch_can_fail(
    narrows, local: Path, tmp_path: Path
) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    picture(tmp_path / "in" / "sub" / "a.png", 9, 9)
    picture(tmp_path / "in" / "a.png", 9, 9)
    out = tmp_path / "out"
    assert narrows("denoise", local, tmp_path / "in", "--no-baselines", "-o", out).code == 0
    assert (out / "a.png").exists() and (out / "sub" / "a.png").exists()
    failed = narrows("denoise", local, tmp_path / "gone.png", "-o", tmp_path / "none")
    assert failed.code == 1 and "gone.png: there is no such file" in failed.err
    assert not (tmp_path / "none").exists()


def test_a_picture_named_as_the_sheet_keeps_its_result(narrows, trained, tmp_path: Path) -> None:
    names = ("comparison.png", "a.png", "a-2.png")
    files = [picture(tmp_path / name, 8, 8) for name in names]
    out = tmp_path / "out"
    result = narrows("denoise", trained, *files, files[1], "--no-baselines", "-o", out, "--json")
    assert result.code == 0, result.err
    written = [Path(path).name for path in json.loads(result.out)["files"]["pictures"]]
    assert written == ["comparison-2.png", "a.png", "a-2.png", "a-3.png"]
    with Image.open(out / "comparison-2.png") as own, Image.open(out / "comparison.png") as sheet:
        assert own.size == (8, 8) and sheet.size[0] > 100
    again = narrows("reconstruct", trained, files[0], "-o", out, "--json")
    assert Path(json.loads(again.out)["files"]["pictures"][0]).name == "comparison-2.png"


def test_one_picture_has_no_deviation(narrows, local: Path, tmp_path: Path) -> None:
    given = ("denoise", local, picture(tmp_path / "a.png", 20, 20), "--noise", "gaussian 0.1")
    result = narrows(*given, "--no-baselines", "-o", tmp_path / "out")
    assert result.code == 0 and "±" not in result.out and "SSIM" in result.out
    assert "the 1 picture in " in result.out and "on average" not in result.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--noise", "fog 0.3"), "noise is a name and a number, such as 'gaussian 0.3'"),
        (("--noise", "gaussian"), "we got 'gaussian'"),
        (("--noise", "gaussian x"), "we got 'gaussian x'"),
        (("--noise", "gaussian -1"), "sigma must be a finite number from 0, got -1.0"),
        (("--noise", "jpeg 200"), "quality must be a whole number from 1 to 95"),
        (("--sigma", "-1"), "sigma is a deviation from 0"),
        (("--resize", "squeeze"), "'squeeze'"),
    ],
)
def test_wrong_options(narrows, trained: Path, tmp_path: Path, options, words: str) -> None:
    result = narrows("denoise", trained, "digits", "--limit", 2, *options, "-o", tmp_path / "out")
    assert result.code == 2 and result.out == ""
    assert words in result.err and result.err.startswith("narrows: ")
    assert not (tmp_path / "out").exists()
