"""What every listed prior learns and keeps; what it is asked for and stored as: tests/priors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from narrows.parts import Part, build, listed
from narrows.priors import Prior

QUICK = {
    "flow": {"width": 32, "steps": 80},
    "caption-flow": {"width": 32, "steps": 80},
    "autoregressive": {"width": 16, "steps": 200},
}
SIZE = {"size": 4, "entries": 6}
STANDARD = ("normal",)  # is what it is, whatever it is fitted to


def made(name: str) -> Prior:
    prior: Prior = build("prior", Part(name, QUICK.get(name, {})), **SIZE)
    return prior


def codes(name: str, seed: int = 0, n: int = 300) -> Tensor:
    """Rows (n, 4) that lie in a corner: of numbers about −1 and 2; of entries mostly 0 and 1."""
    source = torch.Generator().manual_seed(seed)
    if made(name).takes == "indices":
        return (torch.rand(n, 4, generator=source) < 0.3).long()
    return torch.tensor([-1.0, 2, -1, 2]) + 0.3 * torch.randn(n, 4, generator=source)


def elsewhere(name: str) -> Tensor:
    """Rows of the same kind that are nothing like them, (50, 4)."""
    source = torch.Generator().manual_seed(5)
    if made(name).takes == "indices":
        return torch.randint(3, 6, (50, 4), generator=source)
    return torch.tensor([3.0, -3, 3, -3]) + 0.3 * torch.randn(50, 4, generator=source)


@pytest.fixture(scope="module", params=listed("prior"))
def fitted(request) -> tuple[str, Prior]:
    return request.param, made(request.param).fit(codes(request.param), seed=1)


def test_draws_are_of_the_shape_and_kind_of_codes(fitted) -> None:
    name, prior = fitted
    for n in (1, 50):
        drawn = prior.sample(n, seed=2)
        assert drawn.shape == (n, 4) and drawn.dtype == codes(name).dtype
        assert bool(torch.isfinite(drawn).all())
    if prior.takes == "indices":
        assert 0 <= int(drawn.min()) and int(drawn.max()) < 6


def test_densities_are_finite_and_higher_where_codes_lie(fitted) -> None:
    name, prior = fitted
    held_out, far = codes(name, seed=3), elsewhere(name)
    here, there = prior.log_prob(held_out), prior.log_prob(far)
    if here is None:
        assert there is None
        return
    assert here.shape == (300,) and there.shape == (50,)
    assert bool(torch.isfinite(here).all()) and bool(torch.isfinite(there).all())
    assert float(here.mean()) > float(there.mean()) + 1


def test_draws_lie_where_codes_lie(fitted) -> None:
    name, prior = fitted
    if name in STANDARD:
        return
    wanted, drawn = codes(name).double().mean(0), prior.sample(500, seed=4).double().mean(0)
    off = elsewhere(name).double().mean(0) - wanted
    assert bool(((drawn - wanted).abs() < 0.25 * off.abs()).all())


def test_fitting_is_of_its_seed_and_leaves_the_codes_alone(fitted) -> None:
    name, prior = fitted
    rows = codes(name)
    before = rows.clone()
    again = made(name).fit(rows, seed=1)
    assert torch.equal(rows, before)
    assert again.state().keys() == prior.state().keys()
    assert all(torch.equal(again.state()[key], value) for key, value in prior.state().items())


def test_its_state_is_all_of_it(fitted) -> None:
    name, prior = fitted
    state = prior.state()
    assert all(isinstance(value, Tensor) for value in state.values())
    again: Any = made(name).restore({key: value.clone() for key, value in state.items()})
    assert torch.equal(again.sample(20, seed=6), prior.sample(20, seed=6))
    here, there = again.log_prob(codes(name)), prior.log_prob(codes(name))
    assert (here is None and there is None) or torch.equal(here, there)
    if state:
        with pytest.raises(ValueError):
            made(name).restore({key + "x": value for key, value in state.items()})


def test_progress_rises_to_at_most_its_total(fitted) -> None:
    name, _ = fitted
    seen: list[tuple[int, int]] = []
    made(name).fit(codes(name), progress=lambda done, total: seen.append((done, total)))
    done = [each for each, _ in seen]
    assert done == sorted(set(done)) and all(each <= total for each, total in seen)
