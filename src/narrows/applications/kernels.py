"""Kernels and feature maps: what the first layer looks for, and what each level finds in a picture.

model ──► its first kernels, the strongest first      pictures ──model──► each level's activations
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..figures import kernel_sheet, save
from ..images import named_outputs
from ..images.inputs import Pictures
from ..networks import WhitenedLinear
from ..progress import Progress, stage
from ..results import Result
from ..tables import counted
from .opening import opened_autoencoder, opened_images

__all__ = [
    "FeatureMaps",
    "Kernels",
    "border_noise_ratio",
    "feature_maps",
    "first_kernels",
    "first_weight",
    "kernels",
]  # fmt: skip

SHOWN = 144  # kernels, the strongest first


@dataclass(frozen=True)
class FeatureMaps:
    """What a level finds in a picture.

    Attributes:
        id: the picture's.
        level: i of h_i.
        maps: (K, 1, h, w), each in a scale of its own from 0 to 1.
    """

    id: str
    level: int
    maps: Tensor


@dataclass(frozen=True, repr=False)
class Kernels(Result):
    """A model from inside.

    Attributes:
        kernels: of the first layer, (K, C, h, w) in [0, 1]; 0.5 is a weight of 0.
        maps: of each picture and level.
        skipped, notes: as of every result.
    """

    name: ClassVar[str] = "kernels"
    kernels: Tensor
    maps: Sequence[FeatureMaps] = ()
    skipped: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """How many kernels, and how many maps of each picture and level."""
        return {
            "kernels": len(self.kernels),
            "size": list(self.kernels.shape[2:]),
            "activations": [
                {"id": each.id, "level": each.level, "maps": len(each.maps)} for each in self.maps
            ],
            "skipped": [list(item) for item in self.skipped],
        }

    def figures(self) -> dict[str, Any]:
        """The strongest kernels, and the maps of each picture and level as ``ID level I``."""
        count, channels, height, width = self.kernels.shape
        shown = f", the {SHOWN} with the largest norm first" if count > SHOWN else ""
        title = f"first layer: {counted(count, 'kernel')} of {width}×{height}{shown}"
        ends = ("−largest", "+largest weight of each kernel by itself; the middle is 0")
        drawn = {
            "kernels": kernel_sheet(self.kernels[:SHOWN].numpy(), title, ends, signed=channels == 1)
        }
        for each in self.maps:
            high, wide = each.maps.shape[2:]
            title = (
                f"{each.id}, level {each.level}: {counted(len(each.maps), 'map')} of {wide}×{high}"
            )
            ends = ("lowest", "highest activation of each map by itself")
            drawn[f"{each.id} level {each.level}"] = kernel_sheet(each.maps.numpy(), title, ends)
        return drawn

    def save(self, folder: Path | str) -> dict[str, Any]:
        """``kernels.png``, the document, and ID/level-I.png for each picture and level."""
        folder = Path(folder)
        ids = list(dict.fromkeys(each.id for each in self.maps))
        places = dict(zip(ids, named_outputs(ids), strict=True))
        sheet, *grids = self.figures().values()
        written: dict[str, Any] = {"kernels": str(save(sheet, folder / "kernels.png"))}
        if self.maps:
            written["pictures"] = [
                str(
                    save(grid, folder / Path(places[m.id]).with_suffix("") / f"level-{m.level}.png")
                )
                for m, grid in zip(self.maps, grids, strict=True)
            ]
        return self._documented(folder, written)

    def __str__(self) -> str:
        count, _, height, width = self.kernels.shape
        strongest = f", the {SHOWN} strongest" if count > SHOWN else ""
        lines = [f"{counted(count, 'kernel')} of {width}×{height}{strongest}"]
        for each in self.maps:
            lines.append(f"{counted(len(each.maps), 'map')} of level {each.level}: {each.id}")
        return "\n".join(lines)


def kernels(
    model: Any,
    pictures: Pictures | None = None,
    *,
    level: int | None = None,
    limit: int | None = 4,
    device: str = "auto",
    progress: Progress = None,
) -> Kernels:
    """Draw what a model's first layer looks for, and what each level finds in pictures.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        pictures: anything that :func:`narrows.images.inputs.pictures` reads; None: kernels only.
        level: of the feature maps: 1 is the first rung's, 0 the picture itself; None: from 1 all.
        limit: at most so many pictures, evenly spread.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: no such level, or a first rung without a dense layer or a convolution.
        NoImages: nothing can be read.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> nw.kernels(model).kernels.shape
        torch.Size([512, 1, 8, 8])
    """
    autoencoder = opened_autoencoder(model, device)
    count = len(autoencoder.ladder)
    if level is not None and not 0 <= level <= count:
        raise ValueError(f"this model has the levels 0 to {count}; we got level {level}")
    shown = first_kernels(first_weight(autoencoder), autoencoder.shape)
    if pictures is None:
        return Kernels(shown)
    images = opened_images(autoencoder, pictures, limit=limit, progress=progress)
    x = images.batch(torch.arange(len(images))).to(autoencoder.device)
    ids = getattr(images, "ids", [str(i) for i in range(len(images))])
    levels = range(1, count + 1) if level is None else [level]
    maps: list[FeatureMaps] = []
    with stage(progress, "activations") as step, autoencoder.evaluating():
        for number, i in enumerate(levels):
            each = feature_maps(lambda batch: autoencoder.ladder.descend(batch).levels, x, i)
            maps += [FeatureMaps(id_, i, one) for id_, one in zip(ids, each, strict=True)]
            step(number + 1, len(levels))
    skipped, notes = getattr(images, "skipped", ()), getattr(images, "notes", ())
    return Kernels(shown, maps, skipped, notes)


def first_weight(model: Any) -> Tensor:
    """The weights of the first layer that meets the picture, (K, P) or (K, C, h, w).

    Of a whitened linear map they are its components, each as long as its deviation.

    Raises:
        ValueError: the first rung has neither a dense nor a convolutional layer.
    """
    for module in model.ladder.rung(0).modules():
        if isinstance(module, WhitenedLinear):
            return module.components * module.scale[:, None]
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            return module.weight
    raise ValueError("the first rung of this model has neither a dense layer nor a convolution")


def first_kernels(weight: Tensor, shape: Sequence[int]) -> Tensor:
    """The weights of a first layer as pictures (K, C, h, w) in [0, 1] (Canziani, figs. 22-23).

    A weight of 0 is 0.5, and the largest of each kernel, by its size, 0 or 1. The kernel with the
    largest norm comes first.

    Args:
        weight: (K, C·H·W) of a dense layer or (K, C, h, w) of a convolution.
        shape: (C, H, W) of the pictures that it takes.

    Raises:
        ValueError: weights that do not act on such pictures.
    """
    if weight.ndim == 2 and weight.shape[1] == math.prod(shape):
        weight = weight.reshape(-1, *shape)
    if weight.ndim == 4 and weight.shape[1] != shape[0] and weight.shape[2:] == (1, 1):
        side = math.isqrt(weight.shape[1] // shape[0])  # of pieces of the picture as channels
        if weight.shape[1] == shape[0] * side**2:
            weight = weight.reshape(-1, shape[0], side, side)
    if weight.ndim != 4 or weight.shape[1] != shape[0]:
        raise ValueError(
            f"kernels for pictures of {tuple(shape)} are (K, {math.prod(shape)}) or "
            f"(K, {shape[0]}, h, w); we got {tuple(weight.shape)}"
        )
    weight = weight.detach().float().cpu()
    weight = weight[weight.flatten(1).norm(dim=1).argsort(descending=True)]
    largest = weight.abs().flatten(1).amax(1).clamp_min(1e-12)
    return 0.5 + 0.5 * weight / largest[:, None, None, None]


def border_noise_ratio(kernels: Tensor, inside: Tensor) -> Tensor:
    """How much kernels vary where nothing ever is, relative to where something is, (K,).

    Standard deviation over the pixels outside by that over the pixels inside: near 0 for a kernel
    that is constant outside, 1 for one that is noise everywhere (Canziani, figs. 22-23).

    Args:
        kernels: (K, C, h, w), such as ``first_kernels`` gives.
        inside: (h, w) booleans.

    Raises:
        ValueError: fewer than two pixels inside or outside.
    """
    if min(int(inside.sum()), int((~inside).sum())) < 2:
        raise ValueError("kernels are compared over two pixels or more inside and as many outside")
    within, without = (kernels[:, :, where].flatten(1).std(1) for where in (inside, ~inside))
    return without / within.clamp_min(1e-12)


@torch.no_grad()
def feature_maps(
    levels: Callable[[Tensor], Sequence[Tensor]], x: Tensor, level: int
) -> list[Tensor]:
    """What a level finds in each picture: N of (K, 1, h, w) in [0, 1] (Kovenko, fig. 7).

    Each map has a scale of its own, from its lowest value (0) to its highest (1). The units of a dense
    level (D,) stand row by row in one map about as high as wide.

    Args:
        levels: (B, C, H, W) → every level's activation, h_0 = x first, such as a ladder's descent.
        x: (N, C, H, W).
        level: i of h_i; 0 is the picture itself.

    Raises:
        ValueError: there is no such level.
    """
    found = levels(x)
    if not 0 <= level < len(found):
        raise ValueError(f"this model has the levels 0 to {len(found) - 1}; we got {level}")
    maps = found[level].detach().float().cpu()
    if maps.ndim == 2:
        size = maps.shape[1]
        wide = math.ceil(math.sqrt(size))
        high = math.ceil(size / wide)
        low = maps.amin(1, keepdim=True).expand(-1, high * wide - size)
        maps = torch.cat([maps, low], 1).reshape(-1, 1, high, wide)
    lowest, highest = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
    even = (maps - lowest) / (highest - lowest).clamp_min(1e-12)
    return list(even[:, :, None])
