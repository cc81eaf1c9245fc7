"""What denoise, upscale and inpaint share: opening pictures at their own size, sheets, tables, files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ..applications import Restored
    from ..measures import Pca

__all__ = [
    "Beside", "Files", "FittedTo", "Group", "Limit", "Opened", "Resized", "counted", "document",
    "fitted_pca", "opened", "sheet", "some", "table", "through", "write",
]  # fmt: skip

SHOWN = 8  # pictures of a sheet
WIDEST = 192  # pixels of each

Files = Annotated[list[str], typer.Argument(help="Picture files, folders, arrays or named sets.")]
Limit = Annotated[int | None, typer.Option(help="At most so many pictures of each.")]
Resized = Annotated[
    str | None,
    typer.Option(
        "--fit",
        help="Bring each picture to the model's size first: crop, pad or stretch. Default: its own "
        "size, in overlapping tiles of the model's.",
    ),
]
FittedTo = Annotated[
    str | None,
    typer.Option(
        "--fit-on", metavar="PICTURES", help="Fit the linear baseline to these and show it too."
    ),
]
Beside = Annotated[
    bool,
    typer.Option("--baselines/--no-baselines", help="Whether baselines stand beside the model."),
]


@dataclass
class Group:
    """Pictures of one size: their places among all, and uint8 (N, C, H, W)."""

    numbers: list[int]
    pixels: Tensor

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[2], self.pixels.shape[3]

    def floats(self) -> Tensor:
        """float32 (N, C, H, W) in [0, 1]."""
        return self.pixels.float() / 255


@dataclass
class Opened:
    """Pictures of any sizes, in groups of one, with what has to be said about them.

    ``origins`` are the files, None for pictures of an array or a set.
    """

    ids: list[str]
    origins: list[Path | None]
    groups: list[Group]
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def opened(
    model: Any,
    files: list[str],
    limit: int | None,
    fit: str | None,
    tiled: str | None = "in tiles of",
) -> Opened:
    """Read pictures in the model's mode: at its size if ``fit`` says how, else at their own.

    ``tiled`` says what becomes of other sizes; None leaves it unsaid.

    Raises:
        NoImages: none of them can be read; the sentence holds the last reason.
    """
    channels, height, width = model.shape
    if fit is not None:
        images = options.gathered(model, files, limit, fit)
        group = Group(list(range(len(images))), images.pixels.contiguous())
        return Opened(list(images.ids), [None] * len(images), [group], list(images.skipped))
    ids, origins, pictures, skipped, coloured = _at_own_size(channels, files, limit)
    found = Opened(ids, origins, _grouped(pictures), skipped)
    if coloured and channels == 1:
        found.notes.append(
            f"{coloured} of the pictures in colour, read as gray: the model takes one channel"
        )
    for group in found.groups:
        h, w = group.size
        if tiled is not None and (h, w) != (height, width):
            count = len(group.numbers)
            what = (
                f"{count} pictures of {h}×{w}" if count > 1 else f"{ids[group.numbers[0]]}, {h}×{w}"
            )
            small = tiled == "in tiles of" and h <= height and w <= width
            done = "continued by reflection to" if small else tiled
            found.notes.append(f"{what}: {done} {height}×{width}")
    return found


def _at_own_size(
    channels: int, files: list[str], limit: int | None
) -> tuple[list[str], list[Path | None], list[Tensor], list[tuple[str, str]], int]:
    """Ids, files, uint8 (C, H, W) each, what was skipped and why, and how many hold colours."""
    import torch

    from ..errors import NoImages, UnreadableImage
    from ..images import open_source, read
    from ..images.arrays import is_array_file

    mode: Any = "gray" if channels == 1 else "rgb"
    ids: list[str] = []
    origins: list[Path | None] = []
    pictures: list[Tensor] = []
    skipped: list[tuple[str, str]] = []
    coloured = 0
    for name in files:
        path = Path(name).expanduser()
        if path.is_dir() or path.is_file() and not is_array_file(path):
            for file in _inside(path)[:limit]:
                try:
                    pictures.append(read(file, mode=mode))
                    ids.append(str(file.relative_to(path)) if path.is_dir() else path.name)
                    origins.append(file)
                    coloured += channels == 1 and _has_colour(file)
                except UnreadableImage as error:
                    skipped.append((str(file), str(error)))
            continue
        if not path.exists() and path.suffix and not is_array_file(path):
            skipped.append((name, "there is no such file"))
            continue
        source = open_source(name, mode=mode)
        count = len(source) if limit is None else min(limit, len(source))
        chosen = torch.arange(count)
        pixels = source.take(chosen) if hasattr(source, "take") else _bytes(source.batch(chosen))
        pictures += list(pixels.cpu())
        names = getattr(source, "ids", None)
        ids += [str(i) for i in range(count)] if names is None else list(names[:count])
        origins += [None] * count
    if not ids:
        reason = f": {skipped[-1][0]}: {skipped[-1][1]}" if skipped else ""
        raise NoImages(f"none of the files is a picture that can be read{reason}")
    return options.distinct(ids), origins, pictures, skipped, coloured


def _inside(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    below = (p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    return sorted(below)


def _has_colour(path: Path) -> bool:
    from PIL import Image

    with Image.open(path) as image:
        return image.mode not in ("1", "L", "LA", "La", "I", "F") and not image.mode.startswith(
            "I;"
        )


def _bytes(x: Tensor) -> Tensor:
    import torch

    return (x.clamp(0, 1) * 255).round().to(torch.uint8)


def _grouped(pictures: Sequence[Tensor]) -> list[Group]:
    import torch

    places: dict[tuple[int, ...], list[int]] = {}
    for i, picture in enumerate(pictures):
        places.setdefault(tuple(picture.shape), []).append(i)
    return [
        Group(numbers, torch.stack([pictures[i] for i in numbers])) for numbers in places.values()
    ]


def through(model: Any) -> Callable[[Tensor], Tensor]:
    """A model as a function of pictures on any device, for applications."""

    def call(x: Tensor) -> Tensor:
        out: Tensor = model(x.to(model.device))
        return out

    return call


def fitted_pca(model: Any, what: str | None, fit: str | None) -> Pca | None:
    """Principal components of pictures in the model's shape, for the linear baselines."""
    if what is None:
        return None
    from ..measures import Pca

    images = options.pictures_like(model, what, fit or "crop")
    return Pca.fit(images, max(1, min(Pca.most(images), 512)))


def write(pictures: Tensor, ids: Sequence[str], out: Path) -> list[str]:
    """A PNG of each picture (N, C, H, W) in [0, 1] or uint8; gives the paths."""
    import torch

    from ..figures import save

    paths = []
    for picture, name in zip(pictures, ids, strict=True):
        pixels = picture if picture.dtype == torch.uint8 else _bytes(picture)
        paths.append(str(save(pixels.permute(1, 2, 0).cpu().numpy(), out / name)))
    return paths


def sheet(groups: Sequence[Restored], path: Path, names: dict[str, str] | None = None) -> str:
    """One picture of what was given and what each method made of it.

    Large ones are shown by their middle, or by what is around the hole; with holes, only those of the
    first size.
    """
    import numpy as np

    from ..figures import methods, save

    renamed = names or {}
    chosen = list(groups)[:1] if groups[0].hole is not None else list(groups)
    common = set.intersection(*(set(group.others) for group in chosen))
    height, width = (min(group.given.shape[axis] for group in chosen) for axis in (2, 3))
    if groups[0].hole is None:
        height, width = min(height, WIDEST), min(width, WIDEST)
    else:
        height, width = _window_of(groups[0].hole[:SHOWN], height, width)
    rows: dict[str, list[np.ndarray[Any, Any]]] = {}
    decibels: dict[str, list[float]] = {}
    for group in chosen:
        left = SHOWN - len(next(iter(rows.values()), []))
        shown = {"as given": group.given, "model": group.output}
        shown |= {name: x for name, x in group.others.items() if name in common}
        if group.clean is not None:
            shown = {"original": group.clean, **shown}
        corners = _corners(group, height, width)
        for name, x in shown.items():
            some = [
                picture[:, top : top + height, side : side + width].cpu().numpy()
                for picture, (top, side) in zip(x[:left], corners, strict=False)
            ]
            rows.setdefault(renamed.get(name, name), []).extend(some)
        for name, scores in group.scores().items():
            if name in shown:
                decibels.setdefault(renamed.get(name, name), []).extend(
                    scores["psnr"][:left].tolist()
                )
    save(methods({name: np.stack(each) for name, each in rows.items()}, decibels), path)
    return str(path)


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


def counted(n: int) -> str:
    """``1 picture``, ``2 pictures``."""
    return f"{n:,} picture{'s' if n != 1 else ''}"


def some(groups: Sequence[Restored], found: Opened) -> None:
    """Refuse when nothing was left to do, after saying what was skipped.

    Raises:
        NarrowsError: no group; the sentence holds the last reason.
    """
    from ..errors import NarrowsError

    if not groups:
        document([], found)
        name, reason = found.skipped[-1]
        raise NarrowsError(f"none of the pictures could be done: {name}: {reason}")


def table(rows: Sequence[dict[str, Any]], first: str = "PSNR (dB)") -> str:
    """Methods as aligned text, each mean with its deviation over the pictures, if there are more."""
    wide = max((len(row["name"]) for row in rows), default=0)
    with_ssim = any("ssim" in row for row in rows)
    lines = [f"{'':<{wide}}  {first:>15}" + (f"  {'SSIM':>15}" if with_ssim else "")]
    for row in rows:
        cells = [_spread(row, "psnr", 2)]
        if with_ssim:
            cells.append(_spread(row, "ssim", 3) if "ssim" in row else "–")
        lines.append(f"{row['name']:<{wide}}  " + "  ".join(f"{cell:>15}" for cell in cells))
    return "\n".join(lines)


def _spread(row: dict[str, Any], name: str, digits: int) -> str:
    mean, deviation = f"{row[name]:.{digits}f}", f"{row[f'{name}_deviation']:.{digits}f}"
    return f"{mean} ± {deviation}" if row["pictures"] > 1 else mean


def document(
    groups: Sequence[Restored], found: Opened, names: dict[str, str] | None = None
) -> list[dict[str, Any]]:
    """The rows of the table, as numbers; and what was skipped or has to be said, on standard error."""
    from ..applications import scores

    for name, reason in found.skipped:
        print(f"skipped {name}: {reason}", file=sys.stderr)
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    rows = []
    for name, measures in (scores(groups) if groups else {}).items():
        row: dict[str, Any] = {"name": (names or {}).get(name, name)}
        row["pictures"] = len(next(iter(measures.values())))
        for measure, values in measures.items():
            row[measure] = float(values.mean())
            row[f"{measure}_deviation"] = float(values.std(correction=0))
        rows.append(row)
    return rows
