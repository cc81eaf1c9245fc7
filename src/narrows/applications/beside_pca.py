"""How a model's reconstructions compare with those of PCA, with as much in a code, in one sentence.

training pictures ─┬─► PCA ───────────────────────┐
                   ├─► PCA of mirrored pictures ──┼─► the best on the pictures judged ──► a sentence
                   └─► PCA of views ──────────────┘
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..defaults import RECIPE
from ..measures import Pca, psnr
from ..measures.evaluation import bits_of_code, pca_baselines
from ..networks import LinearResidualRung
from ..recipes.pca import usual_views
from ..training.standing import ERRORS, difference_error

__all__ = [
    "Linear",
    "best_of",
    "conclusion",
    "difference",
    "held",
    "linear",
    "unfair",
    "views_of",
]


@dataclass(frozen=True)
class Linear:
    """The best PCA of some pictures.

    Attributes:
        name: such as ``PCA of views, 64 values``.
        reconstructions: of the pictures, (N, C, H, W) in [0, 1].
        psnr: (N,), in dB.
    """

    name: str
    reconstructions: Tensor
    psnr: Tensor


def unfair(model: Any, most: int) -> str:
    """Why PCA with as many numbers, or bits, is no fair rival; empty where it is one.

    Args:
        most: components that PCA of the training pictures can have.
    """
    phases = getattr(getattr(model, "recipe", None), "phases", ())
    for change in (phases[-1].corruption, phases[-1].augmentation) if phases else ():
        if change is not None:
            return "the model was trained on pictures that were changed first"
    values = math.prod(model.code_shape)
    if bits_of_code(model) is None and values > most:
        return f"a code has {values:,} numbers, and PCA of these pictures at most {most:,}"
    return ""


def views_of(model: Any) -> Any:
    """The views that the model was trained with; where there were none, those of the default recipe."""
    phases = getattr(getattr(model, "recipe", None), "phases", ())
    own = [phase.views for phase in phases if phase.views is not None]
    return own[-1] if own else usual_views(model.shape, mirror=True)


def best_of(rows: Mapping[str, Any]) -> tuple[str, Any] | None:
    """The name and PSNR (N,) of the best PCA among rows by name; None where there is none."""
    found = {name: values for name, values in rows.items() if name.startswith("PCA")}
    if not found:
        return None
    name = max(found, key=lambda each: float(torch.as_tensor(found[each]).mean()))
    return name, found[name]


def linear(model: Any, fitted: Any, x: Tensor, seed: int = 0) -> Linear | None:
    """The best PCA, fitted on a source of pictures, of pictures x (N, C, H, W); None where it is unfair."""
    if tuple(fitted.shape) != tuple(model.shape) or unfair(model, Pca.most(fitted)):
        return None
    pcas, _ = pca_baselines(model, fitted, views_of(model), seed=seed)
    made = {name: reconstruct(x).clamp(0, 1) for name, reconstruct in pcas.items()}
    best = best_of({name: psnr(x, x_hat) for name, x_hat in made.items()})
    return None if best is None else Linear(best[0], made[best[0]], best[1])


def held(model: Any, x: Tensor) -> Linear | None:
    """The PCA that a model began as and still holds, of pictures x (N, C, H, W); None where there is none."""
    phases = getattr(getattr(model, "recipe", None), "phases", ())
    rung = model.ladder.rung(0)
    kept = [weight.requires_grad for weight in getattr(rung, "linear", model).parameters()]
    if (
        not phases
        or phases[0].begin is None
        or not isinstance(rung, LinearResidualRung)
        or any(kept)
    ):
        return None
    with torch.no_grad():
        z = rung.linear.down(x.to(model.device).flatten(1))
        x_hat = rung.linear.up(z).reshape(x.shape).clamp(0, 1).cpu()
    mirrored = " of mirrored pictures" if phases[0].begin.name == "mirrored-pca" else ""
    return Linear(f"PCA{mirrored}, {z.shape[1]} values", x_hat, psnr(x, x_hat))


def difference(ours: Any, pca: Any) -> float:
    """The mean of a PSNR (N,) less another's, in dB; 0 within two standard errors of it."""
    own, free = (torch.as_tensor(each).double() for each in (ours, pca))
    mean = float((own - free).mean())
    error = difference_error(free.tolist(), own.tolist()) if len(own) > 1 else math.inf
    return 0.0 if abs(mean) <= ERRORS * error or round(abs(mean), 2) == 0 else mean


def conclusion(ours: Any, pca: Any, judged: str, name: str = "PCA", model: Any = None) -> str:
    """One sentence about the PSNR (N,) of a model and of PCA on the same pictures.

    A difference counts from two standard errors of its mean on.

    Args:
        judged: what the pictures are, such as ``validation``.
        name: of the row: ``PCA of views, 64 values``, or ``PCA, 576 bits``.
        model: that is judged; one that began as PCA is told of no other recipe.
    """
    kind, _, size = name.partition(",")
    against = f"{kind} with as many {'bits' if 'bit' in size else 'numbers'}"
    own, free = (torch.as_tensor(each).double() for each in (ours, pca))
    count, mean = len(own), float((own - free).mean())
    of = f"on {count:,} {judged} picture{'s' if count > 1 else ''}"
    if difference(ours, pca) == 0:
        return f"{against} is as good ({of}: {mean:+.2f} dB is within the error)"
    if mean > 0:
        return f"{mean:.2f} dB better than {against} ({of})"
    phases = getattr(getattr(model, "recipe", None), "phases", ())
    other = (
        "" if phases and phases[0].begin else f", or take the recipe {RECIPE}, which begins as PCA"
    )
    return f"{against} is {-mean:.2f} dB better ({of}): train longer (--minutes){other}"
