"""What every listed transform promises: its attribute changes by the amount, the more the further."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from narrows.images.transforms import Transform
from narrows.measures.attributes import ATTRIBUTES, change
from narrows.parts import Part, build, listed, part_of


@pytest.fixture(params=listed("transform"))
def transform(request) -> Transform:
    made: Transform = build("transform", Part(request.param))
    return made


def blobs(channels: int) -> Tensor:
    """Three slanted ellipses of different colours, far from the border, (3, C, 41, 37)."""
    y, x = torch.meshgrid(torch.arange(41) - 20.0, torch.arange(37) - 18.0, indexing="ij")
    found = []
    for slope, long in ((0.2, 6), (0.4, 7), (-0.3, 8)):
        far = ((x + slope * y) / long) ** 2 + ((y - slope * x) / 3) ** 2
        found.append(0.3 + 0.4 * torch.exp(-far))
    return torch.stack(found)[:, None] * torch.linspace(1, 0.7, channels)[:, None, None]


def test_it_is_a_transform_and_data(transform: Transform) -> None:
    assert isinstance(transform, Transform)
    assert transform.unit and transform.reach > 0
    assert build("transform", part_of(transform)) == transform
    assert (type(transform).__doc__ or "").strip()


@pytest.mark.parametrize("shape", [(4, 3, 16, 16), (2, 1, 7, 5), (1, 1, 2, 3)])
def test_shape_range_and_identity(transform: Transform, shape: tuple[int, ...]) -> None:
    x = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    before = x.clone()
    assert torch.equal(transform(x, torch.zeros(len(x))), x)
    for amount in (-transform.reach, transform.reach):
        out = transform(x, torch.full((len(x),), amount))
        assert out.shape == x.shape and out.dtype == x.dtype
        assert 0 <= float(out.min()) and float(out.max()) <= 1
    assert torch.equal(x, before)


def test_a_picture_is_changed_by_its_own_amount(transform: Transform) -> None:
    x, amounts = blobs(3), transform.reach * torch.tensor([-1.0, 0.0, 0.5])
    together = transform(x, amounts)
    alone = [transform(x[i : i + 1], amounts[i : i + 1]) for i in range(3)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_its_attribute_follows_the_amount(transform: Transform, channels: int) -> None:
    """The attribute of the same name rises all the way, by about the amount, for every picture."""
    name, x = part_of(transform).name, blobs(channels)
    attribute = ATTRIBUTES[name]
    amounts = [transform.reach * step / 4 for step in range(-4, 5)]
    found = [
        change(name, attribute(x), attribute(transform(x, torch.full((3,), a)))) for a in amounts
    ]
    assert all(bool((more > less).all()) for less, more in itertools.pairwise(found))
    for amount, each in zip(amounts, found, strict=True):
        assert torch.allclose(each, torch.full((3,), amount), atol=0.1 * transform.reach), amount


def test_the_way_back_is_the_opposite_amount(transform: Transform) -> None:
    x = blobs(3)
    there = torch.full((3,), transform.reach / 2)
    back = transform(transform(x, there), -there)
    away = (transform(x, there) - x).abs().mean()
    assert float((back - x).abs().mean()) < 0.25 * float(away)  # what bilinear lookups blur
