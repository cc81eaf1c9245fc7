"""Inpaint: fill holes in pictures by what a model knows. Known pixels never change.

by model         hole filled with a value ──► model ──► x̂          (one that was trained on such holes)
by projection    z* = argmin ‖known pixels of x − decode(z)‖² / 2σ² − log p(z)  ──decode──► x̂

The second is the closest picture on the manifold (Canziani, figs. 10-11): several starts for each
picture go down at once, and the lowest counts. Either way the filling is then made to meet what is
around the hole, by changes inside it only.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..errors import NarrowsError
from ..images.blending import membrane, seamless
from ..images.holes import holes_by
from ..images.inputs import Pictures
from ..images.resizing import reduced
from ..images.sizes import Group, Sized, sized
from ..images.tiles import in_tiles
from ..measures import Pca, conditional_mean, filters, squared_error
from ..priors import AggregateGaussian
from ..progress import Progress as Shown
from ..progress import stage
from ..randomness import Draws, permutation
from ..tables import counted
from .minimise import minimise
from .opening import opened_images, opened_model, run_of
from .restored import (
    LARGE,
    MODEL,
    Change,
    Restoration,
    Restored,
    corruption_of,
    fitted_pca,
    run_baselines,
    scores,
    seen_note,
    standing_notes,
    takes_any_size,
    through,
    tile_note,
)

__all__ = [
    "CodeGaussian", "Fill", "Projection", "by_model", "by_projection", "inpaint",
    "inpaint_batch", "inpainting_baselines", "project",
]  # fmt: skip

# (N, C, h, w) and what is known of it (N, 1, h, w) → whole pictures (N, C, h, w)
Fill = Callable[..., Tensor]
Progress = Callable[[int, int], None]


HIDING = ("patch", "rectangle", "dropout-mask")  # corruptions that hide what is there
WAYS = ("model", "projection")
TRIED = 8  # pictures that tell whether the model helps, where its training did not


def inpaint(
    model: Any,
    pictures: Pictures,
    *,
    mask: Any = None,
    rectangle: Any = None,
    colour: str | None = None,
    by: str | None = None,
    score: bool = False,
    tiles: bool | None = None,
    starts: int = 4,
    evaluations: int = 60,
    variance: float | None = None,
    fit_on: Pictures | None = None,
    baselines: bool = True,
    limit: int | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Shown = None,
) -> Restoration:
    """Fill holes in pictures; every pixel outside them stays as it is. Classical fillings beside.

    Args:
        model: an ``Autoencoder``, or the folder of one.
        pictures: anything that :func:`narrows.images.inputs.pictures` reads, of any sizes.
        mask, rectangle, colour: what is to be filled; one of the three, see
            :func:`narrows.images.holes.holes_by`.
        by: ``model``: once through one that was trained on pictures with holes; ``projection``: the
            closest picture on the manifold (Canziani, figs. 10-11). None: as the model was trained.
        score: what the mask hides is real: measure the filling against it.
        tiles: take pictures of another size in tiles of the model's, not as a whole; None: as the model
            was trained, of patches or of whole pictures.
        starts, evaluations: of the projection, for each picture.
        variance: squared error of a good reconstruction, per value; None: measured on ``fit_on``,
            else 0.01.
        fit_on: pictures to learn from where codes lie, and to fit the linear baseline to.
        baselines: whether classical fillings are run as well.
        limit: at most so many pictures, evenly spread.
        seed: of the starts.
        device, progress: see :func:`opened_model`, :mod:`narrows.progress`.

    Raises:
        ValueError: not exactly one kind of hole, or a projection without a prior of codes.
        NoImages: nothing can be read.
        NarrowsError: no picture has a hole that can be filled.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> recipe = nw.recipes.mlp_vae(images.shape, code_size=8)
        >>> model = nw.fit(recipe, images, epochs=0.5, report="quiet")
        >>> found = nw.inpaint(model, images[:1], rectangle=(2, 2, 3, 3), baselines=False)
        >>> found.outputs[0].shape
        torch.Size([1, 8, 8])
    """
    mark = holes_by(mask, rectangle, colour)
    if starts < 1 or evaluations < 2:
        raise ValueError(
            f"starts is at least 1 and evaluations at least 2; we got {starts} and {evaluations}"
        )
    loaded = opened_model(model, device)
    corruption = corruption_of(loaded)
    hiding = corruption if corruption and corruption.name in HIDING else None
    chosen = by or ("model" if hiding else "projection")
    if chosen not in WAYS:
        raise ValueError(f"by is model or projection; we got {by!r}")
    found = sized(pictures, loaded.preprocessing, limit=limit)
    pca = fitted_pca(loaded, fit_on, found.notes, progress) if baselines else None
    if chosen == "model":
        value = 0.0 if hiding and hiding.name == "dropout-mask" else 0.5
        value = hiding.arguments.get("value", value) if hiding else value
        fill = by_model(through(loaded), value)
        if hiding is None:
            found.notes.append(
                "this model was not trained on holes: by projection may do better, or train one with "
                "`narrows train PICTURES --for inpaint`"
            )
    else:
        codes, measured = where_codes_lie(loaded, fit_on, progress)
        fill = by_projection(
            lambda x: loaded.posterior(x).z, loaded.decode, codes,
            variance=measured if variance is None else variance,
            starts=starts, evaluations=evaluations, seed=seed,
            batch_size=32 if loaded.device.type == "cpu" else 2048,
        )  # fmt: skip
    found.notes += standing_notes(loaded, "inpaint")
    measured_before = any(one.purpose == "inpaint" for one in run_of(loaded).standings)
    trials: list[Restored] = []
    any_size = takes_any_size(loaded)
    tiles = any_size if tiles is None else tiles
    how = "in tiles of" if tiles else "filled at the model's"
    size = (loaded.shape[1], loaded.shape[2])
    groups, places, outputs, rows = [], [], {}, {}
    for some in found.of_one_size():
        own = found.size_of(some[0])
        found.notes += filter(None, [tile_note(found, some, own, loaded, how)])
        if tiles and not any_size and own != size:
            found.notes.append(
                "this model was trained on whole pictures, and puts whole ones into tiles: train one "
                "with `narrows train PICTURES --for inpaint --patches`"
            )
        for group in found.portions(some, LARGE):
            kept, hole = _marked(mark, group, found)
            if not kept:
                continue
            pixels = group.pixels[kept]
            if score:
                found.notes += seen_note(loaded, pixels)
            rows_of, columns = slice(None), slice(None)
            if tiles and math.prod(own) > LARGE:
                rows_of, columns = _around_hole(hole, size)
            here = (..., rows_of, columns)
            x = (pixels[here].float() / 255).to(loaded.device)
            with stage(progress, "filling") as step:
                restored, notes = inpaint_batch(
                    partial(fill, progress=step), x, hole[here].to(loaded.device), size,
                    tiles=tiles, clean=x if score else None,
                    baselines=inpainting_baselines(pca) if baselines else None,
                )  # fmt: skip
            found.notes += notes
            if not measured_before and not trials and own == size:
                trials += _trial(fill, x[:TRIED], hole[:TRIED].to(loaded.device), size)
            groups.append(restored)
            places.append([group.places[at] for at in kept])
            filled = pixels.clone()
            made = (restored.output.cpu() * 255).round().byte()
            filled[here] = torch.where(hole[here], made, pixels[here])
            for at, place in enumerate(places[-1]):
                outputs[place] = filled[at]
                rows[place] = {"filled": int(hole[at].sum())}
    found.notes += _lost(trials)
    count = counted(len(rows))
    return Restoration.of(
        groups,
        places,
        outputs,
        found,
        rows,
        facts={"by": chosen},
        titles={"as given": "with its hole"},
        said=f"{count} filled by {chosen}",
        score="PSNR in the hole",
        exact=True,
    )


def _trial(fill: Fill, x: Tensor, hole: Tensor, size: tuple[int, int]) -> list[Restored]:
    """Where a hole of the same shape in a known corner is filled too, and what it hides is known.

    Nothing where there is no room for one, or OpenCV is not on this machine.
    """
    other = torch.stack([_elsewhere(one[0])[None] for one in hole])
    hidden, both = other & ~hole, other | hole
    if not bool((hidden.flatten(1).any(1) & ~both.flatten(1).all(1)).all()):
        return []
    restored, notes = inpaint_batch(fill, x, both, size, baselines=inpainting_baselines())
    return [] if notes else [dataclasses.replace(restored, clean=x, hole=hidden)]


def _elsewhere(hole: Tensor) -> Tensor:
    """A hole (H, W) moved to the corner that is farthest from it."""
    moved = hole
    for axis in (0, 1):
        there = hole.any(1 - axis).nonzero()[:, 0]
        first, after = int(there[0]), hole.shape[axis] - 1 - int(there[-1])
        moved = moved.roll(-first if first >= after else after, axis)
    return moved


def _lost(trials: Sequence[Restored]) -> list[str]:
    """What to say where OpenCV filled better in the trials."""
    if not trials:
        return []
    means = {name: float(each["psnr"].mean()) for name, each in scores(trials).items()}
    best = max((name for name in means if name != MODEL), key=lambda name: means[name])
    if means[MODEL] >= means[best]:
        return []
    return [
        f"OpenCV ({best}) may do better here: holes of this shape in known parts of these pictures "
        f"come back with {means[best]:.2f} dB by it, with {means[MODEL]:.2f} dB by this model"
    ]


def _around_hole(hole: Tensor, size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of holes (N, 1, H, W), with two tiles around: what their filling looks at."""
    found = []
    for axis, tile in ((3, size[0]), (2, size[1])):
        there = hole.any(axis).flatten(0, 1).any(0).nonzero()
        found.append(slice(max(0, int(there[0]) - 2 * tile), int(there[-1]) + 1 + 2 * tile))
    return found[0], found[1]


def _marked(mark: Any, group: Group, found: Sized) -> tuple[list[int], Tensor]:
    """Which pictures of a group have a hole, and where (N, 1, H, W); the others are skipped."""
    kept, holes = [], []
    for at, place in enumerate(group.places):
        try:
            holes.append(mark(found.files[place], group.pixels[at], found.ids[place]))
            kept.append(at)
        except NarrowsError as error:
            found.skipped.append((found.ids[place], str(error)))
    return kept, torch.stack(holes) if holes else torch.zeros(0)


def where_codes_lie(
    model: Any, fit_on: Pictures | None, progress: Shown = None
) -> tuple[CodeGaussian, float]:
    """The prior of codes that projection goes by, and how far a good reconstruction is from a value.

    Fitted to at most 5,000 pictures if there are any, else what a variational model was trained to.

    Raises:
        ValueError: neither.
    """
    if fit_on is None:
        if not model.bottleneck.generative:
            raise ValueError(
                "projection has to know where codes lie, and this model has no prior: add "
                "--fit-on PICTURES (fit_on=), such as those it was trained on"
            )
        return CodeGaussian.standard(model.code_shape), 0.01
    images = opened_images(model, fit_on, progress=progress)
    chosen = permutation(0, "inpaint", len(images))[:5000]
    with stage(progress, "encoding") as step:
        codes = model.encode(images.batch(chosen), progress=step).z
    some = images.batch(chosen[:500])
    error = float(squared_error(some, model.reconstruct(some)).mean())
    return CodeGaussian.of(codes), max(error, 1e-4)


@dataclass(frozen=True)
class CodeGaussian:
    """Where codes lie: z = mean + factor · u with u standard normal.

    Attributes:
        mean: (D,), D all numbers of a code.
        factor: (D, D), or (D,) where the units are taken as independent.
        shape: of one code.
    """

    mean: Tensor
    factor: Tensor
    shape: tuple[int, ...]

    @staticmethod
    def standard(shape: tuple[int, ...]) -> CodeGaussian:
        """The prior of a variational model: N(0, I)."""
        size = math.prod(shape)
        return CodeGaussian(torch.zeros(size), torch.ones(size), tuple(shape))

    @staticmethod
    def of(codes: Tensor) -> CodeGaussian:
        """Fitted to codes (N, *code); with fewer than 4 codes a unit, units are taken as independent."""
        rows, shape = codes.flatten(1).float().cpu(), tuple(codes.shape[1:])
        if len(rows) < 2:
            raise ValueError(f"a Gaussian of codes needs two or more; we got {len(rows)}")
        if len(rows) >= 4 * rows.shape[1]:
            fitted = AggregateGaussian(rows.shape[1]).fit(rows)
            factor = fitted.scale.deviation[:, None] * fitted.factor
            return CodeGaussian(fitted.scale.mean.float(), factor.float(), shape)
        return CodeGaussian(rows.mean(0), rows.std(0).clamp_min(1e-4), shape)

    def codes(self, u: Tensor) -> Tensor:
        """u (R, D) → z (R, *shape)."""
        factor = self.factor.to(u)
        moved = u * factor if factor.ndim == 1 else u @ factor.T
        return (self.mean.to(u) + moved).reshape(len(u), *self.shape)

    def coordinates(self, z: Tensor) -> Tensor:
        """z (R, *shape) → u (R, D)."""
        factor, off = self.factor.to(z), z.flatten(1) - self.mean.to(z)
        if factor.ndim == 1:
            return off / factor
        solved: Tensor = torch.linalg.solve_triangular(factor, off.T, upper=False)
        return solved.T


@dataclass(frozen=True)
class Projection:
    """The closest pictures on a model's manifold.

    Attributes:
        pictures: (N, C, H, W).
        codes: (N, *code).
        energy: (N,) nats: squared error of the known values / 2σ² + ½ ‖u‖².
        energies: (N, S), of each start when all but the lowest were given up.
    """

    pictures: Tensor
    codes: Tensor
    energy: Tensor
    energies: Tensor


def project(
    encode: Change,
    decode: Change,
    x: Tensor,
    known: Tensor,
    codes: CodeGaussian,
    *,
    variance: float = 0.01,
    starts: int = 4,
    evaluations: int = 60,
    batch_size: int = 32,
    seed: int = 0,
    progress: Progress | None = None,
) -> Projection:
    """The pictures of a model that agree best with what is known, and are likely.

    The first start is the code of the picture with its hole smoothed over, the second the mean of all
    codes, the others are drawn. All go down for a quarter of the evaluations; the lowest of each
    picture goes on alone.

    Args:
        encode: (B, C, H, W) → z (B, *code).
        decode: z (B, *code) → (B, C, H, W), differentiable.
        x: (N, C, H, W); what is not known has no influence.
        known: (N or 1, 1, H, W) booleans.
        codes: the prior of z.
        variance: σ² of a pixel value around a good reconstruction.
        starts: S.
        evaluations: of the energy for the start that is followed to the end.
        batch_size: pictures × starts that are evaluated at once.
        seed: of the drawn starts.
        progress: called with (done, total) evaluations, of all pictures.
    """
    if starts < 1 or evaluations < 2 or variance <= 0:
        raise ValueError(
            "projection needs at least one start, two evaluations and a variance above 0; "
            f"we got {starts}, {evaluations} and {variance}"
        )
    known = known.expand(len(x), 1, *x.shape[2:])
    rows = max(1, batch_size // starts)
    found = []
    for number, (pictures, masks) in enumerate(
        zip(torch.split(x, rows), torch.split(known, rows), strict=True)
    ):
        smooth = membrane(pictures, ~masks).clamp(0, 1)
        with torch.no_grad():
            own = codes.coordinates(encode(smooth).float())
        drawn = Draws(seed, number).normal("inpaint", (starts, *own.shape), own.device)
        drawn[0] = own
        if starts > 1:
            drawn[1] = 0

        def energy(u: Tensor, some: Tensor = pictures, mask: Tensor = masks) -> Tensor:
            times = len(u) // len(some)
            wrong = (decode(codes.codes(u)) - some.repeat(times, 1, 1, 1)).square()
            wrong = wrong * mask.repeat(times, 1, 1, 1)
            return wrong.flatten(1).sum(1) / (2 * variance) + 0.5 * u.square().sum(1)

        first = evaluations // 4 if starts > 1 else 1
        step = partial(_evaluated, progress, number * rows, len(x), evaluations)
        u, value = minimise(energy, drawn.flatten(0, 1), max(2, first), progress=step(0))
        values = value.reshape(starts, -1)
        best = values.argmin(0)
        u = u.reshape(starts, len(pictures), -1)[best, torch.arange(len(pictures), device=u.device)]
        u, value = minimise(energy, u, evaluations - first, progress=step(first))
        with torch.no_grad():
            z = codes.codes(u)
            found.append(Projection(decode(z).clamp(0, 1), z, value, values.T))
        if progress is not None:
            progress(min(len(x), (number + 1) * rows) * evaluations, len(x) * evaluations)
    return Projection(
        *(torch.cat([getattr(one, name) for one in found]) for name in Projection.__annotations__)
    )


def _evaluated(
    progress: Progress | None, before: int, pictures: int, evaluations: int, first: int
) -> Progress:
    """What a minimisation tells of its evaluations, after ``first``, as a part of all pictures'."""

    def step(done: int, _: int) -> None:
        if progress is not None:
            progress(before * evaluations + min(first + done, evaluations), pictures * evaluations)

    return step


def by_projection(encode: Change, decode: Change, codes: CodeGaussian, **options: Any) -> Fill:
    """``project`` as a way to fill holes."""

    def fill(x: Tensor, known: Tensor, progress: Progress | None = None) -> Tensor:
        found = project(encode, decode, x, known, codes, progress=progress, **options)
        return found.pictures.to(x)

    return fill


def by_model(through: Change, value: float = 0.5, batch_size: int = 256) -> Fill:
    """A model that was trained on pictures with holes of that ``value``, as a way to fill holes."""

    def fill(x: Tensor, known: Tensor, progress: Progress | None = None) -> Tensor:
        masked, found = torch.where(known, x, torch.full_like(x, value)), []
        for part in torch.split(masked, batch_size):
            with torch.no_grad():
                found.append(through(part).to(x))
            if progress is not None:
                progress(sum(map(len, found)), len(x))
        return torch.cat(found)

    return fill


def inpaint_batch(
    fill: Fill,
    x: Tensor,
    hole: Tensor,
    size: tuple[int, int],
    *,
    tiles: bool = False,
    clean: Tensor | None = None,
    baselines: Mapping[str, Fill] | None = None,
) -> tuple[Restored, list[str]]:
    """Fill the holes of pictures of one size, and what baselines make of them.

    Args:
        fill: for pictures of ``size``, such as ``by_model`` or ``by_projection``.
        x: (N, C, H, W).
        hole: (N or 1, 1, H, W) booleans: what is to be filled.
        size: (h, w) that ``fill`` takes. Pictures of another size are brought to it and only the
            filling back, or go through in tiles.
        tiles: take pictures of another size in tiles.
        clean: (N, C, H, W), where what the hole hides is known.
        baselines: by name, such as ``inpainting_baselines``.

    Returns:
        The pictures, and a note for each baseline that is not on this machine.

    Raises:
        ValueError: a picture without a hole, or one of which nothing is known.
    """
    hole = hole.expand(len(x), 1, *x.shape[2:])
    share = hole.flatten(1).float().mean(1)
    if not bool((share > 0).all()):
        raise ValueError(
            "the mask is empty, so there is nothing to fill: mark what is to be filled"
        )
    if not bool((share < 1).all()):
        raise ValueError("the mask covers the whole picture, so nothing is known: leave some of it")
    output = seamless(x, _at_size(fill, x, ~hole, size, tiles).to(x), hole)

    def of(name: str, change: Fill) -> Change:
        return lambda pictures: torch.where(
            hole, _at_size(change, pictures, ~hole, size, tiles, name), pictures
        )

    others, notes = run_baselines(
        x, {name: of(name, fill) for name, fill in (baselines or {}).items()}
    )
    given = torch.where(hole, torch.full_like(x, 0.5), x)
    return Restored(given, output, others, clean, hole), notes


def _at_size(
    fill: Fill,
    x: Tensor,
    known: Tensor,
    size: tuple[int, int],
    tiles: bool,
    name: str = "",
) -> Tensor:
    """Whole pictures (N, C, H, W) by a filling that takes one size only."""
    own = (x.shape[2], x.shape[3])
    if own == tuple(size) or name in ANY_SIZE:
        return fill(x, known)
    channels = x.shape[1]
    if tiles:

        def through(both: Tensor) -> Tensor:
            pictures, mask = both[:, :channels], both[:, channels:] > 0.5
            touched = ~mask.flatten(1).all(1)
            out = pictures.clone()
            if bool(touched.any()):
                out[touched] = fill(pictures[touched], mask[touched])
            return out

        both = torch.cat([x, known.to(x)], 1)
        return in_tiles(through, both, size, overlap=0.5, batch_size=TILES)
    small = reduced(membrane(x, ~known), size).clamp(0, 1)
    seen = reduced(known.to(x), size) > 0.98
    if not bool(seen.flatten(1).any(1).all()):
        raise ValueError(f"nothing is known at the model's size of {size[1]}×{size[0]}: use tiles")
    return reduced(fill(small, seen), own).clamp(0, 1)


TILES = 1024  # at once, few of which have a hole
ANY_SIZE = ("Telea", "Navier-Stokes")


def inpainting_baselines(pca: Pca | None = None) -> dict[str, Fill]:
    """OpenCV's two ways to fill a hole, and the mean of fitted normal pictures given what is known."""
    found: dict[str, Fill] = {
        "Telea": lambda x, known: filters.telea(x, ~known),
        "Navier-Stokes": lambda x, known: filters.navier_stokes(x, ~known),
    }
    if pca is not None:
        found["conditional Gaussian"] = lambda x, known: conditional_mean(pca, x, known)
    return found
