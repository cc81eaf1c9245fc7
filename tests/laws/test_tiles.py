"""Tiles: the windows add up to one, identity through them is identity, nothing shows a seam."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import conv2d, pad

from narrows.images.tiles import in_tiles, places, reflected, windows


def pictures(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@given(
    length=st.integers(1, 300),
    tile=st.integers(1, 64),
    overlap=st.floats(0, 0.9),
    kind=st.sampled_from(["hann", "linear"]),
)
def test_the_windows_add_up_to_one_everywhere(length, tile, overlap, kind):
    length = max(length, tile)
    starts = places(length, tile, overlap)
    assert starts[0] == 0 and starts[-1] == length - tile and starts == sorted(set(starts))
    total = torch.zeros(length)
    for start, weight in zip(starts, windows(length, tile, starts, kind), strict=True):
        assert (weight > 0).all()
        total[start : start + tile] += weight
    assert (total - 1).abs().max() < 1e-6
    steps = [b - a for a, b in zip(starts, starts[1:], strict=False)]
    assert all(step <= max(1, tile * (1 - overlap)) + 0.5 for step in steps)


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    tile=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    n=st.integers(1, 3),
    batch_size=st.integers(1, 9),
)
def test_identity_through_is_identity_out(height, width, tile, n, batch_size):
    x = pictures(n, 2, height, width)
    out = in_tiles(lambda t: t, x, tile, batch_size=batch_size)
    assert out.shape == x.shape and (out - x).abs().max() < 1e-6


@pytest.mark.parametrize("window", ["hann", "linear"])
@pytest.mark.parametrize("size", [(64, 64), (97, 130), (3, 200), (1, 1)])
def test_a_function_of_each_pixel_leaves_no_seam(window, size):
    x = pictures(1, 3, *size)
    out = in_tiles(lambda t: 1 - t * t, x, (32, 24), window=window)
    assert (out - (1 - x * x)).abs().max() < 2e-6


def test_where_tiles_disagree_one_fades_into_the_next():
    """Each tile answers its own mean: the worst jump between neighbours must be a slope, no edge."""
    x = torch.linspace(0, 1, 256).expand(1, 1, 64, 256)
    means = in_tiles(
        lambda t: t.mean((1, 2, 3), keepdim=True).expand_as(t), x, (64, 64), overlap=0.5
    )
    step = 0.5 * 64 / 256  # between two neighbouring tiles
    assert means.diff(dim=3).abs().max() < 0.1 * step
    assert means.diff(dim=3).min() > -1e-6 and means.diff(dim=2).abs().max() < 1e-6


def test_a_convolution_in_tiles_is_nearly_the_convolution_of_the_whole():
    x = pictures(1, 1, 100, 100)
    blur = torch.full((1, 1, 5, 5), 1 / 25)

    def smooth(t: torch.Tensor) -> torch.Tensor:
        return conv2d(pad(t, (2, 2, 2, 2), mode="reflect"), blur)

    found, wanted = in_tiles(smooth, x, (32, 32)), smooth(x)
    assert (found - wanted).abs().mean() < 2e-3


def test_small_pictures_are_continued_by_their_reflection():
    x = torch.tensor([[[[0.0, 1.0, 2.0]]]])
    out, corner = reflected(x, 1, 9)
    assert out.flatten().tolist() == [1, 2, 1, 0, 1, 2, 1, 0, 1] and corner == (0, 3)
    assert out[0, 0, 0, corner[1] : corner[1] + 3].tolist() == [0, 1, 2]
    assert out.diff(dim=3).abs().max() == 1  # it turns back, it never jumps
    assert torch.equal(reflected(x, 1, 2)[0], x)


def test_the_batch_size_changes_nothing_and_progress_counts_tiles():
    x, seen = pictures(5, 1, 50, 30), []
    one = in_tiles(lambda t: t.square(), x, (16, 16), batch_size=1)
    many = in_tiles(
        lambda t: t.square(), x, (16, 16), batch_size=1000, progress=lambda *n: seen.append(n)
    )
    torch.testing.assert_close(one, many)
    assert seen[-1][0] == seen[-1][1] == 5 * len(places(50, 16)) * len(places(30, 16))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"overlap": 1.0}, r"overlap must lie in \[0, 0.9\]; we got 1.0"),
        ({"window": "box"}, "window must be 'hann' or 'linear'; we got 'box'"),
    ],
)
def test_what_cannot_work_is_refused(how, message):
    with pytest.raises(ValueError, match=message):
        in_tiles(lambda t: t, pictures(1, 1, 9, 9), (4, 4), **how)
    with pytest.raises(
        ValueError, match=r"must come back as \(B, C, 4, 4\); we got \(9, 1, 2, 4\)"
    ):
        in_tiles(lambda t: t[:, :, :2], pictures(1, 1, 9, 9), (4, 4))
    with pytest.raises(ValueError, match=r"pictures \(N, C, H, W\) were wanted"):
        in_tiles(lambda t: t, pictures(1, 9, 9), (4, 4))
