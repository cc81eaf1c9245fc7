"""Models of patches: as they are built they are the filter that they begin as, anywhere in a picture."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import narrows as nw
from narrows.applications import Upscaled, upscale_batch
from narrows.applications.purpose import standing
from narrows.applications.restored import takes_any_size
from narrows.images.blending import membrane
from narrows.images.cosine import cosine_threshold
from narrows.images.patches import patches
from narrows.images.resizing import reduced
from narrows.images.tiles import in_bands, in_tiles
from narrows.networks.guesses import BackProjected

SHAPE = (3, 16, 16)


def pictures(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def test_a_cosine_threshold_keeps_what_is_no_noise_whatever_the_bands(monkeypatch) -> None:
    x = pictures(2, 3, 21, 30)
    assert (cosine_threshold(x, 0.0, colours=True) - x).abs().max() < 1e-5
    flat = torch.full((1, 1, 9, 9), 0.3)
    assert (cosine_threshold(flat, 0.5, step=2) - flat).abs().max() < 1e-6
    for step in (1, 2):
        whole = cosine_threshold(x, 0.2, step=step)
        monkeypatch.setattr("narrows.images.cosine.VALUES", 64)
        assert (cosine_threshold(x, 0.2, step=step) - whole).abs().max() < 1e-6
        monkeypatch.undo()


@pytest.mark.parametrize("recipe", ["denoiser", "upscaler", "inpainter"])
def test_a_model_begins_as_its_guess(recipe: str) -> None:
    model = nw.recipes.listed()[recipe](SHAPE, patches=True).build().eval()
    x = pictures(2, *SHAPE)
    hole = torch.zeros(2, 1, 16, 16, dtype=torch.bool)
    hole[:, :, 4:9, 5:12] = True
    x = torch.where(hole, 0.5, x) if recipe == "inpainter" else x
    wanted = {
        "denoiser": lambda: cosine_threshold(x, 0.1, step=2, colours=True),
        "upscaler": lambda: BackProjected(4)(x),
        "inpainter": lambda: membrane(x, hole),
    }[recipe]()
    with torch.no_grad():
        assert (model(x) - wanted).abs().max() < 1e-5
    assert takes_any_size(model)


def test_what_knows_a_place_in_the_picture_takes_no_other_size() -> None:
    make, small = nw.recipes.listed(), (1, 8, 8)
    assert not takes_any_size(make["denoiser"](small).build())
    trained_on_patches = make["mlp-vae"](small, code_size=2, widths=(4,)).build()
    assert not takes_any_size(trained_on_patches)
    trained_on_patches.preprocessing = nw.images.Preprocessing(small, patches=True)
    assert takes_any_size(trained_on_patches)


def test_tiles_in_bands_are_the_tiles_of_the_whole() -> None:
    x, weight = pictures(1, 1, 61, 40), pictures(1, 1, 16, 16)

    def through(tiles: torch.Tensor) -> torch.Tensor:
        return tiles * weight

    whole = in_tiles(through, x, (16, 16))
    asked: list[tuple[int, int]] = []

    def rows(a: int, b: int) -> torch.Tensor:
        asked.append((a, b))
        return x[:, :, a:b]

    bands = list(in_bands(through, rows, tuple(x.shape), (16, 16), batch_size=3))
    assert len(bands) > 2 and max(b - a for a, b in asked) == 16
    assert (torch.cat([band for _, band in bands], 2) - whole).abs().max() < 1e-6
    assert [first for first, _ in bands] == [0, *np.cumsum([b.shape[2] for _, b in bands])[:-1]]


@pytest.mark.parametrize("iterations", [0, 20])
@pytest.mark.parametrize("by", ["model", "lanczos"])
def test_upscaling_in_bands_is_upscaling_the_whole(monkeypatch, iterations: int, by: str) -> None:
    clean = 0.1 + 0.8 * cosine_threshold(pictures(1, 3, 96, 60), 0.25)
    small, weight = reduced(clean, (48, 30)).clamp(0, 1), 0.8 + 0.2 * pictures(1, 3, 16, 16)
    through = (lambda tiles: tiles * weight) if by == "model" else None

    def enlarged() -> Upscaled:
        return upscale_batch(through, small, 2, (16, 16), clean=clean, back_projection=iterations)

    whole, upscaling = enlarged(), importlib.import_module("narrows.applications.upscale")
    for name, value in (("LARGE", 60 * 20), ("MIDDLE", 24), ("WIDEST", 12)):
        monkeypatch.setattr(upscaling, name, value)
    bands = enlarged()
    off = (bands.written.int() - whole.written.int()).abs()
    assert off.max() <= (8 if iterations else 1) and off.float().mean() < 0.5
    assert (bands.disagreement - whole.disagreement).abs().max() < 2 / 255
    assert bands.restored.given.shape == (1, 3, 12, 12)
    shown = whole.restored.given[:, :, 42:54, 24:36]
    assert (bands.restored.given - shown).abs().max() < 1e-5
    assert set(bands.restored.scores()) == {"as given", "model", "Lanczos"}


def test_train_for_a_verb_compares_with_what_is_free(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    rng = np.random.default_rng(0)
    for number in range(4):
        rough = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
        rough.resize((72, 56), Image.Resampling.BICUBIC).save(tmp_path / f"{number}.png")
    made = nw.train(
        tmp_path, for_="denoise", patches=True, size=16, changes={"steps": 1}, report="quiet",
        progress=False, to=tmp_path / "run",
    )  # fmt: skip
    assert made.standing is not None
    rows = {row["name"]: row["psnr"] for row in made.standing.rows}
    assert rows["model"] > rows["cosine threshold"] - 0.5 > rows["noisy"]
    assert "denoise: PSNR (dB)" in str(made) and "validation pictures" in str(made)
    better = rows["model"] == max(rows.values())
    assert ("does better than this model" in str(made)) != better
    assert made.document()["denoise"] == made.standing.rows
    images = patches(tmp_path, 16, most=24)
    for verb, recipe, best in (
        ("upscale", "upscaler", "Lanczos"),
        ("inpaint", "inpainter", "Telea"),
    ):
        model = nw.recipes.listed()[recipe](SHAPE, patches=True).build().eval()
        model.recipe = nw.recipes.listed()[recipe](SHAPE, patches=True)
        found = standing(model, verb, images, images, "validation")
        rows = {row["name"]: row["psnr"] for row in found.rows}
        assert rows["model"] > rows[best] - 0.1, verb
    denoised = nw.denoise(tmp_path / "run", tmp_path / "0.png", progress=False)
    assert denoised.outputs[0].shape == (3, 56, 72)
    assert not any("none for noise" in note for note in denoised.notes)
    with pytest.raises(
        ValueError, match="--for is denoise, upscale, inpaint, restore; we got 'search'"
    ):
        nw.train(tmp_path, for_="search")
    with pytest.raises(ValueError, match="leave --recipe out"):
        nw.train(tmp_path, "conv-vae", for_="denoise")
