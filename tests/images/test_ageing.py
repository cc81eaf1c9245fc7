"""Kinds of ageing: pure in picture and draws, right masks, mixtures that are told apart."""

from __future__ import annotations

import pytest
import torch

from narrows.images.ageing import (
    KINDS,
    Damaging,
    Dust,
    Fading,
    FilmGrain,
    Fold,
    OldPhoto,
    Scratch,
    Sepia,
)
from narrows.parts import as_part, build, listed
from narrows.randomness import Draws

ALL = [
    *KINDS.values(),
    Scratch(1, 1.5),
    Dust(3, 2.0),
    Fold(2.0),
    Fading(0.5),
    Sepia(0.0),
    FilmGrain(0, 0.2),
    OldPhoto(),
]
HIDING = [Scratch(), Dust(), Fold()]


def pictures(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("one", ALL, ids=repr)
@pytest.mark.parametrize("shape", [(4, 3, 24, 16), (2, 1, 7, 5), (1, 1, 1, 1), (1, 3, 70, 130)])
def test_any_size_of_one_or_three_channels(one, shape):
    x = pictures(*shape)
    before = x.clone()
    y, mask = one.damage(x, Draws(1, 2))
    assert isinstance(one, Damaging) and torch.equal(x, before)
    assert y.shape == x.shape and y.dtype == x.dtype and y.data_ptr() != x.data_ptr()
    assert bool(((y >= 0) & (y <= 1)).all())
    assert mask.shape == (shape[0], 1, *shape[2:]) and mask.dtype == torch.bool
    assert torch.equal(one(x, Draws(1, 2)), y) and torch.equal(one.hidden(x, Draws(1, 2)), mask)


@pytest.mark.parametrize("one", ALL, ids=repr)
def test_draws_alone_tell_what_becomes_of_a_picture(one):
    x = 0.2 + 0.6 * pictures(4, 3, 32, 32)
    torch.manual_seed(0)
    first = one(x, Draws(1, 2))
    torch.manual_seed(1)
    assert torch.equal(first, one(x, Draws(1, 2))) and not torch.equal(first, one(x, Draws(1, 3)))
    assert hash(one) == hash(one) and one == one


@pytest.mark.parametrize("one", HIDING, ids=repr)
def test_what_hides_leaves_the_rest_and_hides_what_it_says(one):
    """The same mask on two pictures: where it hides, what they showed has hardly a part in it."""
    dark, light = torch.full((8, 3, 64, 64), 0.3), torch.full((8, 3, 64, 64), 0.7)
    (a, mask), (b, same) = (one.damage(x, Draws(3)) for x in (dark, light))
    assert torch.equal(mask, same) and 0.002 < float(mask.float().mean()) < 0.2
    left = ((b - a) / 0.4).mean(1, keepdim=True)
    assert float(left[mask].mean()) < 0.5
    clear = ~torch.nn.functional.max_pool2d(mask.float(), 5, 1, 2).bool()
    shaded = 0.75 if isinstance(one, Fold) else 0.999  # a fold throws a shade
    assert float(left[clear].min()) >= shaded


def test_a_larger_picture_is_hidden_as_much():
    for one in (Scratch(), Dust()):
        shares = [
            float(one.damage(torch.full((n, 1, side, side), 0.5), Draws(1))[1].float().mean())
            for n, side in ((64, 64), (4, 256))
        ]
        assert 0.5 < shares[0] / shares[1] < 2


def test_what_changes_all_of_a_picture_hides_nothing():
    for name in set(KINDS) - {"scratch", "dust", "fold"}:
        assert not KINDS[name].damage(pictures(2, 3, 16, 16), Draws())[1].any()


def test_fading_and_sepia_do_what_their_names_say():
    x = pictures(16, 3, 32, 32)
    faded, brown = Fading()(x, Draws(1)), Sepia(1.0)(x, Draws(1))
    assert bool((faded.std((2, 3)) < x.std((2, 3))).all())
    means = brown.mean((2, 3))
    assert bool((means[:, 0] > means[:, 1]).all() and (means[:, 1] > means[:, 2]).all())
    gray = pictures(2, 1, 8, 8)
    assert torch.equal(Sepia()(gray, Draws()), gray)
    assert torch.equal(Fading(0.0)(x.clamp_min(1e-3), Draws(1)), x.clamp_min(1e-3))


def test_grain_has_the_stated_deviation_in_the_middle_tones():
    x = torch.full((32, 3, 64, 64), 0.5)
    for draws in (Draws(1), Draws(2)):
        apart = FilmGrain(0.08, 0.08)(x, draws) - x
        assert apart.std((1, 2, 3)).mean().item() == pytest.approx(0.08, rel=0.06)


def test_mixtures_are_of_so_many_kinds_and_two_parts_share_none():
    every, few, rest = (set(OldPhoto(mixtures=m).sets()) for m in ("all", "fifth", "four-fifths"))
    assert (
        few | rest == every and not few & rest and len(few) == pytest.approx(len(every) / 5, abs=1)
    )
    assert {len(some) for some in OldPhoto(least=2, most=3).sets()} == {2, 3}
    drawn = OldPhoto(("dust", "fading"), 1, 2).chosen(200, Draws(4))
    assert {tuple(row.tolist()) for row in drawn[:, [list(KINDS).index(k) for k in ("dust", "fading")]]} == {
        (True, False), (False, True), (True, True)
    }  # fmt: skip
    assert int(drawn.sum(1).max()) == 2


def test_each_picture_has_its_own_mixture_whatever_stands_beside_it():
    x = pictures(6, 3, 32, 32)
    other = x.clone()
    other[1:] = 0.5
    assert torch.equal(OldPhoto()(x, Draws(2))[0], OldPhoto()(other, Draws(2))[0])


def test_they_are_parts():
    assert {"scratch", "dust", "fold", "fading", "sepia", "film-grain", "old-photo"} <= set(
        listed("corruption")
    )
    one = OldPhoto(("dust", "sepia"), 1, 2, "all")
    assert build("corruption", as_part(one)) == one


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: OldPhoto(("rust",)), "kinds are of blur, .* got 'rust'"),
        (lambda: OldPhoto(mixtures="half"), "mixtures is all, four-fifths, fifth, got 'half'"),
        (lambda: OldPhoto(("dust",), 2, 3), "there is no mixture of 2 to 3 of 1 kinds"),
        (lambda: Scratch(0), "most is at least 1"),
        (lambda: Dust(radius=9), "radius between 0 and 6"),
        (lambda: Fading(2.0), "strength must lie in"),
        (lambda: FilmGrain(0.3, 0.1), "0 ≤ least ≤ most"),
        (lambda: Scratch()(torch.zeros(1, 2, 8, 8), Draws()), "1 or 3 channels, got 2"),
    ],
)
def test_what_cannot_be_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()
