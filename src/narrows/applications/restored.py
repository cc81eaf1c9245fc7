"""What denoising, upscaling and inpainting have in common: pictures in, better ones out, and a score.

given ──model──► output      given ──each baseline──► others      (clean pictures: how far is each?)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import Unavailable
from ..measures import psnr, squared_error, ssim

__all__ = ["MODEL", "Restored", "run_baselines", "scores"]

MODEL = "model"
Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Restored:
    """N pictures of one size, restored.

    Attributes:
        given: what had to be restored, (N, C, H, W); noise may leave [0, 1].
        output: what the model made of it, (N, C, H, W) in [0, 1].
        others: what each baseline made of it, by name.
        clean: the truth, where it is known.
        hole: (N, 1, H, W) booleans, where only a part was restored; scores are of that part.
    """

    given: Tensor
    output: Tensor
    others: Mapping[str, Tensor] = field(default_factory=dict)
    clean: Tensor | None = None
    hole: Tensor | None = None

    def scores(self) -> dict[str, dict[str, Tensor]]:
        """For what was given, the model and each baseline: mse, psnr and ssim per picture, (N,).

        Of a hole there is no ssim, and nothing was given. Nothing without clean pictures.
        """
        if self.clean is None:
            return {}
        methods = {"as given": self.given, MODEL: self.output, **self.others}
        if self.hole is not None:
            del methods["as given"]
        return {name: self._score(x.clamp(0, 1)) for name, x in methods.items()}

    def _score(self, x: Tensor) -> dict[str, Tensor]:
        assert self.clean is not None
        if self.hole is not None:
            inside = self.hole.expand_as(x)
            error = ((x - self.clean) * inside).square().flatten(1).sum(1)
            error = error / inside.flatten(1).sum(1)
            return {"mse": error, "psnr": -10 * error.clamp_min(1e-10).log10()}
        found = {"mse": squared_error(self.clean, x), "psnr": psnr(self.clean, x)}
        if min(x.shape[2:]) >= 3:
            found["ssim"] = ssim(self.clean, x)
        return found

    def distances(self) -> dict[str, Tensor]:
        """How far each picture lies from another, as a root mean square per value, (N,).

        ``moved`` from what was given to the output (Canziani, figs. 16-17); with clean pictures also
        ``before`` (given to clean) and ``after`` (output to clean).
        """
        pairs = {"moved": (self.given, self.output)}
        if self.clean is not None:
            pairs |= {"before": (self.given, self.clean), "after": (self.output, self.clean)}
        return {name: (a - b).square().flatten(1).mean(1).sqrt() for name, (a, b) in pairs.items()}


def run_baselines(
    x: Tensor, baselines: Mapping[str, Change]
) -> tuple[dict[str, Tensor], list[str]]:
    """Each baseline's picture of x (N, C, H, W) in [0, 1], and why one is missing."""
    found, notes = {}, []
    for name, change in baselines.items():
        try:
            found[name] = change(x).clamp(0, 1)
        except Unavailable as error:
            notes.append(f"{name} is left out: {error}")
    return found, notes


def scores(groups: Sequence[Restored]) -> dict[str, dict[str, Tensor]]:
    """The scores of groups of pictures (each of one size) as one: (N,) over all of them."""
    each = [group.scores() for group in groups]
    names = [name for name in each[0] if all(name in other for other in each)]
    return {
        name: {
            measure: torch.cat([found[name][measure] for found in each])
            for measure in each[0][name]
            if all(measure in found[name] for found in each)
        }
        for name in names
    }
