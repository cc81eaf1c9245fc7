"""A way up that a code steers by normalisation: what a style says of a map, and what is left of it."""

from __future__ import annotations

import re

import pytest
import torch

import narrows as nw
from narrows.networks import Adaptive, StyleRung, style_ladder
from narrows.parts import part_of


@torch.no_grad()
def test_a_channel_has_the_mean_and_the_deviation_that_the_style_says() -> None:
    layer, x, w = Adaptive(4, 3), 5 + 7 * torch.randn(2, 4, 9, 8), torch.randn(2, 3)
    scale, shift = layer.affine(w).chunk(2, 1)
    out = layer(x, w)
    assert torch.allclose(out.mean((2, 3)), shift, atol=1e-4)
    deviation = out.std((2, 3), correction=0)
    assert torch.allclose(deviation, (1 + scale).abs(), atol=1e-4)


@torch.no_grad()
def test_what_a_map_had_of_size_and_contrast_is_gone() -> None:
    layer, x, w = (
        Adaptive(4, 3).double(),
        torch.randn(2, 4, 9, 8).double(),
        torch.randn(2, 3).double(),
    )
    assert torch.allclose(layer(x, w), layer(100 * x - 40, w), atol=1e-3)


@torch.no_grad()
def test_a_style_of_nothing_is_instance_normalisation() -> None:
    layer, x = Adaptive(4, 3), torch.randn(2, 4, 9, 8)
    torch.nn.init.zeros_(layer.affine.weight)
    torch.nn.init.zeros_(layer.affine.bias)
    wanted = torch.nn.functional.instance_norm(x)
    assert torch.allclose(layer(x, torch.randn(2, 3)), wanted, atol=1e-5)


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (13, 11)])
@torch.no_grad()
def test_any_size_comes_back(size: tuple[int, int]) -> None:
    ladder = style_ladder((3, *size), 6, (4, 5), style=7).eval()
    x = torch.rand(2, 3, *size)
    levels, _ = ladder.descend(x)
    assert levels[-1].shape == (2, 6) and ladder.ascend(levels[-1]).shape == x.shape


def test_every_level_follows_the_code() -> None:
    rung = StyleRung((1, 16, 16), 6, (4, 5, 6), style=7)
    h = torch.randn(2, 6, requires_grad=True)
    for number, style in enumerate(rung.styles):
        kept = style.affine.weight.detach().clone()
        before = rung.up(h).detach()
        torch.nn.init.zeros_(style.affine.weight)
        assert not torch.allclose(rung.up(h), before), number
        with torch.no_grad():
            style.affine.weight.copy_(kept)
    (slope,) = torch.autograd.grad(rung.up(h)[0].sum(), h)
    assert bool((slope[0] != 0).any()) and not bool((slope[1] != 0).any())


def test_it_learns_digits() -> None:
    images = nw.images.named("digits")
    recipe = nw.recipes.style_vae(images.shape, 8, widths=(16, 32)).with_(epochs=6, batch_size=32)
    model = nw.fit(recipe, images, report="quiet", device="cpu")
    x = images.batch(torch.arange(300))
    error = float((model.reconstruct(x) - x).square().mean())
    assert error < 0.6 * float((x - x.mean(0)).square().mean())


def test_it_is_a_part() -> None:
    assert part_of(style_ladder((1, 8, 8), 3, (2, 2))).name == "style"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: StyleRung((12,), 3, (4,)), "a style rung takes pictures (C, H, W)"),
        (lambda: StyleRung((1, 8, 8), 0, (4,)), "we got 0, (4,), 128 and 2"),
        (lambda: StyleRung((1, 8, 8), 3, ()), "we got 3, (), 128 and 2"),
        (lambda: StyleRung((1, 8, 8), 3, (4, 4, 4)), "8×8 are too small for 3 halvings"),
    ],
)
def test_what_is_refused(make, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        make()
