"""Morphing and steering at the amounts where the answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import narrows as nw
from narrows.applications import (
    BLENDS,
    Direction,
    Map,
    decoder,
    fit_to_labels,
    fit_to_transform,
    linear,
    morph_codes,
    spherical,
    steer_codes,
)
from narrows.parts import Part, build, listed


@pytest.fixture(scope="module")
def model(digits) -> nw.Autoencoder:
    recipe = nw.recipes.mlp_autoencoder(digits.shape, 8, widths=(32,))
    return nw.fit(recipe, digits, epochs=3, report="quiet", device="cpu")


@pytest.fixture(scope="module")
def x(digits) -> Tensor:
    return digits.batch(torch.arange(40))


@pytest.mark.parametrize("blend", BLENDS)
def test_a_morph_begins_and_ends_with_the_reconstructions(model, x, blend: str) -> None:
    z = model.encode(x[:3]).z
    found = morph_codes(decoder(model), z, x[:3], frames=5, blend=blend)
    ends = decoder(model)(z)
    assert torch.allclose(found.frames[[0, 2, 4]], ends, atol=1e-6)
    assert torch.allclose(found.frames[[0, 2, 4]], model.reconstruct(x[:3]), atol=1e-6)
    assert torch.equal(found.fade[[0, 2, 4]], x[:3])


@pytest.mark.parametrize("blend", [linear, spherical])
def test_a_blend_gives_its_ends_to_the_last_bit(blend) -> None:
    source = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 33, generator=source)
    out = blend(a, b, torch.tensor([0.0, 1.0]))
    assert torch.equal(out[0], a) and torch.equal(out[1], b)
    same = blend(a, a, torch.linspace(0, 1, 7))
    assert torch.allclose(same, a.expand(7, -1), atol=1e-6)
    forth, back = (blend(*ends, torch.tensor([0.3, 0.7])) for ends in ((a, b), (b, a)))
    assert torch.allclose(forth, back.flip(0), atol=1e-6)


def test_the_great_circle_keeps_length_and_speed() -> None:
    source = torch.Generator().manual_seed(0)
    a, b = torch.nn.functional.normalize(torch.randn(2, 9, generator=source), dim=1) * 3
    way = spherical(a, b, torch.linspace(0, 1, 11))
    assert torch.allclose(way.norm(dim=1), torch.full((11,), 3.0), atol=1e-5)
    steps = (way[1:] - way[:-1]).norm(dim=1)
    assert float(steps.max() - steps.min()) < 1e-5
    middle = spherical(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), torch.tensor([0.5]))
    assert torch.allclose(middle, torch.full((1, 2), 0.5**0.5))


@pytest.mark.parametrize("other", [-1.0, 0.0, 2.0])
def test_where_there_is_no_circle_it_is_the_line(other: float) -> None:
    a = torch.tensor([1.0, 2.0, -1.0])
    at = torch.linspace(0, 1, 5)
    assert torch.allclose(spherical(a, other * a, at), linear(a, other * a, at), atol=1e-6)


@pytest.mark.parametrize("as_map", [False, True])
@pytest.mark.parametrize("name", listed("transform"))
def test_steering_by_nothing_changes_nothing(model, x, name: str, as_map: bool) -> None:
    def codes(x: Tensor) -> Tensor:
        return model.encode(x).z

    steering = fit_to_transform(codes, x, build("transform", Part(name)), as_map=as_map)
    z = codes(x)
    assert torch.equal(steering(z, torch.zeros(1))[0], z)
    assert torch.equal(
        steer_codes(decoder(model), steering, z, torch.zeros(1))[0], decoder(model)(z)
    )


def test_steps_add_up_along_a_direction() -> None:
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    step = Direction(torch.tensor([1.0, -2.0, 0.5]))
    twice = step(step(z, torch.tensor([0.3]))[0], torch.tensor([0.4]))
    assert torch.allclose(twice, step(z, torch.tensor([0.7])), atol=1e-6)
    still = Map(torch.zeros(3, 3), step.vector)
    assert torch.equal(still(z, torch.tensor([0.7])), step(z, torch.tensor([0.7])))


def test_of_a_class_the_direction_is_the_difference_of_means() -> None:
    source = torch.Generator().manual_seed(0)
    z, inside = torch.randn(50, 2, 3, generator=source), torch.arange(50) % 3 == 0
    wanted = z[inside].mean(0) - z[~inside].mean(0)
    assert torch.allclose(fit_to_labels(z, inside.float()).vector, wanted, atol=1e-6)


def test_of_a_number_the_direction_is_its_slope() -> None:
    source = torch.Generator().manual_seed(0)
    y, slope = torch.randn(400, generator=source), torch.tensor([2.0, -1.0, 0.0])
    z = y[:, None] * slope + 5
    assert torch.allclose(fit_to_labels(z, y).vector, slope, atol=1e-5)


def test_where_codes_are_pixels_steering_is_the_transform() -> None:
    """With the identity as a model, brightness is a direction and is found exactly."""
    source = torch.Generator().manual_seed(0)
    x = 0.4 + 0.2 * torch.rand(30, 1, 6, 6, generator=source)
    brighter = build("transform", Part("brightness", {"reach": 0.1}))
    steering = fit_to_transform(lambda x: x, x, brighter)
    assert torch.allclose(steering.vector, torch.ones(1, 6, 6), atol=1e-5)
    shown = steer_codes(lambda z: z, steering, x, torch.tensor([0.05]))
    assert torch.allclose(shown[0], brighter(x, torch.full((30,), 0.05)), atol=1e-6)


def test_a_map_finds_a_step_that_depends_on_the_code() -> None:
    class Turned:
        unit, reach = "radians", 0.01

        def __call__(self, x: Tensor, amounts: Tensor) -> Tensor:
            t = amounts[:, None, None, None]
            a, b = x[..., :1], x[..., 1:]
            return torch.cat([a * t.cos() - b * t.sin(), a * t.sin() + b * t.cos()], -1)

    x = torch.randn(500, 1, 1, 2, generator=torch.Generator().manual_seed(0))
    found = fit_to_transform(lambda x: x, x, Turned(), as_map=True)
    assert torch.allclose(found.matrix, torch.tensor([[0.0, -1.0], [1.0, 0.0]]), atol=0.02)
    assert float(fit_to_transform(lambda x: x, x, Turned()).vector.abs().max()) < 0.1
