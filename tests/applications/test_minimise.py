"""Many minimisations at once."""

from __future__ import annotations

import torch

from narrows.applications.minimise import minimise


def test_each_row_finds_its_own_minimum_of_a_quadratic():
    draw = torch.Generator().manual_seed(0)
    factor = torch.randn(6, 5, 5, generator=draw, dtype=torch.float64)
    matrix = factor @ factor.mT + 0.1 * torch.eye(5, dtype=torch.float64)
    target = torch.randn(6, 5, generator=draw, dtype=torch.float64)

    def energy(u: torch.Tensor) -> torch.Tensor:
        off = (u - target)[:, :, None]
        return 0.5 * (off.mT @ matrix @ off).flatten()

    found, value = minimise(energy, torch.zeros(6, 5, dtype=torch.float64), 80)
    torch.testing.assert_close(found, target, atol=1e-4, rtol=0)
    assert (value < 1e-7).all()


def test_rosenbrock_from_several_starts():
    starts = torch.tensor([[-1.2, 1.0], [0.0, 0.0], [2.0, -1.0]], dtype=torch.float64)

    def energy(u: torch.Tensor) -> torch.Tensor:
        return (1 - u[:, 0]).square() + 100 * (u[:, 1] - u[:, 0].square()).square()

    found, value = minimise(energy, starts, 120)
    torch.testing.assert_close(found, torch.ones(3, 2, dtype=torch.float64), atol=1e-3, rtol=0)
    assert (value < 1e-6).all()


def test_it_never_goes_up_and_rows_do_not_meet():
    starts = torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None]

    def energy(u: torch.Tensor) -> torch.Tensor:
        return (u.square() - 1).square().flatten() + 0.3 * torch.sin(9 * u).flatten()

    values = [minimise(energy, starts, n)[1] for n in (1, 2, 5, 20)]
    for earlier, later in zip(values, values[1:], strict=False):
        assert (later <= earlier).all()
    alone = minimise(energy, starts[2:3], 20)[1]
    torch.testing.assert_close(alone, values[-1][2:3])


def test_what_is_not_finite_is_stepped_back_from():
    def energy(u: torch.Tensor) -> torch.Tensor:
        return torch.where(u > 1.5, torch.inf, (u - 1.2).square()).flatten()

    found, _ = minimise(energy, torch.tensor([[-4.0]]), 40)
    assert abs(found.item() - 1.2) < 1e-3
