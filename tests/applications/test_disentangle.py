"""What single units tell of sprites."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from narrows.applications import disentangle, factor_alignments, traverse
from narrows.images import Sprites
from narrows.images.views import Subset

SPRITES = Sprites()


def centre(x: torch.Tensor) -> torch.Tensor:
    """(B, 1, 64, 64) → where the shape is, across and down, and how large: (B, 3)."""
    axis = torch.arange(64.0)
    area = x.sum((1, 2, 3))
    across = (x.sum((1, 2)) * axis).sum(1) / area
    down = (x.sum((1, 3)) * axis).sum(1) / area
    return torch.stack([across, down, area.sqrt()], 1)


def turned(x: torch.Tensor) -> torch.Tensor:
    return centre(x) @ torch.linalg.qr(torch.arange(9.0).reshape(3, 3).cos()).Q


@pytest.fixture(scope="module")
def found():
    told = []
    made = disentangle(
        {"centre": centre, "turned": turned},
        SPRITES,
        pictures=2000,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(i + 1, 18) for i in range(18)]  # 8 batches, 5 measures of each
    return made


def test_units_that_are_factors_stand_above_their_mixtures(found) -> None:
    clear, mixed = found["centre"].numbers(), found["turned"].numbers()
    assert list(found) == ["centre", "turned"] and found["centre"].pictures == 2000
    for name in ("mig", "disentanglement", "completeness", "sap"):
        assert clear[name] > mixed[name] + 0.1, name
    assert found["centre"].information[0, 3] > 0.7 and found["centre"].information[1, 4] > 0.7


def test_meanings_name_the_units_in_the_order_of_the_factors(found) -> None:
    named = factor_alignments(found["centre"], SPRITES.factor_names)
    assert [(each.factor, each.unit) for each in named] == [("scale", 2), ("x", 0), ("y", 1)]
    assert named[1].share == found["centre"].information[0, 3]
    rows = traverse(
        lambda z: z.sigmoid().reshape(-1, 1, 1, 3), torch.zeros(3), torch.ones(3),
        [each.unit for each in named], steps=3,
    )  # fmt: skip
    assert rows.units.tolist() == [2, 0, 1]
    with pytest.raises(ValueError, match="a name for each of 5 factors was wanted; we got 2"):
        factor_alignments(found["centre"], ["x", "y"])


def test_a_part_of_the_sprites_is_measured_by_its_own_factors() -> None:
    half = Subset(SPRITES, np.arange(0, len(SPRITES), 7))
    made = disentangle({"centre": centre}, half, pictures=1500, seed=3)["centre"]
    assert made.information[0, 3] > 0.7 and made.pictures == 1500


def test_what_has_no_factors_or_too_many_units_is_refused(digits) -> None:
    with pytest.raises(ValueError, match="factors are known, such as sprites"):
        disentangle({"centre": centre}, digits)
    with pytest.raises(ValueError, match="at most 128 numbers; those of raw pixels have 4,096"):
        disentangle({"raw pixels": lambda x: x.flatten(1)}, SPRITES, pictures=10)
