"""``narrows segment``: masks learnt and found again, in each picture's own size; what is refused."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from narrows.cli import main


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty-two dark pictures of 20×24 with a bright square somewhere, and where it is."""
    folder = tmp_path_factory.mktemp("squares")
    random = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for i in range(32):
        picture = random.integers(0, 90, (20, 24, 3), np.uint8)
        mask = np.zeros((20, 24), np.uint8)
        top, left = random.integers(0, 11, 2)
        mask[top : top + 9, left : left + 9] = 1
        picture[mask == 1] += 150
        mask[0, 0] = 7
        Image.fromarray(picture).save(folder / "images" / f"p{i}.png")
        Image.fromarray(mask).save(folder / "masks" / f"p{i}.png")
    return folder


OPTIONS = ("--size", "20x24", "--void", "7", "--epochs", "8", "--names", "ground,square")


@pytest.fixture(scope="module")
def taught(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The folder of a run, and what the command said of it."""
    folder, out = tmp_path_factory.mktemp("segment") / "run", io.StringIO()
    with pytest.MonkeyPatch.context() as patched, contextlib.redirect_stdout(out):
        command = ["narrows", "segment", "train", str(root), "--to", str(folder), *OPTIONS]
        patched.setattr(sys, "argv", [*command, "--json"])
        with pytest.raises(SystemExit) as left:
            main()
    assert not left.value.code
    return folder, json.loads(out.getvalue())


@pytest.fixture
def model(taught: tuple[Path, dict]) -> Path:
    return taught[0]


def test_training_beats_the_blind_guess(narrows, root: Path, taught: tuple[Path, dict]) -> None:
    folder, document = taught
    assert document["classes"] == ["ground", "square"] and document["held_out"]
    assert document["model"]["mean_iou"] > document["prior"]["mean_iou"] + 0.2
    for name in ("segments.png", "losses.png"):
        with Image.open(folder / name) as image:
            image.load()
    again = narrows("segment", "train", root, "--to", folder, *OPTIONS)
    assert again.code in (1, 2) and str(folder) in again.err


def test_masks_in_the_pictures_own_size(narrows, root: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for i in range(3):
        with Image.open(root / "images" / f"p{i}.png") as image:
            image.resize((48, 40)).save(tmp_path / "in" / f"p{i}.png")
    (tmp_path / "in" / "broken.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    result = narrows("segment", "predict", model, tmp_path / "in", "-o", out, "--json")
    assert result.code == 0 and "broken.png" in result.err
    document = json.loads(result.out)
    assert len(document["pictures"]) == 3 and len(document["skipped"]) == 1
    for row, file in zip(document["pictures"], document["files"]["pictures"], strict=True):
        with Image.open(file) as image:
            assert image.size == (48, 40) and image.mode == "P"
            shares = np.bincount(np.asarray(image).ravel(), minlength=2) / (48 * 40)
        assert np.allclose(shares, row["shares"]) and 0 < shares[1] < 0.5
    scored = narrows(
        "segment", "predict", model, root / "images", "--masks", root / "masks", "--void", 7,
        "-o", tmp_path / "scored",
    )  # fmt: skip
    assert scored.code == 0 and "ground" in scored.out and "32 masks" in scored.out
    mean = float(scored.out.split("mean")[1].split()[0])
    assert mean > 0.6


def test_what_is_refused(narrows, trained: Path, root: Path, tmp_path: Path) -> None:
    result = narrows("segment", "train", tmp_path, "--to", tmp_path / "run")
    assert result.code == 1 and "put the pictures in images/" in result.err
    result = narrows("segment", "predict", trained, root / "images")
    assert result.code == 2 and "was not trained on masks" in result.err
    result = narrows("segment", "train", root, "--to", tmp_path / "run", "--names", "a,b")
    assert result.code == 1 and "the number 7" in result.err and not (tmp_path / "run").exists()
