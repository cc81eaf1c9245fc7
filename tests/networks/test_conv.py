"""Convolutional ladders: every way up ends at exactly the size that its way down began with."""

from __future__ import annotations

import itertools
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from narrows.networks import ConvRung, Ladder, Rung, conv_ladder
from narrows.networks.conv import DOWNS, UPS

SIZES = [(8, 8), (28, 28), (45, 37), (7, 9)]
WAYS = list(itertools.product(DOWNS, UPS))


def assert_comes_back(ladder: Ladder) -> None:
    """Both ways keep to ``shapes`` at every boundary, one rung alone and the whole ladder."""
    x = torch.rand(2, *ladder.shape)
    levels = ladder.descend(x).levels
    assert [tuple(h.shape[1:]) for h in levels] == ladder.shapes
    for i in range(len(ladder)):
        assert ladder.rung(i).up(levels[i + 1]).shape == levels[i].shape
    assert ladder.ascend(levels[-1]).shape == x.shape


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("kernel", [3, 4, 5])
@pytest.mark.parametrize("down, up", WAYS)
@pytest.mark.parametrize("channels", [1, 3, 5])
@torch.no_grad()
def test_odd_sizes_come_back(
    down: str, up: str, kernel: int, size: tuple[int, int], channels: int
) -> None:
    assert_comes_back(conv_ladder((channels, *size), (2, 3), kernel=kernel, down=down, up=up))


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    kernels=st.lists(st.integers(1, 7), min_size=1, max_size=3),
    stride=st.integers(1, 4),
    way=st.sampled_from(WAYS),
)
@settings(max_examples=150)
@torch.no_grad()
def test_any_size_comes_back_or_is_refused(
    size: tuple[int, int], kernels: list[int], stride: int, way: tuple[str, str]
) -> None:
    down, up = way
    widths = [2] * len(kernels)
    try:
        ladder = conv_ladder((1, *size), widths, kernel=kernels, strides=stride, down=down, up=up)
    except ValueError as error:
        assert "are too small for one more rung" in str(error)
    else:
        assert_comes_back(ladder)


@pytest.mark.parametrize("down", DOWNS)
def test_three_by_three_rungs_halve_and_round_up(down: str) -> None:
    ladder = conv_ladder((3, 45, 37), (4, 5, 6), down=down)
    assert ladder.shapes == [(3, 45, 37), (4, 23, 19), (5, 12, 10), (6, 6, 5)]


def test_a_stride_of_one_keeps_the_size() -> None:
    ladder = conv_ladder((1, 9, 7), (2, 2), strides=[1, 2])
    assert ladder.shapes == [(1, 9, 7), (2, 9, 7), (2, 5, 4)]
    assert_comes_back(ladder)


def test_a_dense_rung_below() -> None:
    ladder = conv_ladder((1, 9, 7), (2,), dense=6)
    assert ladder.shapes == [(1, 9, 7), (2, 5, 4), (6,)]
    assert_comes_back(ladder)


@pytest.mark.parametrize("norm", ["none", "batch", "shared-batch", "group"])
def test_blocks_and_norms_keep_the_shapes(norm: str) -> None:
    assert_comes_back(conv_ladder((1, 9, 7), (8, 4), blocks=[0, 2], norm=norm, activation="silu"))


@pytest.mark.parametrize("down", DOWNS)
def test_tied_kernels_are_one_parameter(down: str) -> None:
    tied = conv_ladder((1, 9, 7), (3, 4), down=down, tied=True)
    assert_comes_back(tied)
    names = dict(tied.named_parameters())
    assert sorted(names) == [
        f"rungs.{i}.{name}" for i in range(2) for name in ("bias_up", "conv.bias", "conv.weight")
    ]
    free = conv_ladder((1, 9, 7), (3, 4), down=down)
    kernels = sum(names[f"rungs.{i}.conv.weight"].numel() for i in range(2))
    count = lambda ladder: sum(p.numel() for p in ladder.parameters())  # noqa: E731
    assert count(free) - count(tied) == kernels


def test_tied_up_is_the_adjoint_of_down() -> None:
    """⟨down x, h⟩ = ⟨x, up h⟩ without biases: the transpose is the transpose."""
    rung = ConvRung((2, 9, 8), 3, tied=True)
    torch.nn.init.zeros_(rung.conv.bias)
    x, h = torch.randn(1, 2, 9, 8), torch.randn(1, *rung.below)
    assert torch.allclose((rung.down(x)[0] * h).sum(), (x * rung.up(h)).sum(), rtol=1e-4, atol=1e-4)


def test_a_tied_kernel_gets_the_gradient_of_both_ways() -> None:
    rung = ConvRung((1, 8, 8), 2, tied=True)
    x = torch.rand(1, 1, 8, 8)
    (both,) = torch.autograd.grad(rung.up(rung.down(x)[0]).sum(), rung.conv.weight)
    (one,) = torch.autograd.grad(rung.up(rung.down(x)[0].detach()).sum(), rung.conv.weight)
    h = rung.down(x)[0]
    other_kernel = rung.conv.weight.detach()
    out = F.conv_transpose2d(h, other_kernel, rung.bias_up, 2, 1, 1)
    (other,) = torch.autograd.grad(out.sum(), rung.conv.weight)
    assert torch.allclose(both, one + other, rtol=1e-4, atol=1e-4)


def test_max_pooling_takes_the_largest_of_each_window() -> None:
    rung = ConvRung((1, 5, 5), 1, down="maxpool")
    with torch.no_grad():
        rung.conv.weight.zero_()[0, 0, 1, 1] = 1  # the identity
        rung.conv.bias.zero_()
    x = torch.rand(1, 1, 5, 5)
    assert torch.equal(rung.down(x)[0], F.max_pool2d(x, 2, ceil_mode=True))


def test_even_kernels_go_up_as_torch_pads_them() -> None:
    rung = ConvRung((1, 8, 8), 2, kernel=4, up="nearest")
    h = torch.randn(1, *rung.below)
    wide = F.pad(F.interpolate(h, size=(8, 8)), (1, 2, 1, 2))
    weight, bias = rung.kernel_up.weight, rung.kernel_up.bias
    assert torch.allclose(rung.up(h), F.conv2d(wide, weight, bias), atol=1e-6)


def test_a_rung_is_a_rung() -> None:
    assert isinstance(ConvRung((1, 8, 8), 2), Rung)


@pytest.mark.parametrize(
    "make, sentence",
    [
        (lambda: ConvRung((1, 8, 8), 2, down="pool"), "goes down by stride or maxpool and up by "),
        (lambda: ConvRung((1, 8, 8), 2, up="linear"), "we got down='stride', up='linear'"),
        (
            lambda: ConvRung((64,), 2),
            "a convolutional rung takes maps (C, H, W); we got shape (64,",
        ),
        (
            lambda: ConvRung((1, 8, 8), 2, up="nearest", tied=True),
            "tied kernels need up='transpose'",
        ),
        (lambda: ConvRung((1, 8, 8), 0), "at least 1; we got 0, 3 and 2"),
        (lambda: ConvRung((1, 8, 8), 2, kernel=0), "at least 1; we got 2, 0 and 2"),
        (lambda: ConvRung((1, 8, 8), 2, stride=0), "at least 1; we got 2, 3 and 0"),
        (
            lambda: ConvRung((1, 1, 8), 2, kernel=4),
            "maps of 1×8 are too small for one more rung of kernel 4 and stride 2; use fewer rungs",
        ),
        (
            lambda: conv_ladder((1, 8, 8), (2, 2), kernel=[3]),
            "kernel is one number or one per rung (2); we got 1: [3]",
        ),
        (
            lambda: conv_ladder((1, 8, 8), (2, 2), blocks=[1, 1, 1]),
            "blocks is one number or one per rung (2); we got 3",
        ),
        (lambda: conv_ladder((1, 8, 8), ()), "a ladder needs at least one rung; we got none"),
        (
            lambda: conv_ladder((1, 8, 8), (2,), norm="layer"),
            "norm must be one of none, batch, sha",
        ),
        (lambda: conv_ladder((1, 8, 8), (2,), activation="sine"), "we got 'sine'"),
        (lambda: conv_ladder((1, 8, 8), (2,), dense=0), "needs a width of at least 1; we got 0"),
    ],
)
def test_what_cannot_work_is_refused_when_built(make, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        make()
