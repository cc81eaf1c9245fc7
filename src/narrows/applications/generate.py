"""Generate: samples, out of a prior over codes; and what single units of a code draw.

prior ──sample──► z (n, *code) ──decode──► pictures (n, C, H, W)
mean + quantiles of two units ──decode──► the manifold
a picture's code ± k deviations along an axis of the codes ──decode──► a traversal
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..bottlenecks import Quantised
from ..errors import NarrowsError
from ..figures import (
    ANIMATED,
    grown,
    picture_grid,
    picture_rows,
    save_animation,
    side_by_side,
)  # fmt: skip
from ..images import caption_words, write_pictures
from ..images.inputs import Pictures, evenly
from ..priors import Prior, load_prior, prior_for, sample_codes, stored_priors
from ..progress import Progress, stage
from ..results import Result
from ..tables import counted
from ..training import located
from .decoding import Decode, decoder
from .opening import opened_images, opened_model, run_of
from .restored import standing_notes
from .units import effects_of, moved_units, unit_weights

__all__ = [
    "Generated", "Manifold", "Traversals", "along", "chosen_prior", "decode_samples", "generate",
    "manifold", "plane_of", "principal_axes", "traversals", "traverse",
]  # fmt: skip

SHOWN = 400  # pictures on a sheet
DEFAULT = "mixture"  # what a training ends with
FROM_TEXT = "caption-flow"
KNOWN = 1000  # codes of the training whose axes are moved along


@dataclass(frozen=True, repr=False)
class Generated(Result):
    """Samples and what they look like.

    Attributes:
        codes: (n, *code).
        pictures: (n, C, H, W) in [0, 1].
        prior: the name of the distribution that they were drawn from.
        text: what they were asked to show; None without.
        notes: as of every result.
    """

    name: ClassVar[str] = "generated"
    codes: Tensor
    pictures: Tensor
    prior: str = ""
    text: str | None = None
    notes: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """How many, from which prior, of which text."""
        text = {} if self.text is None else {"text": self.text}
        count = {"prior": self.prior, "pictures": len(self.pictures)}
        return {**text, **count, "notes": list(self.notes)}

    def figures(self) -> dict[str, Any]:
        """A sheet of the first 400."""
        shown = self.pictures[:SHOWN]
        return {"sheet": picture_grid(shown, scale=grown(shown))}

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
        side = len(self.first)
        return {"sheet": picture_grid(self.pictures, side, scale=grown(self.pictures, side))}

    def __str__(self) -> str:
        side = len(self.first)
        return f"{side} × {side} pictures over the two units, prior: {self.prior}"


@dataclass(frozen=True, repr=False)
class Traversals(Result):
    """One unit, or one axis of the codes, at a time from low to high (Theivaprakasham, fig. 4.2).

    Attributes:
        pictures: (U, T, C, H, W).
        units: (U,), positions in the flattened code; of axes 0, 1, …, the longest first.
        deviations: (T,), how many standard deviations from where it begins.
        effects: (U,), root mean squared change of a pixel between −1 and +1 deviations.
        around: the code that it begins at: a picture's id, or what is said of it.
        axes: whether they are principal axes of the codes instead of units.
        start: the code that it begins at, (*code).
        steps: what one standard deviation of each adds to a code, (U, *code).
        notes: as of every result.
    """

    name: ClassVar[str] = "traversals"
    pictures: Tensor
    units: Tensor
    deviations: Tensor
    effects: Tensor
    around: str = ""
    axes: bool = False
    start: Tensor | None = None
    steps: Tensor | None = None
    notes: Sequence[str] = ()

    @property
    def _noun(self) -> str:
        return "axis" if self.axes else "unit"

    def _number(self, unit: int) -> int:
        return unit + 1 if self.axes else unit

    def document(self) -> dict[str, Any]:
        """Units or axes, how far each was moved, and what that changed."""
        return {
            "around": self.around,
            "deviations": self.deviations.tolist(),
            "axes" if self.axes else "units": [self._number(u) for u in self.units.tolist()],
            "effects": self.effects.tolist(),
            "notes": list(self.notes),
        }

    def figures(self) -> dict[str, Any]:
        """A row for each unit or axis."""
        rows = [
            (f"{self._noun} {self._number(unit)}  ({effect:.3f})", pictures)
            for unit, effect, pictures in zip(
                self.units.tolist(), self.effects, self.pictures, strict=True
            )
        ]
        titles = [
            f"{at:+.2g} σ".replace("-", "−") if abs(at) > 1e-6 else "0"
            for at in self.deviations.tolist()
        ]
        return {"sheet": picture_rows(rows, titles, corner=f"{self._noun} (change of a pixel)")}

    def save(self, folder: Path | str) -> dict[str, Any]:
        """The sheet and the document to a folder; or a film of all at once to a .webp or a .gif."""
        path = Path(folder)
        if path.suffix.lower() not in ANIMATED:
            return super().save(path)
        names = [f"{self._noun} {self._number(unit)}" for unit in self.units.tolist()]
        columns = min(len(names), 5)
        shown = names if len(names) <= columns else ()
        film = side_by_side(*self.pictures, names=shown, columns=columns)
        return {"traversals": str(save_animation(film, path))}

    def __str__(self) -> str:
        count = len(self.units)
        kind = self._noun if count == 1 else "axes" if self.axes else "units"
        return f"traversals of {count} {kind}, around {self.around}"


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
        prior: a fitted one, or the name of one that stands beside the model; None takes the mixture
            that its training ended with, else the only one that was fitted, else the standard normal
            of a variational model.
        text: what the pictures are to show (text-to-image; Canziani 2020, fig. 12); the prior is then
            the one of kind ``caption-flow``, which knows the words of its captions.
        seed: of the samples.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: n is below 1, the model has no prior to draw from, or a word that is not known.
        BadFile: no such prior was fitted yet, or it is damaged.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> nw.generate(model, 4, prior="normal").pictures.shape
        torch.Size([4, 1, 8, 8])
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
    notes = _fallen_back(name, prior, loaded, model)
    if name == DEFAULT and text is None:
        notes += standing_notes(loaded, "generate")
    return Generated(found.codes, found.pictures, name, text, notes)


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
    picture: Pictures | None = None,
    units: Sequence[int] | str | None = None,
    reach: float = 3.0,
    steps: int = 7,
    codes: Tensor | None = None,
    start: Tensor | None = None,
    prior: str | Prior | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = None,
) -> Traversals:
    """Move a picture's code along the axes of the codes, or along single units.

    The mean of all codes is often the code of no picture, so it begins at a real one. The axes are the
    principal ones of the training's codes, each unit weighed by how much it changes the picture, so
    that units which draw nothing have no say.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        picture: the one to begin at; None: that of the training whose code is nearest to the mean.
        units: positions in the flattened code, each moved alone; ``effect``: those that change the
            picture most, in that order; None: the axes.
        reach: to either side, in standard deviations of the codes.
        steps: pictures of each.
        codes: (N, *code) that are known already, instead of those of the training.
        start: the code (*code) to begin at, instead of a picture's.
        prior: take its draws for the codes of the training; they are also taken where the run does
            not say which pictures it was trained on, or these are not there any more.
        seed: of the draws.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: a unit that the code has not, a reach that is not above 0, or a code of entries of
            a code book.
    """
    if isinstance(units, str) and units != "effect":
        raise ValueError(f"units are numbers, or effect; we got {units!r}")
    loaded = opened_model(model, device)
    if isinstance(loaded.bottleneck, Quantised):
        raise ValueError(
            "this model's codes are entries of a code book, which have no mean to move from: "
            "traversals are of codes of numbers"
        )
    ids: list[str] = []
    notes: list[str] = []
    if codes is None:
        codes, ids, notes = _known_codes(loaded, model, prior, seed, progress)
        unnamed = "a code drawn from the prior"
    else:
        unnamed = "the code nearest to their mean"
    middle = codes.mean(0)
    if start is not None:
        around = "the code that was given"
    elif picture is None:
        place = int((codes - middle).flatten(1).norm(dim=1).argmin())
        start, around = codes[place], ids[place] if ids else unnamed
    else:
        given = opened_images(loaded, picture, limit=1, progress=progress)
        start = loaded.encode(given.batch(torch.arange(1))).z.cpu()[0]
        around = str(getattr(given, "ids", ["the picture"])[0])
    decode = decoder(loaded, seed)
    deviation = codes.std(0, correction=0)
    if units is not None:
        named = None if isinstance(units, str) else units
        found = traverse(decode, start, deviation, named, reach=reach, steps=steps)
        return dataclasses.replace(found, around=around, notes=notes)
    found = along(decode, start, principal_axes(decode, start, codes), reach=reach, steps=steps)
    return dataclasses.replace(found, around=around, notes=notes)


def _known_codes(
    model: Any, where: Any, prior: str | Prior | None, seed: int, progress: Progress
) -> tuple[Tensor, list[str], list[str]]:
    """Codes (N, *code) of the training, their pictures' ids, and notes; else draws of a prior."""
    run = run_of(model)
    named = run.facts.get("pictures")
    notes = []
    if prior is None and named is not None:
        try:
            images = opened_images(model, named, progress=progress)
            some = evenly(run.split(images).fitting()[0], KNOWN)
            return model.encode(some).z.cpu(), list(map(str, some.ids)), []
        except (NarrowsError, ValueError, OSError) as error:
            notes.append(f"the pictures of the training cannot be read ({error})")
    name, chosen = chosen_prior(model, where, prior)
    if prior is None:
        notes.append(f"it moves around a code drawn from the prior {name}, not around a picture's")
    return sample_codes(model, chosen, KNOWN, seed), [], notes


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
    folder = located(where) if isinstance(where, (str, Path)) else getattr(run, "folder", None)
    there = [] if folder is None else stored_priors(folder)
    if wanted is None and DEFAULT in there:
        wanted = DEFAULT
    fitted = [each for each in there if each != FROM_TEXT or not model.bottleneck.generative]
    if wanted is None and len(fitted) == 1:
        wanted = fitted[0]
    if wanted is None and not fitted and model.bottleneck.generative:
        wanted = "normal"
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


def _fallen_back(name: str, wanted: Any, model: Any, where: Any) -> list[str]:
    """A note where N(0, I) was not asked for, but nothing better is there."""
    if name != "normal" or wanted is not None:
        return []
    shown = where if isinstance(where, (str, Path)) else "MODEL"
    return [
        "drawn from N(0, I), which the codes only come near: no prior was fitted to them; "
        f"`narrows prior {shown} PICTURES` fits one, and pictures drawn from it are better"
    ]


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
    size, at = mean.numel(), _places(steps, reach)
    beyond = [unit for unit in units or () if not 0 <= unit < size]
    if beyond:
        raise ValueError(f"this code has units 0 to {size - 1}; we got {beyond[0]}")
    if units is None:
        effects = effects_of(decode, mean, deviation, torch.arange(size))
        chosen = effects.sort(descending=True, stable=True).indices[:most]
        effects = effects[chosen]
    else:
        chosen = torch.tensor(list(units), dtype=torch.int64)
        effects = effects_of(decode, mean, deviation, chosen)
    pictures = decode(moved_units(mean, deviation, chosen, at).flatten(0, 1))
    one = moved_units(torch.zeros_like(mean), deviation, chosen, torch.ones(1))[:, 0]
    return Traversals(
        pictures.reshape(len(chosen), steps, *pictures.shape[1:]), chosen, at, effects,
        start=mean, steps=one,
    )  # fmt: skip


def principal_axes(decode: Decode, start: Tensor, codes: Tensor, most: int = 10) -> Tensor:
    """Steps (A, *code) of one standard deviation along the principal axes of codes (N, *code).

    Each unit is weighed by what it changes about the picture at ``start``, of codes of up to 1,024
    numbers; a step takes along what goes with the axis in all units.
    """
    rows = (codes - codes.mean(0)).flatten(1).double()
    weights = unit_weights(decode, codes, start)
    left, size, _ = torch.linalg.svd(rows * weights, full_matrices=False)
    kept = size > 1e-6 * size[0].clamp_min(1e-12)
    left = left[:, kept][:, :most]
    steps = left.T @ rows / math.sqrt(len(rows))  # what goes with one deviation along the axis
    largest = steps.gather(1, steps.abs().argmax(1, keepdim=True))
    upright: Tensor = steps * torch.where(largest < 0, -1.0, 1.0)  # always the same of both signs
    return upright.float().reshape(-1, *start.shape)


def along(
    decode: Decode, start: Tensor, axes: Tensor, *, steps: int = 7, reach: float = 3.0
) -> Traversals:
    """Move a code along axes (A, *code), each the step of one standard deviation.

    Raises:
        ValueError: no axis, fewer than 2 steps, or a reach that is not above 0.
    """
    at = _places(steps, reach)
    if not len(axes):
        raise ValueError("all codes are the same: there is no axis to move along")

    def moved(places: Tensor) -> Tensor:
        way = places.reshape(-1, *[1] * start.ndim)
        pictures: Tensor = decode((start + way * axes[:, None]).flatten(0, 1))
        return pictures.reshape(len(axes), len(places), *pictures.shape[1:])

    low, high = moved(torch.tensor([-1.0, 1.0])).unbind(1)
    effects = (high - low).square().flatten(1).mean(1).sqrt()
    return Traversals(
        moved(at), torch.arange(len(axes)), at, effects, axes=True, start=start, steps=axes
    )


def _places(steps: int, reach: float) -> Tensor:
    """From −reach to +reach."""
    if steps < 2 or not (reach > 0 and math.isfinite(reach)):
        raise ValueError(
            f"a traversal has at least 2 steps and a reach above 0; we got {steps} and {reach}"
        )
    return (torch.arange(steps) - (steps - 1) / 2) * (2 * reach / (steps - 1))
