"""What denoising, upscaling and inpainting have in common: pictures in, better ones out, and a score.

given ──model──► output      given ──each baseline──► others      (clean pictures: how far is each?)
                     └── groups of one size ──► Restoration: a table, a sheet, files
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import NarrowsError, Unavailable
from ..figures import methods
from ..images import as_source
from ..images.contents import content_keys
from ..images.inputs import Pictures
from ..images.outputs import named_outputs, write_pictures, write_restored
from ..images.sizes import Sized
from ..measures import Pca, psnr, squared_error, ssim
from ..progress import Progress, Step
from ..results import Result
from ..tables import Table, spread
from ..training.standing import MODEL
from .opening import opened_images, run_of

__all__ = [
    "LARGE",
    "MODEL",
    "Restoration",
    "Restored",
        "compared",
    "corruption_of",
    "fitted_pca",
    "middle",
    "run_baselines",
    "scores",
    "seen_note",
    "standing_notes",
    "takes_any_size",
    "through",
    "tile_note",
    "whole_only",
]  # fmt: skip

SHOWN = 8  # pictures of a sheet
MASKS = "masks"  # the folder of masks, beside the pictures
WIDEST = 192  # pixels of each
MIDDLE = 1024  # pixels on a side of what is compared of a larger picture
LARGE = MIDDLE**2  # pixels of a large picture, or of small ones that are restored together
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
        measured: scores that were taken before all but a part of the pictures was let go.
    """

    given: Tensor
    output: Tensor
    others: Mapping[str, Tensor] = field(default_factory=dict)
    clean: Tensor | None = None
    hole: Tensor | None = None
    measured: Mapping[str, Mapping[str, Tensor]] | None = None

    def scores(self) -> dict[str, dict[str, Tensor]]:
        """For what was given, the model and each baseline: mse, psnr and ssim per picture, (N,).

        Of a hole there is no ssim, and nothing was given. Nothing without clean pictures.
        """
        if self.measured is not None:
            return {name: dict(found) for name, found in self.measured.items()}
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

    def of_middle(self, side: int) -> Restored:
        """The same of the middle of each picture, at most ``side`` pixels wide and high."""

        def cut(x: Tensor | None) -> Any:
            return None if x is None else middle(x, side).clone()

        others = {name: cut(x) for name, x in self.others.items()}
        shown = {"given": cut(self.given), "output": cut(self.output), "others": others}
        return Restored(**shown, clean=cut(self.clean), hole=cut(self.hole))


def middle(x: Tensor, side: int = MIDDLE) -> Tensor:
    """The middle of pictures (N, C, H, W), at most ``side`` pixels wide and high."""
    high, wide = (min(length, side) for length in x.shape[2:])
    top, left = (x.shape[2] - high) // 2, (x.shape[3] - wide) // 2
    return x[:, :, top : top + high, left : left + wide]


def compared(
    restored: Restored, baselines: Mapping[str, Change], progress: Step | None = None
) -> tuple[Restored, list[str]]:
    """With what baselines make of it; of large pictures only the middle is kept, and scored.

    Returns:
        The pictures, and a note for each baseline that is not on this machine.
    """
    high, wide = restored.given.shape[2:]
    large = high * wide > LARGE
    side = WIDEST if restored.clean is None else MIDDLE  # without a score, what the sheet shows
    seen = restored.of_middle(side) if large else restored
    others, notes = run_baselines(seen.given, baselines, progress)
    found = replace(seen, others=others)
    if not large:
        return found, notes
    if found.clean is not None:
        sides = tuple(found.given.shape[2:])
        notes.append(f"of {wide}×{high} pixels the middle {sides[1]}×{sides[0]} is scored")
    return replace(found.of_middle(WIDEST), measured=found.scores()), notes


def run_baselines(
    x: Tensor, baselines: Mapping[str, Change], progress: Step | None = None
) -> tuple[dict[str, Tensor], list[str]]:
    """Each baseline's picture of x (N, C, H, W) in [0, 1], and why one is missing."""
    found, notes = {}, []
    for number, (name, change) in enumerate(baselines.items()):
        try:
            found[name] = change(x).clamp(0, 1)
        except Unavailable as error:
            notes.append(f"{name} is left out: {error}")
        if progress is not None:
            progress(number + 1, len(baselines))
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


@dataclass(frozen=True, repr=False)
class Restoration(Result):
    """Pictures of any sizes, restored.

    Attributes:
        groups: the pictures of each size, by every method.
        places: of each group's pictures among all, in the same order.
        ids: N names.
        outputs: what the model made of each, uint8 (C, H, W); known pixels are as they were.
        pictures: what is known of each, such as how far it moved.
        facts: what else was done, for the document.
        titles: what a method is called here, such as ``noisy`` for what was given.
        said: the result in one sentence.
        score: the title of the first column of scores.
        drawn: further figures, by name.
        files: where each picture was read from, whose EXIF and format its result keeps; None of
            pictures in memory.
        exact: whether pixels that were known have to stay as they are, so that every file is a PNG.
        masks: what was found to be hidden in each, uint8 (1, H, W), 255 where it is; none of most verbs.
        notes, skipped: as of every result.
    """

    name: ClassVar[str] = "restored"
    groups: Sequence[Restored]
    places: Sequence[Sequence[int]]
    ids: Sequence[str]
    outputs: Sequence[Tensor]
    pictures: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]
    titles: Mapping[str, str]
    said: str
    score: str = "PSNR (dB)"
    drawn: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[Path | None] = ()
    exact: bool = False
    masks: Sequence[Tensor] = ()
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    def rows(self) -> list[dict[str, Any]]:
        """A row for each method: mean and deviation of its scores; none without clean pictures."""
        rows = []
        for name, measures in scores(self.groups).items():
            row: dict[str, Any] = {"name": self.titles.get(name, name)}
            row["pictures"] = len(next(iter(measures.values())))
            for measure, values in measures.items():
                row[measure] = float(values.mean())
                row[f"{measure}_deviation"] = float(values.std(correction=0))
            rows.append(row)
        return rows

    def document(self) -> dict[str, Any]:
        """Scores of each method, and what is known of each picture."""
        return {
            **self.facts,
            "rows": self.rows(),
            "pictures": [dict(each) for each in self.pictures],
            "notes": list(self.notes),
            "skipped": [list(item) for item in self.skipped],
        }

    def table(self) -> Table:
        """Each method's mean score, with its deviation over the pictures if there are more."""
        rows = self.rows()
        columns: dict[str, list[Any]] = {"": [row["name"] for row in rows]}
        for measure, title, digits in (("psnr", self.score, 2), ("ssim", "SSIM", 3)):
            if any(measure in row for row in rows):
                columns[title] = [_cell(row, measure, digits) for row in rows]
        return Table(columns)

    def figures(self) -> dict[str, Any]:
        """What was given and what each method made of it, and what the verb draws besides."""
        return {"comparison": _sheet(self.groups, self.titles), **self.drawn}

    def save(self, folder: Path | str) -> dict[str, Any]:
        """The sheet, the document, and each picture, with what its file said of it.

        A JPEG comes back as a JPEG of quality 95 without subsampled colours, any other as a PNG.
        """
        folder = Path(folder)
        taken = [f"{name}.png" for name in ("comparison", *self.drawn)]
        files = self.files or [None] * len(self.ids)
        paths = write_restored(self.outputs, self.ids, files, folder, taken, exact=self.exact)
        others = {"pictures": paths}
        if self.masks:
            names = named_outputs(self.ids)
            others["masks"] = write_pictures(self.masks, names, folder / MASKS)
        return self._written(folder, others)

    def __str__(self) -> str:
        rows = self.rows()
        return "\n".join([*([str(self.table())] if rows else []), self.said])

    @staticmethod
    def of(
        groups: Sequence[Restored],
        places: Sequence[Sequence[int]],
        outputs: Mapping[int, Tensor],
        found: Sized,
        pictures: Mapping[int, Mapping[str, Any]],
        **others: Any,
    ) -> Restoration:
        """Of groups whose ``places`` are among the pictures of ``found``, not all of them restored.

        Raises:
            NarrowsError: nothing was left to do; the sentence holds the last reason.
        """
        if not groups:
            name, reason = found.skipped[-1]
            raise NarrowsError(f"none of the pictures could be done: {name}: {reason}")
        done = sorted(outputs)
        masks: Mapping[int, Tensor] = others.pop("masks", {})
        rank = {place: number for number, place in enumerate(done)}
        titles = others.get("titles", {})
        better = _better(groups, titles)
        return Restoration(
            groups,
            [[rank[place] for place in some] for some in places],
            [found.ids[place] for place in done],
            [outputs[place] for place in done],
            [{"id": found.ids[place], **pictures.get(place, {})} for place in done],
            files=[found.files[place] for place in done],
            masks=[masks[place] for place in done if place in masks],
            notes=tuple(dict.fromkeys([*found.notes, *better])),
            skipped=tuple(found.skipped),
            **others,
        )


def through(model: Any) -> Change:
    """A model as a function of pictures on any device."""

    def call(x: Tensor) -> Tensor:
        out: Tensor = model(x.to(model.device))
        return out

    return call


def corruption_of(model: Any) -> Any:
    """The corruption (a part) of the last phase of a model's training; None if there was none."""
    phases = getattr(model.recipe, "phases", ())
    return phases[-1].corruption if phases else None


def fitted_pca(
    model: Any, fit_on: Pictures | None, notes: list[str], progress: Progress = None
) -> Pca | None:
    """Principal components of pictures in the model's shape, for the linear baselines.

    ``notes`` gets what reading them ignored or guessed.
    """
    if fit_on is None:
        return None
    images = opened_images(model, fit_on, progress=progress)
    notes += getattr(images, "notes", ())
    return Pca.fit(images, max(1, min(Pca.most(images), 512)))


def standing_notes(model: Any, verb: str, task: str = "") -> list[str]:
    """Where a method without a model was better than it, or as good, when its training ended.

    Args:
        task: what is asked for; other tasks of that verb are left out where this one was measured.
    """
    found = [one for one in run_of(model).standings if one.purpose == verb]
    own = [one for one in found if one.task == task]
    return [one.note for one in own or found if one.note]


def seen_note(model: Any, x: Tensor) -> list[str]:
    """What to say where scores are of pictures uint8 (N, C, H, W) that the model was trained on."""
    if tuple(x.shape[1:]) != tuple(model.shape):
        return []
    run = run_of(model)
    if run.seen is None:
        return ["this model does not say which pictures it was trained on: these may be among them"]
    keys = content_keys(as_source(x))
    count = int(np.isin(keys, np.union1d(run.seen["train"], run.seen["validation"])).sum())
    if not count:
        return []
    return [
        f"the model has seen {count:,} of the {len(x):,} pictures in training: scores flatter it"
    ]


def tile_note(
    found: Sized, places: Sequence[int], size: tuple[int, int], model: Any, how: str
) -> str:
    """What becomes of pictures of another size than the model's; empty where they have it."""
    height, width = model.shape[1:]
    if size == (height, width):
        return ""
    small = how == "in tiles of" and size[0] <= height and size[1] <= width
    done = "continued by reflection to" if small else how
    return f"{_these(found, places, size)}: {done} {width}×{height}"


def _these(found: Sized, places: Sequence[int], size: tuple[int, int]) -> str:
    """Pictures of one size in words, width first."""
    told = f"{size[1]}×{size[0]}"
    return (
        f"{len(places)} pictures of {told}"
        if len(places) > 1
        else f"{found.ids[places[0]]}, {told}"
    )


def takes_any_size(model: Any) -> bool:
    """Whether what a model learnt holds in tiles of a larger picture.

    So it is of patches, and where neither code nor ladder knows a place in the picture: what a model
    of whole pictures learnt is where in the picture something is, such as an eye in a face.
    """
    preprocessing = getattr(model, "preprocessing", None)
    if preprocessing is not None and preprocessing.patches:
        return True
    knows = any(isinstance(one, nn.Linear) for one in model.ladder.modules())
    return len(model.code_shape) == 3 and not knows


def whole_only(
    model: Any,
    found: Sized,
    places: Sequence[int],
    size: tuple[int, int],
    remedy: str,
    it: str = "it",
) -> bool:
    """Whether a model of whole pictures cannot do pictures of this size, which are then skipped.

    Args:
        remedy: what else may be done, such as which model to train.
        it: what has the size.
    """
    if tuple(size) == tuple(model.shape[1:]) or takes_any_size(model):
        return False
    reason = (
        f"{it} is {size[1]}×{size[0]}, and this model was trained on whole pictures of "
        f"{model.shape[2]}×{model.shape[1]}, not on patches: {remedy}"
    )
    found.skipped += [(found.ids[place], reason) for place in places]
    return True


def _better(groups: Sequence[Restored], titles: Mapping[str, str]) -> list[str]:
    """What to say where a method without a model is nearer to the clean pictures."""
    means = {name: float(each["psnr"].mean()) for name, each in scores(groups).items()}
    if not means or means[MODEL] >= (most := max(means.values())):
        return []
    best = next(name for name, value in means.items() if value == most)
    named = (
        "what was given" if best == "as given" and best not in titles else titles.get(best, best)
    )
    return [f"{named} does better here: {most:.2f} dB, the model {means[MODEL]:.2f} dB"]


# ---- the sheet -----------------------------------------------------------------------------------


def _cell(row: Mapping[str, Any], measure: str, digits: int) -> str | None:
    deviation = row.get(f"{measure}_deviation") if row["pictures"] > 1 else None
    return spread(row.get(measure), deviation, digits)


def _sheet(groups: Sequence[Restored], titles: Mapping[str, str]) -> Any:
    """One picture of what was given and what each method made of it.

    Large ones are shown by their middle, or by what is around the hole; with holes, only those of
    the first size.
    """
    chosen: list[Restored] = []
    for group in list(groups)[:1] if groups[0].hole is not None else groups:
        if sum(len(one.given) for one in chosen) < SHOWN:
            chosen.append(group)
    common = set.intersection(*(set(group.others) for group in chosen))
    height, width = (min(group.given.shape[axis] for group in chosen) for axis in (2, 3))
    if groups[0].hole is None:
        height, width = min(height, WIDEST), min(width, WIDEST)
    else:
        height, width = _window_of(groups[0].hole[:SHOWN], height, width)
    rows: dict[str, list[Any]] = {}
    decibels: dict[str, list[float]] = {}
    for group in chosen:
        left = SHOWN - len(next(iter(rows.values()), []))
        shown = {"as given": group.given, MODEL: group.output}
        shown |= {name: x for name, x in group.others.items() if name in common}
        if group.clean is not None:
            shown = {"original": group.clean, **shown}
        corners = _corners(group, height, width)
        for name, x in shown.items():
            some = [
                picture[:, top : top + height, side : side + width].cpu().numpy()
                for picture, (top, side) in zip(x[:left], corners, strict=False)
            ]
            rows.setdefault(titles.get(name, name), []).extend(some)
        for name, each in group.scores().items():
            if name in shown:
                decibels.setdefault(titles.get(name, name), []).extend(each["psnr"][:left].tolist())
    return methods({name: np.stack(each) for name, each in rows.items()}, decibels)


def _window_of(hole: Tensor, height: int, width: int) -> tuple[int, int]:
    """The size of a window that shows every hole (N, 1, H, W) with as much again around it."""
    sizes = []
    for axis, whole in ((3, height), (2, width)):
        there = hole.any(axis)[:, 0].int()  # (N, H) or (N, W)
        last, begin = there.flip(1).argmax(1), there.argmax(1)
        widest = int((there.shape[1] - last - begin).max())
        sizes.append(min(whole, max(WIDEST, 2 * widest)))
    return sizes[0], sizes[1]


def _corners(group: Restored, height: int, width: int) -> list[tuple[int, int]]:
    """Top and left of each picture's window: around its middle, or its hole's, inside the picture."""
    count, _, high, wide = group.given.shape
    middles = [(high // 2, wide // 2)] * count
    if group.hole is not None:
        middles = [
            tuple(place[:, 1:].float().mean(0).round().int().tolist())
            for place in (hole.nonzero() for hole in group.hole)
        ]
    return [
        (
            max(0, min(y - height // 2, high - height)),
            max(0, min(x - width // 2, wide - width)),
        )
        for y, x in middles
    ]
