from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.images import Source, Sprites, known_factors
from narrows.images.views import Subset

SPRITES = Sprites()


def test_it_is_a_source_of_all_combinations():
    assert isinstance(SPRITES, Source) and SPRITES.shape == (1, 64, 64)
    assert len(SPRITES) == 737_280 == math.prod(SPRITES.factor_sizes)
    x = SPRITES.batch(torch.tensor([0, 737_279]))
    assert x.dtype == torch.float32 and x.shape == (2, 1, 64, 64)
    assert set(x.unique().tolist()) == {0.0, 1.0}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 737_279), min_size=1, max_size=8))
def test_index_and_factors_are_each_other_s_inverse(numbers):
    indices = torch.tensor(numbers)
    assert torch.equal(SPRITES.index(SPRITES.factors(indices)), indices)


def test_the_last_factor_changes_fastest():
    assert SPRITES.factors(torch.tensor([1, 32, 1024, 40_960, 245_760])).tolist() == [
        [0, 0, 0, 0, 1],
        [0, 0, 0, 1, 0],
        [0, 0, 1, 0, 0],
        [0, 1, 0, 0, 0],
        [1, 0, 0, 0, 0],
    ]
    values = SPRITES.factor_values(torch.tensor([737_279]))[0]
    torch.testing.assert_close(values, torch.tensor([2, 1, 2 * math.pi * 39 / 40, 1, 1]))


def test_every_shape_stays_inside_the_frame():
    shapes, turns = torch.arange(3), torch.arange(40)
    corners = torch.tensor([0, 31])
    grid = torch.cartesian_prod(shapes, torch.tensor([5]), turns, corners, corners)
    x = SPRITES.batch(SPRITES.index(grid))
    assert x.sum((1, 2, 3)).min() > 60
    for edge in (x[:, :, 0], x[:, :, -1], x[..., 0], x[..., -1]):
        assert edge.sum() == 0


def test_a_shape_moves_by_its_position_and_grows_by_its_scale():
    steps = torch.tensor([[2, 5, 7, 0, 0], [2, 5, 7, 31, 0], [2, 5, 7, 0, 31], [2, 0, 7, 0, 0]])
    x = SPRITES.batch(SPRITES.index(steps))[:, 0]
    axis = torch.arange(64.0)
    across = (x.sum(1) * axis).sum(1) / x.sum((1, 2))
    down = (x.sum(2) * axis).sum(1) / x.sum((1, 2))
    torch.testing.assert_close(x[1].roll(-36, 1), x[0])
    assert across[1] - across[0] == pytest.approx(36, abs=0.01)
    assert down[2] - down[0] == pytest.approx(36, abs=0.01)
    assert x[0].sum() / x[3].sum() == pytest.approx(4, rel=0.1)


def test_half_a_turn_is_the_picture_upside_down():
    pair = SPRITES.batch(SPRITES.index([[2, 4, 3, 16, 16], [2, 4, 23, 15, 15]]))[:, 0]
    assert (pair[0] != pair[1].flip(0, 1)).float().sum() <= 4


def test_a_sample_is_pictures_with_their_factors():
    images = SPRITES.sample(50, seed=3)
    assert len(images) == 50 and len(set(images.ids)) == 50
    indices = torch.tensor([int(i) for i in images.ids])
    torch.testing.assert_close(images.batch(torch.arange(50)), SPRITES.batch(indices))
    assert images.labels["x"].tolist() == SPRITES.factors(indices)[:, 3].tolist()
    assert list(images.ids) == list(SPRITES.sample(50, seed=3).ids) != list(SPRITES.sample(50).ids)


def test_what_is_not_there_is_refused():
    with pytest.raises(IndexError, match="sprites are numbered 0 to 737279"):
        SPRITES.batch(torch.tensor([737_280]))
    with pytest.raises(ValueError, match=r"below \(3, 6, 40, 32, 32\)"):
        SPRITES.index([[3, 0, 0, 0, 0]])
    with pytest.raises(ValueError, match=r"factors must have shape \(B, 5\), got \(1, 4\)"):
        SPRITES.index([[0, 0, 0, 0]])
    with pytest.raises(ValueError, match="n must be 1 to 737,280, got 0"):
        SPRITES.sample(0)


def test_factors_are_known_of_sprites_of_some_of_them_and_of_nothing_else():
    whole = Sprites()
    some = Subset(Subset(whole, torch.arange(100, 200)), torch.tensor([3, 50]))
    known = known_factors(some)
    assert torch.equal(known.steps, whole.factors(torch.tensor([103, 150])))
    assert known.names == whole.factor_names and known.categorical == (0,)
    assert known_factors(whole.sample(3)) is None
