"""Generate: samples, out of a prior over codes; and what single units of a code draw.

prior ──sample──► z (n, *code) ──decode──► pictures (n, C, H, W)
mean + quantiles of two units ──decode──► the manifold
mean ± k deviations of one unit ──decode──► a traversal
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..bottlenecks import Quantised
from ..figures import picture_grid, picture_rows
from ..images import caption_words, write_pictures
from ..priors import Prior, load_prior, prior_for, sample_codes, stored_priors
from ..progress import Progress, stage
from ..results import Result
from ..tables import counted
from .decoding import Decode, decoder
from .opening import opened_model

__all__ = [
    "Generated", "Manifold", "Traversals", "chosen_prior", "decode_samples", "generate", "manifold",
    "plane_of", "traversals", "traverse",
]  # fmt: skip

SHOWN = 400  # pictures on a sheet
FROM_TEXT = "caption-flow"


@dataclass(frozen=True, repr=False)
class Generated(Result):
    """Samples and what they look like.

    Attributes:
        codes: (n, *code).
        pictures: (n, C, H, W) in [0, 1].
        prior: the name of the distribution that they were drawn from.
        text: what they were asked to show; None without.
    """

    name: ClassVar[str] = "generated"
    codes: Tensor
    pictures: Tensor
    prior: str = ""
    text: str | None = None

    def document(self) -> dict[str, Any]:
        """How many, from which prior, of which text."""
        text = {} if self.text is None else {"text": self.text}
        return {**text, "prior": self.prior, "pictures": len(self.pictures)}

    def figures(self) -> dict[str, Any]:
        """A sheet of the first 400."""
        return {"sheet": picture_grid(self.pictures[:SHOWN])}

    def save(self, folder: Path | str) -> dict[str, Any]:
        """The sheet, the document, and a PNG of each picture."""
        folder, digits = Path(folder), len(str(len(self.pictures) - 1))
        names = [f"{number:0{digits}d}.png" for number in range(len(self.pictures))]
        return self._written(folder, {"pictures": write_pictures(self.pictures, names, folder)})

    def __str__(self) -> str:
        of = "" if self.text is None else f" of {self.text!r}"
        return f"{counted(len(self.pictures), 'sample')}{of}, prior: {self.prior}"


@dataclass(frozen=True, repr=False)
class Manifold(Result):
    """A square of pictures over two units (Theivaprakasham 2021, fig. 4.1).

    Attributes:
        pictures: (side · side, C, H, W), row after row; the first unit grows to the right, the
            second one upwards.
        first, second: (side,), the values of the units.
        prior: the name of the distribution whose quantiles they are.
    """

    name: ClassVar[str] = "manifold"
    pictures: Tensor
    first: Tensor
    second: Tensor
    prior: str = ""

    def document(self) -> dict[str, Any]:
        """The values of both units."""
        return {
            "prior": self.prior,
            "side": len(self.first),
            "first": self.first.tolist(),
            "second": self.second.tolist(),
        }

    def figures(self) -> dict[str, Any]:
        """The square."""
        return {"sheet": picture_grid(self.pictures, len(self.first))}

    def __str__(self) -> str:
        side = len(self.first)
        return f"{side} × {side} pictures over the two units, prior: {self.prior}"


@dataclass(frozen=True, repr=False)
class Traversals(Result):
    """One unit at a time from low to high, the others at their mean (Theivaprakasham, fig. 4.2).

    Attributes:
        pictures: (U, T, C, H, W).
        units: (U,), positions in the flattened code.
        deviations: (T,), how many standard deviations from the mean.
        effects: (U,), root mean squared change of a pixel between −1 and +1 deviations.
        prior: the name of the distribution whose mean and deviations they are.
    """

    name: ClassVar[str] = "traversals"
    pictures: Tensor
    units: Tensor
    deviations: Tensor
    effects: Tensor
    prior: str = ""

    def document(self) -> dict[str, Any]:
        """Units, how far each was moved, and what that changed."""
        return {
            "prior": self.prior,
            "deviations": self.deviations.tolist(),
            "units": self.units.tolist(),
            "effects": self.effects.tolist(),
        }

    def figures(self) -> dict[str, Any]:
        """A row for each unit."""
        rows = [
            (f"unit {unit}  ({effect:.3f})", pictures)
            for unit, effect, pictures in zip(
                self.units.tolist(), self.effects, self.pictures, strict=True
            )
        ]
        titles = [
            f"{at:+.2g} σ".replace("-", "−") if at else "mean" for at in self.deviations.tolist()
        ]
        return {"sheet": picture_rows(rows, titles, corner="unit (change of a pixel)")}

    def __str__(self) -> str:
        return f"traversals of {len(self.units)} units, prior: {self.prior}"


def generate(
    model: Any,
    n: int = 64,
    *,
    prior: str | Prior | None = None,
    text: str | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = None,
) -> Generated:
    """Draw pictures from a prior over a model's codes.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        n: how many.
        prior: a fitted one, or the name of one that stands beside the model; None takes the standard
            normal of a variational model, else the only one that was fitted.
        text: what the pictures are to show (text-to-image; Canziani 2020, fig. 12); the prior is then
            the one of kind ``caption-flow``, which knows the words of its captions.
        seed: of the samples.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: n is below 1, the model has no prior to draw from, or a word that is not known.
        BadFile: no such prior was fitted yet, or it is damaged.
    """
    if text is not None and not caption_words(text):
        raise ValueError(f"a text has at least one word; we got {text!r}")
    loaded = opened_model(model, device)
    name, chosen = chosen_prior(
        loaded, model, FROM_TEXT if text is not None and not prior else prior
    )
    told = {} if text is None else {"caption": text}
    with stage(progress, "generating") as step:
        found = decode_samples(
            decoder(loaded, seed),
            lambda count, s: sample_codes(loaded, chosen, count, s, **told),
            n,
            seed=seed,
            progress=step,
        )
    return Generated(found.codes, found.pictures, name, text)


def plane_of(
    model: Any, *, prior: str | Prior | None = None, seed: int = 0, device: str = "auto"
) -> Manifold:
    """The pictures of a code of two numbers, over the quantiles of a prior; see ``manifold``.

    Raises:
        ValueError: a code of another size, or a prior without a mean.
    """
    loaded = opened_model(model, device)
    name, chosen = chosen_prior(loaded, model, prior)
    found = manifold(decoder(loaded, seed), *_spread(loaded, chosen, name))
    return Manifold(found.pictures, found.first, found.second, name)


def traversals(
    model: Any,
    *,
    units: Sequence[int] | None = None,
    reach: float = 3.0,
    prior: str | Prior | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Traversals:
    """Single units of a model's code over a prior's mean ± ``reach`` deviations; see ``traverse``.

    Raises:
        ValueError: a unit that the code has not, a reach that is not above 0, or a prior without a
            mean.
    """
    loaded = opened_model(model, device)
    name, chosen = chosen_prior(loaded, model, prior)
    found = traverse(decoder(loaded, seed), *_spread(loaded, chosen, name), units, reach=reach)
    return Traversals(found.pictures, found.units, found.deviations, found.effects, name)


def chosen_prior(model: Any, where: Any, wanted: str | Prior | None) -> tuple[str, Prior]:
    """The prior to draw from, and its name.

    Args:
        model: loaded.
        where: its folder, or a model whose run may have one.
        wanted: see ``generate``.

    Raises:
        ValueError: none is there, or several are and none was chosen.
        BadFile: the one that was named was not fitted yet, or is damaged.
    """
    if wanted is not None and not isinstance(wanted, str):
        return wanted.part.name, wanted  # type: ignore[attr-defined]
    run = getattr(model, "run", None)
    folder = where if isinstance(where, (str, Path)) else getattr(run, "folder", None)
    there = [] if folder is None else stored_priors(folder)
    if wanted is None and model.bottleneck.generative:
        wanted = "normal"
    if wanted is None and len(there) == 1:
        wanted = there[0]
    fitting = "autoregressive" if isinstance(model.bottleneck, Quantised) else "flow"
    if wanted is None:
        raise ValueError(
            f"this model has the priors {', '.join(there)}: choose one with --prior"
            if there
            else "this model's codes have no prior to draw from: run `narrows prior "
            f"{folder or 'MODEL'} PICTURES --kind {fitting}` first"
        )
    if wanted == "normal":
        return wanted, prior_for(model, wanted)
    if folder is None:
        raise ValueError(
            f"no prior {wanted!r} stands beside a model in memory; give the prior itself"
        )
    return wanted, load_prior(model, folder, wanted)


def _spread(model: Any, prior: Any, name: str) -> tuple[Tensor, Tensor]:
    """Mean and deviation of the units, of the code's shape."""
    if prior.spread is None:
        raise ValueError(
            f"the prior {name!r} is one of entries of a code book, which have no mean to move from: "
            "use one of mixture, flow or gaussian"
        )
    mean, deviation = (rows.reshape(model.code_shape) for rows in prior.spread)
    return mean, deviation


def decode_samples(
    decode: Decode, sample: Callable[[int, int], Tensor], n: int, *, seed: int = 0, **options: Any
) -> Generated:
    """Draw n codes by ``sample(n, seed)`` and decode them; ``decode`` gets ``options``.

    Raises:
        ValueError: n is below 1.
    """
    if n < 1:
        raise ValueError(f"at least 1 picture is drawn; we got n={n}")
    codes = sample(n, seed)
    return Generated(codes, decode(codes, **options))


def manifold(
    decode: Decode, mean: Tensor, deviation: Tensor, side: int = 15, *, share: float = 0.95
) -> Manifold:
    """The pictures of a two-dimensional code, at places that a normal prior reaches equally often.

    Args:
        mean, deviation: of the two units, of the code's shape.
        side: pictures in a row and in a column.
        share: of each unit's probability between the first and the last.

    Raises:
        ValueError: a code of another size, a side below 2, or a share outside (0, 1).
    """
    if mean.numel() != 2:
        raise ValueError(
            f"the manifold is of codes of two numbers; this model's have {mean.numel():,}: look at "
            "traversals, or train with code_size=2"
        )
    if side < 2 or not 0 < share < 1:
        raise ValueError(
            f"a manifold has a side of at least 2 and a share between 0 and 1; "
            f"we got {side} and {share}"
        )
    probabilities = torch.linspace(0.5 - share / 2, 0.5 + share / 2, side, dtype=torch.float64)
    quantiles = torch.special.ndtri(probabilities).float()
    first, second = (
        m + d * quantiles for m, d in zip(mean.flatten(), deviation.flatten(), strict=True)
    )
    up, right = torch.meshgrid(second.flip(0), first, indexing="ij")
    codes = torch.stack([right, up], -1).reshape(-1, *mean.shape)
    return Manifold(decode(codes), first, second)


def traverse(
    decode: Decode,
    mean: Tensor,
    deviation: Tensor,
    units: Sequence[int] | None = None,
    *,
    steps: int = 7,
    reach: float = 3.0,
    most: int = 10,
) -> Traversals:
    """Move single units over their mean ± ``reach`` standard deviations.

    Args:
        mean, deviation: of each unit, of the code's shape.
        units: positions in the flattened code; None takes those that change the picture most.
        steps: pictures of each unit.
        reach: in standard deviations.
        most: how many units, where none are named.

    Raises:
        ValueError: a unit that the code has not, fewer than 2 steps, or a reach that is not above 0.
    """
    size = mean.numel()
    if steps < 2 or not (reach > 0 and math.isfinite(reach)):
        raise ValueError(
            f"a traversal has at least 2 steps and a reach above 0; we got {steps} and {reach}"
        )
    beyond = [unit for unit in units or () if not 0 <= unit < size]
    if beyond:
        raise ValueError(f"this code has units 0 to {size - 1}; we got {beyond[0]}")
    if units is None:
        effects = _effects(decode, mean, deviation, torch.arange(size))
        chosen = effects.sort(descending=True, stable=True).indices[:most]
        effects = effects[chosen]
    else:
        chosen = torch.tensor(list(units), dtype=torch.int64)
        effects = _effects(decode, mean, deviation, chosen)
    at = (torch.arange(steps) - (steps - 1) / 2) * (2 * reach / (steps - 1))
    pictures = decode(_moved(mean, deviation, chosen, at).flatten(0, 1))
    return Traversals(
        pictures.reshape(len(chosen), steps, *pictures.shape[1:]), chosen, at, effects
    )


def _moved(mean: Tensor, deviation: Tensor, units: Tensor, at: Tensor) -> Tensor:
    """The mean code with one unit moved by ``at`` (T,) deviations: (U, T, *code)."""
    codes = mean.flatten().repeat(len(units), len(at), 1)
    steps = deviation.flatten()[units][:, None] * at
    codes.scatter_add_(2, units[:, None, None].expand(-1, len(at), 1), steps[:, :, None])
    return codes.reshape(len(units), len(at), *mean.shape)


def _effects(decode: Decode, mean: Tensor, deviation: Tensor, units: Tensor) -> Tensor:
    """Root mean squared change of a pixel between −1 and +1 deviations of each unit, (U,)."""
    found = []
    for some in torch.split(units, 256):
        pictures = decode(_moved(mean, deviation, some, torch.tensor([-1.0, 1.0])).flatten(0, 1))
        low, high = pictures.reshape(len(some), 2, *pictures.shape[1:]).unbind(1)
        found.append((high - low).square().flatten(1).mean(1).sqrt())
    return torch.cat(found)
