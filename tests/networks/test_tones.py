"""An affine map of colours from their statistics: it begins as nothing, hidden places say nothing."""

from __future__ import annotations

import pytest
import torch

from narrows.networks.tones import Tones
from narrows.training.domains import _fit_tones


def places(count: int, channels: int, seed: int = 0) -> torch.Tensor:
    """Colours of places, all known, (count, channels + 1, 64)."""
    x = torch.rand(count, channels + 1, 64, generator=torch.Generator().manual_seed(seed))
    x[:, -1] = 1
    return x


@pytest.mark.parametrize("channels", [1, 3])
def test_it_begins_as_no_change_at_all(channels):
    tones, seen = Tones(channels), places(4, channels)
    x = torch.rand(4, channels, 5, 7)
    assert torch.equal(tones(x, tones.statistics(seen)), x)


def test_hidden_places_say_nothing():
    tones, seen = Tones(3), places(2, 3)
    spoiled = torch.cat([seen, torch.ones(2, 4, 16)], 2)
    spoiled[:, -1, 64:] = 0
    apart = (tones.statistics(spoiled) - tones.statistics(seen)).abs()
    assert float(apart[:, :15].max()) < 1e-3  # means, deviations and covariances
    assert (
        float(apart[:, 15:].max()) < 0.2 and float(apart[:, 15:].median()) == 0
    )  # a place further


def test_statistics_do_not_depend_on_the_order_of_places():
    tones, seen = Tones(3), places(2, 3)
    moved = seen[..., torch.randperm(64, generator=torch.Generator().manual_seed(1))]
    assert torch.allclose(tones.statistics(seen), tones.statistics(moved), atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_fades_every_picture_otherwise_is_undone(channels):
    source = torch.Generator().manual_seed(2)
    clean = places(1536, channels, 3)
    low, high = 0.3 * torch.rand(2, 1536, 1, 1, generator=source)
    old = clean.clone()
    old[:, :-1] = low + (1 - low - high) * clean[:, :-1]
    tones = Tones(channels)
    _fit_tones(tones, old[:1024], clean[:1024, :-1])
    with torch.no_grad():
        found = tones(old[1024:, :-1], tones.statistics(old[1024:]))
    before, after = ((one - clean[1024:, :-1]).square().mean() for one in (old[1024:, :-1], found))
    assert float(after) < 0.1 * float(before)


def test_where_nothing_was_spoiled_nothing_is_learnt():
    tones, seen = Tones(3), places(256, 3)
    _fit_tones(tones, seen, seen[:, :-1])
    x = torch.rand(4, 3, 5, 7)
    assert torch.equal(tones(x, tones.statistics(seen[:4])), x)
