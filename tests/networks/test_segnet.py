"""SegNet ladders: any size comes back, the pooling indices go past the bottleneck, bare codes say so."""

from __future__ import annotations

import re
import warnings

import pytest
import torch
from torch import nn

from narrows import Autoencoder
from narrows.networks import Ladder, Rung, SegNetRung, segnet_ladder
from narrows.networks.segnet import _say_once
from narrows.parts import Part, part_of


@pytest.fixture(autouse=True)
def nothing_said_yet() -> None:
    _say_once.cache_clear()


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (45, 37), (1, 5), (1, 1)])
@pytest.mark.parametrize("convolutions, kernel", [(1, 3), (2, 1), ([3, 1], 5)])
@torch.no_grad()
def test_any_size_comes_back(size: tuple[int, int], convolutions, kernel: int) -> None:
    ladder = segnet_ladder((3, *size), (4, 2), convolutions=convolutions, kernel=kernel).eval()
    x = torch.rand(2, *ladder.shape)
    levels, pooling_indices = ladder.descend(x)
    assert [tuple(h.shape[1:]) for h in levels] == ladder.shapes
    for h, kept in zip(levels[1:], pooling_indices, strict=True):
        assert kept is not None and kept.shape == h.shape and kept.dtype == torch.int64
    assert ladder.ascend(levels[-1], pooling_indices).shape == x.shape


def test_each_rung_halves_and_rounds_up() -> None:
    ladder = segnet_ladder((3, 45, 37), (4, 5, 6))
    assert ladder.shapes == [(3, 45, 37), (4, 23, 19), (5, 12, 10), (6, 6, 5)]


def kinds(body: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in body.children()]


def test_convolutions_are_normalised_and_activated_once_each() -> None:
    """Inside a rung between two of them; the last of a way by the ladder's boundary."""
    ladder = segnet_ladder((3, 8, 8), (4, 6), convolutions=[2, 3], activation="elu")
    inside = ["Conv2d", "BatchNorm2d", "ELU"]
    for rung, count in zip(ladder.rungs, (2, 3), strict=True):
        assert kinds(rung.body_down) == kinds(rung.body_up) == inside * (count - 1) + ["Conv2d"]
    convolutions = sum(isinstance(m, nn.Conv2d) for m in ladder.modules())
    norms = sum(isinstance(m, nn.BatchNorm2d) for m in ladder.modules())
    # all are normalised but the one that gives the raw output; a boundary below L has its way up
    assert (convolutions, norms) == (10, 10)
    assert [type(ladder.boundary(i).activation) for i in range(2)] == [nn.ELU, nn.ELU]


def test_channels_change_at_the_pictures_end_of_a_rung() -> None:
    rung = SegNetRung((3, 8, 8), 5, convolutions=3)
    depths = [
        [(m.in_channels, m.out_channels) for m in body if isinstance(m, nn.Conv2d)]
        for body in (rung.body_down, rung.body_up)
    ]
    assert depths == [[(3, 5), (5, 5), (5, 5)], [(5, 5), (5, 5), (5, 3)]]


@pytest.mark.parametrize("norm", ["none", "batch", "shared-batch", "group"])
def test_every_weight_gets_a_gradient_with_any_norm(norm: str) -> None:
    ladder = segnet_ladder((1, 9, 7), (8, 4), norm=norm, activation="tanh")
    levels, pooling_indices = ladder.descend(torch.rand(4, 1, 9, 7))
    ladder.ascend(levels[-1], pooling_indices).square().sum().backward()
    silent = [name for name, p in ladder.named_parameters() if p.grad is None]
    # the lowest boundary's way up belongs to a bottleneck with a tail, which there is none of here
    assert [name for name in silent if not name.startswith("boundaries.1.norm_up")] == []


def identity_rung(height: int, width: int) -> SegNetRung:
    rung = SegNetRung((1, height, width), 1, convolutions=1, norm="none")
    with torch.no_grad():
        for body in (rung.body_down, rung.body_up):
            body[0].weight.zero_()[0, 0, 1, 1] = 1
            body[0].bias.zero_()
    return rung


def test_up_puts_each_value_where_down_found_it() -> None:
    rung = identity_rung(5, 4)
    x = torch.rand(2, 1, 5, 4) + 1
    h, pooling_indices = rung.down(x)
    wide = rung.up(10 * h, pooling_indices)
    assert torch.allclose(wide[wide > 0], 10 * x[wide > 0])
    assert int((wide > 0).sum()) == h.numel()


def test_a_bare_code_goes_to_the_first_positions_and_a_warning_says_so_once() -> None:
    rung = identity_rung(5, 4)
    h = torch.rand(2, 1, *rung.below[1:]) + 1
    with pytest.warns(
        UserWarning, match="without the pooling indices of a picture, so each value goes"
    ):
        wide = rung.up(h)
    assert torch.equal(wide[..., ::2, ::2], h)
    assert int((wide != 0).sum()) == h.numel()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(rung.up(h), wide)
        identity_rung(4, 4).up(torch.rand(1, 1, 2, 2))


def test_a_model_reconstructs_by_its_switches_and_decodes_without() -> None:
    model = Autoencoder(
        Part("segnet", {"shape": (1, 9, 7), "widths": (4,), "convolutions": 1, "norm": "none"}),
        Part("gaussian", {"size": 3}),
        Part("gaussian"),
    ).eval()
    x = torch.rand(2, 1, 9, 7)
    with torch.no_grad():
        there = model(x)
        code = model.posterior(x, 5)
        assert model.raw(code).shape == (5, 2, 1, 9, 7)
        with pytest.warns(UserWarning, match="window's first position"):
            bare = model.decode(model.posterior(x).z)
    assert bare.shape == there.shape and not torch.allclose(bare, there)


def test_a_rung_is_a_rung_and_a_ladder_a_part() -> None:
    assert isinstance(SegNetRung((1, 8, 8), 2), Rung)
    ladder = segnet_ladder((1, 8, 8), (2,), convolutions=[3])
    assert isinstance(ladder, Ladder)
    assert part_of(ladder).name == "segnet"
    assert part_of(ladder).arguments["convolutions"] == (3,)


@pytest.mark.parametrize(
    "make, sentence",
    [
        (
            lambda: SegNetRung((64,), 2),
            "a SegNet rung takes maps (C, H, W), because dense rungs have no pooling indices; we got "
            "shape (64,)",
        ),
        (lambda: SegNetRung((1, 0, 8), 2), "takes at least one pixel; we got shape (1, 0, 8)"),
        (lambda: SegNetRung((1, 8, 8), 0), "at least 1; we got 0 and 2"),
        (lambda: SegNetRung((1, 8, 8), 2, convolutions=0), "at least 1; we got 2 and 0"),
        (lambda: SegNetRung((1, 8, 8), 2, kernel=4), "takes kernels of odd size; we got 4"),
        (lambda: SegNetRung((1, 8, 8), 2, norm="layer"), "norm must be one of none, batch"),
        (lambda: SegNetRung((1, 8, 8), 2, activation="sine"), "we got 'sine'"),
        (
            lambda: segnet_ladder((1, 8, 8), (2, 2), convolutions=[3]),
            "convolutions is one number or one per rung (2); we got 1: [3]",
        ),
        (lambda: segnet_ladder((1, 8, 8), ()), "a ladder needs at least one rung; we got none"),
    ],
)
def test_what_cannot_work_is_refused_when_built(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        make()
