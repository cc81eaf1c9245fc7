"""The verb kernels: which kernels and maps, where they are written, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import narrows as nw
from narrows.applications.kernels import first_kernels, first_weight, kernels


@pytest.fixture(scope="module")
def model(digits) -> nw.Autoencoder:
    return nw.recipes.mlp_autoencoder(digits.shape, 4, widths=(16, 8)).build().eval()


def test_kernels_alone(model) -> None:
    found = kernels(model)
    assert torch.equal(found.kernels, first_kernels(first_weight(model), (1, 8, 8)))
    assert found.document()["kernels"] == 16 and list(found.figures()) == ["kernels"]
    assert str(found) == "16 kernels of 8×8"


def test_the_maps_of_every_level_or_of_one(model, digits, tmp_path: Path) -> None:
    some = digits.select(range(2))
    found = kernels(model, some, progress=False)
    levels = range(1, len(model.ladder) + 1)
    assert [(m.id, m.level) for m in found.maps] == [(i, level) for level in levels for i in "01"]
    one = kernels(model, some, level=0, progress=False)
    x = digits.batch(torch.arange(2))
    for each, picture in zip(one.maps, x, strict=True):
        torch.testing.assert_close(each.maps[0], picture / picture.max())
    written = found.save(tmp_path)
    assert written["kernels"] == str(tmp_path / "kernels.png")
    wanted = [tmp_path / m.id / f"level-{m.level}.png" for m in found.maps]
    assert written["pictures"] == list(map(str, wanted)) and all(p.is_file() for p in wanted)


def test_the_default_model_shows_its_components(tmp_path: Path) -> None:
    """A whitened linear map beside convolutions of pieces of the picture: PCA's components, by deviation."""
    torch.manual_seed(0)
    large = nw.recipes.pca_vae((3, 32, 32), 5).build().eval()
    linear = large.ladder.rung(0).linear
    with torch.no_grad():
        linear.scale.copy_(torch.tensor([1.0, 5.0, 2.0, 3.0, 4.0]) / linear.components.norm(dim=1))
    found = kernels(large)
    assert found.kernels.shape == (5, 3, 32, 32)
    strongest = linear.components[1].detach().reshape(3, 32, 32)
    expected = 0.5 + 0.5 * strongest / strongest.abs().max()
    torch.testing.assert_close(found.kernels[0], expected)
    pieces = first_kernels(large.ladder.rung(0).down_fine[0].weight, (3, 32, 32))
    assert pieces.shape[1:] == (3, 2, 2)


def test_what_is_refused(model, digits) -> None:
    with pytest.raises(ValueError, match=r"the levels 0 to \d; we got level 9"):
        kernels(model, digits, level=9)
    with pytest.raises(ValueError, match="we got level -1"):
        kernels(model, level=-1)
