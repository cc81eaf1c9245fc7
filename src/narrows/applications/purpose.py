"""What a model is trained for: the recipe of a verb, and how the model does there beside what is free.

--for denoise ──► the recipe denoiser ──trained──► validation pictures: the model, filters, Wiener
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..defaults import RECIPE
from ..images.resizing import reduced
from ..measures import Pca
from ..parts import build
from ..randomness import Draws
from ..tables import Table, spread
from .denoise import denoise_batch, denoising_baselines
from .inpaint import by_model, inpaint_batch, inpainting_baselines
from .restored import MODEL, Restored, corruption_of, takes_any_size, through
from .upscale import upscale_batch

__all__ = ["PURPOSES", "Standing", "recipe_of_purpose", "standing"]

PURPOSES = {"denoise": "denoiser", "upscale": "upscaler", "inpaint": "inpainter"}
JUDGED = 64  # pictures
COMPONENTS = 512  # of the linear methods


@dataclass(frozen=True)
class Standing:
    """How a model does what it was trained for, beside methods without one.

    Attributes:
        purpose: a verb.
        rows: of each method its name, mean PSNR in dB (of a hole, in it) and deviation.
        judged: how many pictures, and whether they were of ``validation`` or of ``training``.
    """

    purpose: str
    rows: Sequence[Mapping[str, Any]]
    judged: str

    @property
    def beaten_by(self) -> str:
        """The method that is better than the model; empty where none is."""
        best = max(self.rows, key=lambda row: row["psnr"])
        own = next(row["psnr"] for row in self.rows if row["name"] == MODEL)
        return "" if best["psnr"] <= own else str(best["name"])

    def table(self) -> Table:
        """A row per method."""
        cells = [spread(row["psnr"], row["psnr_deviation"], 2) for row in self.rows]
        names = [row["name"] for row in self.rows]
        return Table({"": names, f"{self.purpose}: PSNR (dB)": cells}, notes=[f"({self.judged})"])

    @property
    def said(self) -> str:
        """The comparison in a sentence."""
        psnr = {row["name"]: row["psnr"] for row in self.rows}
        if name := self.beaten_by:
            return (
                f"{name} does better than this model ({psnr[name]:.2f} against {psnr[MODEL]:.2f} dB): "
                "train longer (--minutes), or on more pictures"
            )
        rest = {name: value for name, value in psnr.items() if name != MODEL}
        name = max(rest, key=lambda each: rest[each])
        return f"better than {name}, the best without a model, by {psnr[MODEL] - rest[name]:.2f} dB"


def recipe_of_purpose(for_: str, recipe: Any) -> str:
    """The recipe of a verb.

    Raises:
        ValueError: no such verb, or a recipe of another name beside it.
    """
    if for_ not in PURPOSES:
        raise ValueError(f"--for is {', '.join(PURPOSES)}; we got {for_!r}")
    if recipe not in (None, RECIPE, PURPOSES[for_]):
        raise ValueError(f"--for {for_} takes the recipe {PURPOSES[for_]!r}: leave --recipe out")
    return PURPOSES[for_]


def standing(model: Any, for_: str, images: Any, train: Any, name: str, seed: int = 0) -> Standing:
    """Spoil pictures as in training, and let the model and all others mend them.

    Args:
        images: what is judged, a Source; at most 64 of it, evenly spread.
        train: what the linear methods are fitted to, where pictures are whole.
        name: what the judged pictures are: ``validation`` or ``training``.
    """
    rows = torch.linspace(0, len(images) - 1, min(JUDGED, len(images))).round().long()
    x = images.batch(rows).float().cpu().to(model.device)
    pca = None
    if for_ != "upscale" and not takes_any_size(model):
        pca = Pca.fit(train, max(1, min(Pca.most(train), COMPONENTS)), seed=seed)
    with torch.no_grad():
        found = _JUDGES[for_](model, x, pca, seed)
    titles = {"as given": {"denoise": "noisy", "upscale": "bicubic"}.get(for_, "")}
    table = [
        {
            "name": titles.get(method, method),
            "psnr": float(each["psnr"].mean()),
            "psnr_deviation": float(each["psnr"].std(correction=0)),
        }
        for method, each in found.scores().items()
    ]
    return Standing(for_, table, f"mean ± standard deviation over {len(x)} {name} pictures")


def _denoised(model: Any, x: Tensor, pca: Pca | None, seed: int) -> Restored:
    corruption = corruption_of(model)
    sigma = float(corruption.arguments.get("sigma", 0))
    noisy = build("corruption", corruption)(x, Draws(seed))
    size = (model.shape[1], model.shape[2])
    baselines = denoising_baselines(sigma, pca)
    return denoise_batch(through(model), noisy, size, clean=x, baselines=baselines)[0]


def _upscaled(model: Any, x: Tensor, pca: Pca | None, seed: int) -> Restored:
    factor = int(corruption_of(model).arguments["factor"])
    small = (x.shape[2] // factor, x.shape[3] // factor)
    clean = x[:, :, : small[0] * factor, : small[1] * factor]
    size = (model.shape[1], model.shape[2])
    given = reduced(clean, small).clamp(0, 1)
    return upscale_batch(
        through(model), given, factor, size, clean=clean, back_projection=20
    ).restored


def _inpainted(model: Any, x: Tensor, pca: Pca | None, seed: int) -> Restored:
    corrupt = build("corruption", corruption_of(model))
    hole = (corrupt(torch.ones_like(x), Draws(seed)) != 1).any(1, keepdim=True)
    value = corruption_of(model).arguments.get("value", 0.5)
    baselines = inpainting_baselines(pca)
    size = (model.shape[1], model.shape[2])
    return inpaint_batch(
        by_model(through(model), value), x, hole, size, clean=x, baselines=baselines
    )[0]


_JUDGES: dict[str, Callable[[Any, Tensor, Pca | None, int], Restored]] = {
    "denoise": _denoised,
    "upscale": _upscaled,
    "inpaint": _inpainted,
}
