"""What every corruption promises, and what each of them does."""

from __future__ import annotations

import math

import pytest
import torch

from narrows.images import corruptions
from narrows.images.corruptions import (
    Bend,
    Binarise,
    Blur,
    Chain,
    Downscale,
    DropoutMask,
    Flip,
    GaussianNoise,
    HiddenChannels,
    Jpeg,
    Light,
    Patch,
    Rectangle,
    SaltAndPepper,
    Shift,
    Warp,
)
from narrows.randomness import Draws

ALL = [
    GaussianNoise(0.2),
    GaussianNoise(0.5, clip=True),
    DropoutMask(0.3),
    DropoutMask(0.3, per_pixel=True),
    DropoutMask(0.3, value=0.5),
    SaltAndPepper(0.2),
    Patch(0.4),
    Patch(1.0, 0.0),
    Rectangle(),
    Rectangle(0.1, 0.0, 0.9, 0.3, 1.0),
    Flip(),
    Shift(0.2),
    Light(),
    Warp(),
    Warp(0, 0, 0, 0.05),
    Bend(),
    Bend(0.2, 2),
    Downscale(2),
    Downscale(3.5),
    Blur(1.3),
    Blur(0),
    Binarise(),
    Jpeg(20),
    HiddenChannels(2),
    Chain((Blur(0.7), GaussianNoise(0.1))),
    Chain([Chain([Patch(0.2)]), SaltAndPepper(0.5)]),
]
DETERMINISTIC = (Downscale, Blur, Jpeg, Rectangle, HiddenChannels)


def pictures(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def test_every_corruption_is_here():
    listed = {getattr(corruptions, name) for name in corruptions.__all__ if name != "Corruption"}
    assert listed == {type(one) for one in ALL}


@pytest.mark.parametrize("one", ALL, ids=repr)
@pytest.mark.parametrize("shape", [(4, 3, 16, 16), (2, 1, 7, 5), (1, 1, 1, 1)])
def test_shape_type_and_input_are_kept(one, shape):
    x = pictures(*shape)
    before = x.clone()
    y = one(x, Draws(1, 2))
    assert y.shape == x.shape and y.dtype == x.dtype and torch.isfinite(y).all()
    assert torch.equal(x, before)
    assert y.data_ptr() != x.data_ptr()
    assert one(x.to(torch.float64), Draws(1, 2)).dtype == torch.float64


@pytest.mark.parametrize("one", ALL, ids=repr)
def test_it_is_pure_in_x_and_draws(one):
    x = pictures(3, 3, 12, 12)
    torch.manual_seed(0)
    first = one(x, Draws(1, 2))
    torch.manual_seed(1)
    assert torch.equal(first, one(x, Draws(1, 2)))
    same = isinstance(one, DETERMINISTIC) or one == Patch(1.0, 0.0)
    assert torch.equal(first, one(x, Draws(1, 3))) == same
    assert torch.equal(first, one(x, Draws(2, 2))) == same


@pytest.mark.parametrize("one", ALL, ids=repr)
def test_it_is_data(one):
    assert one == one and hash(one) == hash(one)
    with pytest.raises(AttributeError):
        one.anything = 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_they_stay_on_the_gpu():
    for one in ALL:
        assert one(pictures(2, 3, 9, 9).cuda(), Draws()).device.type == "cuda", one


def test_noise_has_the_stated_deviation():
    x = torch.full((8, 1, 64, 64), 0.5)
    noise = GaussianNoise(0.3)(x, Draws()) - x
    assert noise.std().item() == pytest.approx(0.3, rel=0.02) and abs(noise.mean().item()) < 0.01
    assert GaussianNoise(5, clip=True)(x, Draws()).unique().min() >= 0


def test_dropout_only_sets_to_zero():
    x = pictures(8, 3, 32, 32) + 0.01
    y = DropoutMask(0.3)(x, Draws())
    assert (y == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert torch.equal(y[y != 0], x[y != 0])
    gone = DropoutMask(0.3, per_pixel=True)(x, Draws()) == 0
    assert torch.equal(gone.any(1), gone.all(1))
    assert torch.equal(DropoutMask(0)(x, Draws()), x) and DropoutMask(1)(x, Draws()).sum() == 0
    gray = DropoutMask(0.3, value=0.5)(x, Draws())
    assert torch.equal(gray == 0.5, y == 0) and torch.equal(gray[y != 0], y[y != 0])


def test_salt_and_pepper_are_equally_frequent():
    y = SaltAndPepper(0.4)(torch.full((8, 1, 64, 64), 0.5), Draws())
    assert (y == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert (y == 1).float().mean().item() == pytest.approx(0.2, abs=0.01)


def test_a_patch_is_one_square_somewhere_inside():
    y = Patch(0.25, value=1.0)(torch.zeros(64, 2, 16, 20), Draws())
    assert (y.sum((2, 3)) == 16).all() and torch.equal(y[:, 0], y[:, 1])
    assert (y.amax(2).sum(-1) == 4).all() and (y.amax(3).sum(-1) == 4).all()
    assert len({tuple(one.flatten().tolist()) for one in y}) > 30
    assert y.sum(0)[0, [0, -1]].sum() > 0


def test_a_rectangle_is_where_it_says():
    y = Rectangle(0.25, 0.5, 0.5, 0.125, value=1.0)(torch.zeros(2, 3, 64, 32), Draws())
    assert (y[:, :, 32:40, 8:24] == 1).all() and y.sum() == 2 * 3 * 8 * 16
    middle = Rectangle()(torch.ones(1, 1, 64, 64), Draws()) == 0.5
    assert middle[0, 0, 16:48, 16:48].all() and middle.sum() == 32 * 32
    small = Rectangle(0.5, 0.9, 0.5, 0.1)(torch.ones(1, 1, 1, 3), Draws())
    assert (small == 0.5).sum() == 1 and small[0, 0, 0, 2] == 0.5


def test_a_flip_mirrors_some_of_the_pictures():
    x = pictures(200, 2, 5, 6)
    y = Flip(0.3)(x, Draws())
    mirrored = (y == x.flip(3)).flatten(1).all(1)
    assert ((y == x).flatten(1).all(1) != mirrored).all()
    assert mirrored.float().mean().item() == pytest.approx(0.3, abs=0.08)
    assert torch.equal(Flip(0)(x, Draws()), x) and torch.equal(Flip(1)(x, Draws()), x.flip(3))


def test_a_shift_moves_whole_pixels_and_reflects():
    place = torch.stack(torch.meshgrid(torch.arange(16.0), torch.arange(8.0), indexing="ij"))
    y = Shift(0.25)(place.expand(300, 2, 16, 8), Draws())
    down, across = y[:, 0, 8, 0] - 8, y[:, 1, 0, 4] - 4  # far enough from every border
    assert set(down.tolist()) == set(range(-4, 5)) and set(across.tolist()) == set(range(-2, 3))
    one = y[(down == 2) & (across == -1)][0]
    assert one[0, :, 0].tolist() == [*range(2, 16), 14, 13]
    assert one[1, 0].tolist() == [1, *range(7)]
    assert torch.equal(Shift(0)(place[None], Draws()), place[None])


def test_a_warp_turns_zooms_moves_and_bends():
    x = Blur(3.0)(pictures(64, 2, 24, 16), Draws())
    torch.testing.assert_close(Warp(0, 0, 0, 0)(x, Draws()), x)
    assert torch.equal(Warp()(x, Draws())[:, 0], Warp()(x[:, :1], Draws())[:, 0])

    dot = torch.zeros(200, 1, 33, 33)
    dot[:, :, 16, 24] = 1
    dot = Blur(1.0)(dot, Draws())
    axis = torch.arange(33.0) - 16
    middle = lambda y: (  # noqa: E731
        (y.sum((1, 2)) * axis).sum(1) / y.sum((1, 2, 3)),
        (y.sum((1, 3)) * axis).sum(1) / y.sum((1, 2, 3)),
    )
    across, down = middle(Warp(30, 0, 0)(dot, Draws()))
    torch.testing.assert_close(across.hypot(down), torch.full((200,), 8.0), atol=0.1, rtol=0)
    assert torch.atan2(down, across).abs().max().rad2deg() == pytest.approx(30, abs=1)
    across, down = middle(Warp(0, 0.2, 0)(dot, Draws()))
    assert down.abs().max() < 0.05
    assert [across.min().item(), across.max().item()] == pytest.approx(
        [8 * math.exp(-0.2), 8 * math.exp(0.2)], rel=0.02
    )
    across, down = middle(Warp(0, 0, 0.1)(dot, Draws()))
    assert (across - 8).abs().max() == pytest.approx(3.3, abs=0.1)
    assert down.abs().max() == pytest.approx(3.3, abs=0.1)
    across, down = middle(Warp(0, 0, 0, 0.03)(dot, Draws()))
    for moved in (across - 8, down):  # the deviation is 1 at the places, and less between them
        assert 0.5 < moved.std() < 1 and abs(moved.mean()) < 0.2


def test_a_bend_is_smooth_and_each_picture_in_its_own_way():
    place = torch.stack(torch.meshgrid(torch.arange(32.0), torch.arange(24.0), indexing="ij")) / 32
    y = Bend(0.03)(place.expand(200, 2, 32, 24), Draws())
    moved = (y - place)[:, :, 8:-8, 8:-8] * 32  # by pixels, far enough from the border
    assert 0.4 < float(moved[:, 0].std() / (0.03 * 31)) < 1.1  # between the knots it is less
    assert float(moved.diff(dim=3).abs().max()) < 1.0  # neighbours stay neighbours
    assert float((moved[0] - moved[1]).abs().max()) > 0.1
    torch.testing.assert_close(Bend(0)(place[None], Draws()), place[None])
    flat = torch.full((2, 1, 9, 9), 0.3)
    torch.testing.assert_close(Bend(0.2, 2)(flat, Draws()), flat)
    with pytest.raises(ValueError, match="knots must be a finite number from 2, got 1"):
        Bend(0.1, 1)


def test_downscale_keeps_the_flat_and_loses_the_fine():
    flat = torch.full((1, 1, 9, 9), 0.3)
    torch.testing.assert_close(Downscale(3)(flat, Draws()), flat)
    checks = (torch.arange(16)[:, None] + torch.arange(16)) % 2
    y = Downscale(4)(checks.float()[None, None], Draws())
    assert (y - 0.5).abs().max() < 0.1
    assert torch.equal(Downscale(1)(flat, Draws()), flat)


def test_blur_is_a_gaussian():
    x = torch.zeros(1, 1, 31, 31)
    x[0, 0, 15, 15] = 1
    y = Blur(2.0)(x, Draws())[0, 0]
    axis = torch.arange(31.0) - 15
    assert y.sum().item() == pytest.approx(1, abs=1e-4)
    assert (y.sum(0) * axis**2).sum().sqrt().item() == pytest.approx(2, rel=0.03)
    torch.testing.assert_close(y, y.T)


def test_jpeg_is_a_stored_picture_and_worse_with_less_quality():
    smooth = Blur(2.0)(pictures(4, 3, 32, 32), Draws())
    far = [(Jpeg(q)(smooth, Draws()) - smooth).square().mean().item() for q in (5, 30, 90)]
    assert far[0] > far[1] > far[2] and far[2] < 3e-4
    steps = Jpeg(50)(smooth, Draws()) * 255
    assert (steps - steps.round()).abs().max() < 1e-3
    with pytest.raises(ValueError, match="JPEG takes pictures of 1 or 3 channels, got 2"):
        Jpeg(50)(pictures(1, 2, 8, 8), Draws())


def test_binarise_draws_by_the_value():
    y = Binarise()(torch.full((4, 1, 64, 64), 0.7), Draws())
    assert set(y.unique().tolist()) == {0.0, 1.0}
    assert y.mean().item() == pytest.approx(0.7, abs=0.01)
    ends = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    assert torch.equal(Binarise()(ends, Draws()), ends)


def test_equal_parts_of_a_chain_draw_differently():
    x = torch.zeros(1, 1, 32, 32)
    once = GaussianNoise(1)(x, Draws())
    twice = Chain([GaussianNoise(1), GaussianNoise(1)])(x, Draws())
    assert twice.std().item() == pytest.approx(2**0.5, rel=0.1)
    assert not torch.equal(Chain([GaussianNoise(1)])(x, Draws()), once)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: GaussianNoise(-1), "sigma must be a finite number from 0, got -1"),
        (lambda: GaussianNoise(float("nan")), "sigma must be a finite number from 0, got nan"),
        (lambda: DropoutMask(1.1), r"p must lie in \[0, 1\], got 1.1"),
        (lambda: SaltAndPepper(-0.1), r"p must lie in \[0, 1\], got -0.1"),
        (lambda: Patch(0), "size must be above 0 and at most 1, got 0"),
        (lambda: Patch(0.5, 2), r"value must lie in \[0, 1\], got 2"),
        (lambda: Rectangle(0.6, 0, 0.5, 0.5), r"x \+ width and y \+ height at most 1; got 0.6"),
        (lambda: Rectangle(width=0), "a rectangle lies inside the picture"),
        (lambda: Rectangle(y=-0.1), r"y must lie in \[0, 1\], got -0.1"),
        (lambda: Flip(1.5), r"p must lie in \[0, 1\], got 1.5"),
        (lambda: Shift(-0.1), r"reach must lie in \[0, 1\], got -0.1"),
        (lambda: Warp(turn=-1), "turn must be a finite number from 0, got -1"),
        (lambda: Warp(bend=float("nan")), "bend must be a finite number from 0, got nan"),
        (lambda: Downscale(0.5), "factor must be a finite number from 1, got 0.5"),
        (lambda: Blur(float("inf")), "sigma must be a finite number from 0, got inf"),
        (lambda: Jpeg(0), "quality must be a whole number from 1 to 95, got 0"),
        (lambda: Jpeg(50.5), "quality must be a whole number from 1 to 95, got 50.5"),
        (lambda: Chain([]), "a chain needs one corruption or more"),
    ],
)
def test_what_cannot_work_is_refused_when_built(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_light_is_one_factor_for_each_picture():
    x = 0.2 + 0.4 * pictures(50, 3, 4, 5)
    x[:, :, 0, 0] = 0
    factor = (Light(0.3)(x, Draws()) / x)[:, :, 1:].flatten(1)
    torch.testing.assert_close(factor, factor[:, :1].expand_as(factor))
    logs = factor[:, 0].log()
    assert -0.3 <= float(logs.min()) < -0.2 and 0.2 < float(logs.max()) <= 0.3
    assert float(Light(0.3)(x, Draws())[:, :, 0, 0].abs().max()) == 0
    assert torch.equal(Light(0)(x, Draws()), x)
