"""Every recipe's encoder and decoder can be exported by torch with a batch of any size."""

from __future__ import annotations

import pytest
import torch
from kinds import of_each_kind
from torch import Tensor, nn
from torch.export import Dim, export

import narrows as nw
from narrows.applications.graphs import PARTS
from narrows.errors import NarrowsError

SHAPE = (1, 16, 16)
NAMES = of_each_kind("conv-vae", "mlp-autoencoder")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")


class Encoder(nn.Module):
    def __init__(self, model: nw.Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model.posterior(x).z


class Decoder(nn.Module):
    def __init__(self, model: nw.Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, z: Tensor) -> Tensor:
        return self.model.decode(z)


@pytest.mark.parametrize("name", NAMES)
def test_the_batch_stays_free(name: str) -> None:
    model = nw.recipes.recipe(name)(SHAPE).build().eval()
    batch = Dim("batch", min=1, max=4096)
    for net, example in (
        (Encoder(model), torch.rand(3, *SHAPE)),
        (Decoder(model), torch.randn(3, *model.code_shape)),
    ):
        with torch.no_grad():
            net(example)  # what parts keep for the next call is made of numbers, not traced
            if name == "inpainter" and isinstance(net, Encoder):  # its guess is found by iterations
                with pytest.raises(Exception, match="data-dependent|Could not guard"):
                    export(net, (example,), dynamic_shapes=({0: batch},))
                continue
            exported = export(net, (example,), dynamic_shapes=({0: batch},)).module()
            for n in (1, 7):
                given = torch.cat([example] * 3)[:n]
                assert torch.allclose(exported(given), net(given), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(nw.recipes.listed()))
def test_every_axis_of_every_part_stays_free(name: str) -> None:
    from narrows.applications.onnx_files import program

    shape = next(each for each in (SHAPE, (3, 16, 16)) if _takes(name, each))
    torch.manual_seed(0)
    model = nw.recipes.recipe(name)(shape).build().eval()
    for part in ("encode", "decode", "whole"):
        graph = PARTS[part](model).eval()
        if name == "inpainter" and part != "decode":  # its guess is found by iterations
            with pytest.raises(NarrowsError, match="torch cannot export this model"):
                program(graph)
            continue
        exported = program(graph).module()
        with torch.no_grad():
            for n in (1, 5):
                given = graph.example(n)
                found, wanted = exported(given), graph(given)
                pairs = zip(found, wanted, strict=True) if part == "whole" else [(found, wanted)]
                for one, other in pairs:
                    assert one.shape == other.shape and one.dtype == other.dtype
                    assert torch.allclose(
                        one.float(), other.float(), atol=1 if one.dtype == torch.uint8 else 1e-5
                    )


def _takes(name: str, shape: tuple[int, ...]) -> bool:
    try:
        nw.recipes.recipe(name)(shape).build()
    except ValueError:
        return False
    return True
