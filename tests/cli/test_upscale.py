"""``narrows upscale`` and ``narrows kernels``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def picture(path: Path, height: int, width: int) -> Path:
    pixels = np.random.default_rng(0).integers(60, 200, (height, width), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_files_come_back_larger_and_agree_with_the_small_ones(
    narrows, local: Path, tmp_path: Path
) -> None:
    small = picture(tmp_path / "a.png", 5, 7)
    (tmp_path / "broken.png").write_bytes(b"no")
    given = ("upscale", local, small, tmp_path / "broken.png", "--factor", 4, "--json")
    plain = narrows(*given, "-o", tmp_path / "out", "--back-projection", 0)
    assert plain.code == 0, plain.err
    assert "broken.png: not a picture" in plain.err
    assert "not trained to undo being made small" in plain.err
    assert "1 of 28×20 when enlarged: in tiles of 8×8" in plain.err
    with Image.open(tmp_path / "out" / "a.png") as written:
        assert written.size == (28, 20)
    exact = narrows(*given, "-o", tmp_path / "out", "--back-projection", 60)
    default = narrows(*given, "-o", tmp_path / "out")
    off = [json.loads(result.out)["disagreement"] for result in (plain, exact, default)]
    assert off[0] > 0.05 and off[1] < 1.5 / 255 and off[2] < 2 / 255


def test_a_model_of_whole_pictures_does_not_go_tile_by_tile(
    narrows, trained: Path, tmp_path: Path
) -> None:
    small, out = picture(tmp_path / "a.png", 5, 7), tmp_path / "out"
    refused = narrows("upscale", trained, small, "-o", out)
    assert refused.code == 1 and not out.exists()
    assert (
        "enlarged it is 28×20, and this model was trained on whole pictures of 8×8" in refused.err
    )
    assert "--for upscale --patches" in refused.err and "--by lanczos" in refused.err
    assert narrows("upscale", trained, small, "-o", out, "--by", "lanczos").code == 0
    own = narrows("upscale", trained, picture(tmp_path / "b.png", 2, 2), "-o", out)
    assert own.code == 0 and "this model is none for upscaling" in own.err


def test_large_pictures_are_reduced_first_and_scored(
    narrows, trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    given = ("upscale", trained, "digits", "--limit", 12, "--factor", 2, "--score", "-o", out)
    rows = {row["name"]: row for row in json.loads(narrows(*given, "--json").out)["rows"]}
    assert list(rows) == ["bicubic", "model", "Lanczos"]
    assert 10 < rows["bicubic"]["psnr"] < 20
    text = narrows(*given).out
    assert "all 12 pictures in" in text and "gray levels from the input" in text
    result = narrows(*given[:5], "--factor", 9, "--score", "-o", tmp_path / "none")
    assert result.code == 1 and "8×8 is too small to be reduced 9 times" in result.err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("options", [("--factor", 1), ("--back-projection", -1)])
def test_wrong_numbers(narrows, trained: Path, tmp_path: Path, options) -> None:
    result = narrows("upscale", trained, "digits", *options, "-o", tmp_path / "out")
    assert result.code == 2 and "the factor is at least 2" in result.err
    assert not (tmp_path / "out").exists()


def test_kernels_and_maps_are_drawn(narrows, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    file = picture(tmp_path / "a.png", 20, 30)
    (tmp_path / "broken.png").write_bytes(b"no")
    broken = ("--activations", tmp_path / "broken.png")
    result = narrows("kernels", trained, "--activations", file, *broken, "-o", out, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["kernels"] == 512 and len(document["activations"]) == 1
    assert "skipped" in result.err and "broken.png" in result.err
    with Image.open(out / "kernels.png") as sheet:
        assert sheet.size[0] > 300
    assert (out / "a" / "level-1.png").exists()
    assert "512 kernels of 8×8, the 144 strongest" in narrows("kernels", trained, "-o", out).out
    wrong = narrows("kernels", trained, "--level", 9, "-o", tmp_path / "none")
    assert wrong.code == 2 and "this model has the levels 0 to 1; we got level 9" in wrong.err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("verb", ["denoise", "inpaint", "upscale", "kernels"])
def test_every_help_has_an_example(narrows, verb: str) -> None:
    result = narrows(verb, "--help")
    assert result.code == 0 and "Example: narrows " in " ".join(result.out.split())
