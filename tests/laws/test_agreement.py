"""Agreement of two views: what leaves it as it is, where it is known, and its slopes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

import narrows as nw
from narrows.objectives import NtXent, Step, VicReg, nt_xent, vicreg
from narrows.parts import Part
from narrows.randomness import Draws
from narrows.training.schemes import Batch, EncoderOnly

SHAPE = (1, 8, 8)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def turn(size: int) -> Tensor:
    """A rotation (D, D)."""
    q, _ = torch.linalg.qr(normal(size, size, seed=9))
    return q if torch.linalg.det(q) > 0 else q * torch.tensor([-1.0, *[1.0] * (size - 1)])


def white(n: int, size: int) -> Tensor:
    """Codes (n, D) whose covariance is the identity."""
    z = normal(n, size)
    z = z - z.mean(0)
    u, _, v = torch.linalg.svd(z, full_matrices=False)
    return u @ v * math.sqrt(n - 1)


def step_of(pictures: int = 6, number: int = 3) -> Step:
    torch.manual_seed(0)
    model = nw.recipes.mlp_autoencoder(SHAPE, 4, widths=(6,)).build()
    x = torch.rand(pictures, *SHAPE, generator=torch.Generator().manual_seed(0))
    return EncoderOnly()(model, Batch(x, x, 1, 0.0, number, Draws(0, number)))


def test_a_rotation_of_the_code_and_its_length_leave_contrast_as_it_is() -> None:
    a, b = normal(7, 5), normal(7, 5, seed=1)
    before = nt_xent(a, b, 0.3)
    assert torch.allclose(nt_xent(a @ turn(5), b @ turn(5), 0.3), before, atol=1e-12)
    lengths = normal(7, 1, seed=2).exp()
    assert torch.allclose(nt_xent(a * lengths, 3 * b, 0.3), before, atol=1e-12)
    assert not torch.allclose(nt_xent(a @ turn(5), b, 0.3), before, atol=1e-3)


def test_contrast_of_equal_views_at_right_angles_is_known() -> None:
    """Each is told from 2·B − 2 others at cosine 0: log(1 + (2B − 2) e^(−1/τ)); of one picture nothing."""
    a, temperature = torch.eye(4, dtype=torch.float64), 0.5
    wanted = math.log(1 + 6 * math.exp(-1 / temperature))
    assert float(nt_xent(a, a, temperature)) == pytest.approx(wanted, rel=1e-12)
    assert float(nt_xent(a[:1], a[:1], temperature)) == pytest.approx(0, abs=1e-12)
    alike = torch.ones(4, 3, dtype=torch.float64)  # all collapsed: a guess among 2·B − 1
    assert float(nt_xent(alike, alike, temperature)) == pytest.approx(math.log(7))


def test_variances_of_white_equal_codes_are_nothing_however_they_are_turned() -> None:
    z = white(40, 5)
    for each in (z, z @ turn(5), -z):
        assert float(vicreg(each, each)) == pytest.approx(0, abs=1e-9)
    collapsed = torch.ones(40, 5, dtype=torch.float64)
    wanted = 25 * (1 - math.sqrt(1e-4))  # of either view a half of it
    assert float(vicreg(collapsed, collapsed)) == pytest.approx(wanted)


def test_a_rotation_changes_variances_but_not_invariance() -> None:
    a, b = normal(9, 4) * torch.tensor([3.0, 0.2, 1.0, 0.1]), normal(9, 4, seed=1)
    alone = vicreg(a, b, 25, 0, 0)
    assert torch.allclose(vicreg(a @ turn(4), b @ turn(4), 25, 0, 0), alone, atol=1e-12)
    assert float(alone) == pytest.approx(25 * float((a - b).square().mean()))
    for own in ((0, 25, 0), (0, 0, 1)):
        assert abs(float(vicreg(a @ turn(4), a @ turn(4), *own) - vicreg(a, a, *own))) > 1e-2


@pytest.mark.parametrize("of", [lambda a, b: nt_xent(a, b, 0.4), vicreg])
def test_slopes(of) -> None:
    a, b = (normal(5, 3, seed=s).requires_grad_() for s in (0, 1))
    assert torch.autograd.gradcheck(of, (a, b))


def test_without_a_view_both_are_the_same_picture() -> None:
    step = step_of()
    z = step.code.z[0]
    assert torch.equal(NtXent(view=None).penalty(step), nt_xent(z, z, 0.2))
    only = VicReg(view=None, variance=0, covariance=0)
    assert float(only.penalty(step).detach()) == 0
    still = Part("warp", {"turn": 0, "zoom": 0, "shift": 0})
    assert torch.equal(NtXent(view=still).penalty(step), NtXent(view=None).penalty(step))


def test_the_second_view_is_a_function_of_the_step_and_not_the_first() -> None:
    noise = Part("gaussian-noise", {"sigma": 0.3})
    first, again, next_ = (NtXent(view=noise).penalty(step_of(number=n)).item() for n in (3, 3, 4))
    assert first == again != next_
    step, apart = step_of(), Draws(0, 3)
    noisy = EncoderOnly()(
        step.model, Batch(step.target, nw.parts.build("corruption", noise)(step.target, apart), 1, 0.0, 3, apart)
    )  # fmt: skip
    assert VicReg(view=noise, variance=0, covariance=0).penalty(noisy).item() > 1e-4


@pytest.mark.parametrize("name", ["views", "views-autoencoder"])
def test_a_run_that_was_resumed_ends_with_the_same_bytes(name: str, digits, tmp_path: Path) -> None:
    few = digits.select(range(64))
    recipe = nw.recipes.recipe(name)(SHAPE, 4, widths=(4,), mirror=False)
    recipe = recipe.with_(batch_size=32, learning_rate_schedule="constant")
    options = {"seed": 1, "report": "quiet", "device": "cpu"}
    nw.fit(recipe, few, to=tmp_path / "one", epochs=2, **options)
    nw.fit(recipe, few, to=tmp_path / "two", epochs=1, **options)
    nw.fit(recipe, few, to=tmp_path / "two", epochs=2, resume=True, **options)
    one, two = ((tmp_path / run / "model.safetensors").read_bytes() for run in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("penalty", [NtXent, VicReg])
def test_what_cannot_be_is_refused(penalty) -> None:
    with pytest.raises(ValueError, match="there is no corruption named 'wrap'"):
        penalty(view=Part("wrap"))
    with pytest.raises(ValueError, match="temperature is above 0; we got 0"):
        NtXent(temperature=0)
    with pytest.raises(ValueError, match="at least 0"):
        VicReg(variance=-1)
