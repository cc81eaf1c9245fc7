"""Denoise, upscale and kernels: shapes, scores, baselines, what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.applications import (
    Restored,
    border_noise_ratio,
    denoise_batch,
    denoising_baselines,
    feature_maps,
    first_kernels,
    scores,
    upscale_batch,
)
from narrows.errors import Unavailable
from narrows.figures import paths
from narrows.images.resizing import reduced
from narrows.measures import Pca, psnr
from narrows.parts import Part


def pictures(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def test_denoise_scores_what_was_given_the_model_and_each_baseline() -> None:
    clean = 0.2 + 0.6 * pictures(3, 1, 1, 1).expand(3, 1, 20, 24)
    noisy = clean + 0.3 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))

    def flat(tiles: torch.Tensor) -> torch.Tensor:
        return tiles.mean((2, 3), keepdim=True).expand_as(tiles)

    result, notes = denoise_batch(
        flat, noisy, (8, 8), clean=clean, baselines=denoising_baselines(0.3, Pca.fit(clean, 1))
    )
    found = result.scores()
    wanted = {"median 3×3", "median 5×5", "non-local means", "total variation"}
    wanted |= {"cosine threshold", "PCA-Wiener", "model", "as given"}
    assert set(found) | {name for name, _ in (n.split(" is left out") for n in notes)} == wanted
    assert found["model"]["psnr"].mean() > found["as given"]["psnr"].mean() + 8
    torch.testing.assert_close(found["as given"]["psnr"], psnr(clean, noisy.clamp(0, 1)))
    for name in set(found) - {"as given"}:
        assert found[name]["psnr"].mean() > found["as given"]["psnr"].mean() + 3, name


def test_distances_tell_how_far_each_picture_travelled() -> None:
    clean, noisy, output = (
        torch.zeros(2, 1, 4, 4),
        torch.full((2, 1, 4, 4), 0.3),
        torch.ones(2, 1, 4, 4),
    )
    far = Restored(noisy, output, clean=clean).distances()
    for name, value in (("moved", 0.7), ("before", 0.3), ("after", 1.0)):
        torch.testing.assert_close(far[name], torch.full((2,), value))
    assert set(Restored(noisy, output).distances()) == {"moved"}
    assert Restored(noisy, output).scores() == {}


def test_points_of_the_plane_travel_to_the_curve_that_a_model_learnt() -> None:
    """Canziani, figs. 16-17: a point is a picture of two values, its code one number."""
    angle = torch.linspace(0, math.pi, 400)
    circle = 0.5 + 0.35 * torch.stack([angle.cos(), angle.sin() - 0.6], 1)
    recipe = nw.recipes.mlp_autoencoder((1, 1, 2), code_size=1, widths=(64,)).with_(
        epochs=80, batch_size=50, corruption=Part("gaussian-noise", {"sigma": 0.03})
    )
    model = nw.fit(recipe, circle.reshape(-1, 1, 1, 2).numpy(), report="quiet", device="cpu")
    axis = torch.linspace(0.2, 0.8, 9)
    before = torch.cartesian_prod(axis, axis)
    result, _ = denoise_batch(lambda x: model(x).detach(), before.reshape(-1, 1, 1, 2), (1, 2))
    after = result.output.reshape(-1, 2)
    near = torch.cdist(after, circle).amin(1)
    assert near.mean() < 0.03 and torch.cdist(before, circle).amin(1).mean() > 0.1
    moved = (after - before).norm(dim=1)
    torch.testing.assert_close(result.distances()["moved"], moved / 2**0.5)
    (lines,) = paths(before, after, circle).axes[0].collections[:1]
    np.testing.assert_allclose(lines.get_array(), moved.numpy(), atol=1e-5)


def test_a_baseline_that_is_not_there_is_left_out_with_a_note(monkeypatch) -> None:
    from narrows.measures import filters

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(filters.importlib, "import_module", missing)
    with pytest.raises(Unavailable, match=r"scikit-image, .*pip install 'narrows\[restore\]'"):
        filters.total_variation(pictures(1, 1, 8, 8), 0.1)
    named = {"total variation": denoising_baselines(0.2)["total variation"]}
    result, notes = denoise_batch(lambda t: t, pictures(1, 1, 8, 8), (8, 8), baselines=named)
    assert result.others == {} and notes[0].startswith("total variation is left out: ")


def test_groups_of_two_sizes_are_scored_as_one() -> None:
    groups = [
        Restored(x, x, {"a": x, "b": x} if n else {"a": x}, clean=x * 0.9)
        for n, x in enumerate((pictures(2, 1, 8, 8), pictures(3, 1, 5, 9)))
    ]
    found = scores(groups)
    assert set(found) == {"as given", "model", "a"} and len(found["a"]["psnr"]) == 5


@pytest.mark.parametrize("factor", [2, 4])
def test_upscale_keeps_the_small_picture(factor: int) -> None:
    clean = 0.1 + 0.8 * pictures(2, 3, 12 * factor, 10 * factor)
    small = reduced(clean, (12, 10))
    size = (16, 16)
    plain = upscale_batch(lambda t: t * 0.8, small, factor, size, clean=clean)
    true = upscale_batch(lambda t: t * 0.8, small, factor, size, clean=clean, back_projection=30)
    assert plain.restored.output.shape == clean.shape
    assert plain.disagreement.min() > 0.1 and true.disagreement.max() < 1 / 255
    assert set(true.restored.scores()) == {"as given", "model", "Lanczos"}
    same = upscale_batch(lambda t: t, small, factor, size, clean=clean).restored
    torch.testing.assert_close(same.output, same.given, atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="the factor is at least 2 .* we got 1 and 0"):
        upscale_batch(lambda t: t, small, 1, size)


def test_kernels_are_pictures_of_the_weights_the_strongest_first() -> None:
    weight = torch.tensor([[0.1, -0.2, 0.0, 0.2], [4.0, 0.0, -1.0, 0.0]])
    found = first_kernels(weight, (1, 2, 2))
    assert found.shape == (2, 1, 2, 2)
    torch.testing.assert_close(found[0].flatten(), torch.tensor([1.0, 0.5, 0.375, 0.5]))
    torch.testing.assert_close(found[1].flatten(), torch.tensor([0.75, 0.0, 0.5, 1.0]))
    assert first_kernels(torch.zeros(5, 3, 3, 3), (3, 9, 9)).unique().tolist() == [0.5]
    with pytest.raises(ValueError, match=r"are \(K, 4\) or \(K, 1, h, w\); we got \(2, 5\)"):
        first_kernels(torch.rand(2, 5), (1, 2, 2))


def test_kernels_are_restless_where_they_vary_outside() -> None:
    inside = torch.zeros(6, 6, dtype=torch.bool)
    inside[1:5, 1:5] = True
    noise = torch.rand(1, 1, 6, 6)
    still = torch.where(inside, noise, 0.3)
    double = torch.where(inside, torch.tensor([0.0, 1.0] * 3), torch.tensor([0.0, 2.0] * 3))
    found = border_noise_ratio(torch.cat([still, double[None, None]]), inside)
    assert found[0] < 1e-6
    assert found[1].item() == pytest.approx(2.0, rel=0.05)
    with pytest.raises(ValueError, match="two pixels or more inside and as many outside"):
        border_noise_ratio(noise, torch.ones(6, 6, dtype=torch.bool))


def test_feature_maps_of_maps_and_of_units() -> None:
    def levels(x: torch.Tensor) -> list[torch.Tensor]:
        return [x, torch.cat([x, 2 * x - 7], 1), x.flatten(1)[:, :7]]

    x = pictures(3, 1, 4, 5)
    maps = feature_maps(levels, x, 1)
    assert len(maps) == 3 and maps[0].shape == (2, 1, 4, 5)
    torch.testing.assert_close(maps[0][0], maps[0][1])
    assert maps[0].min() == 0 and maps[0].max() == 1
    assert feature_maps(levels, x, 2)[0].shape == (1, 1, 3, 3)
    with pytest.raises(ValueError, match="the levels 0 to 2; we got 3"):
        feature_maps(levels, x, 3)
