"""Arguments and options that several verbs share, and how a verb opens pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..images import Images

__all__ = [
    "Baselines",
    "Collection",
    "Device",
    "Files",
    "Fit",
    "FitOn",
    "FitSize",
    "Gray",
    "Json",
    "Limit",
    "Model",
    "ModelOrCollection",
    "Moved",
    "OfModel",
    "Out",
    "Pictures",
    "Resize",
    "Seed",
    "Size",
    "Split",
    "Version",
    "Where",
    "counting",
    "distinct",
    "gathered",
    "number",
    "output_names",
    "parsed_size",
    "pictures",
    "pictures_like",
    "place",
    "sheet_or_folder",
    "summary",
]  # fmt: skip

Pictures = Annotated[
    str, typer.Argument(help="A folder, an .npz, .npy or IDX file, or a named set (narrows data).")
]
Model = Annotated[Path, typer.Argument(help="The folder that [bold]narrows train[/] wrote.")]
Collection = Annotated[
    str, typer.Argument(help="The folder or address that [bold]narrows index[/] wrote to.")
]
ModelOrCollection = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL|COLLECTION",
        help="The folder that [bold]narrows train[/] wrote, or one that [bold]narrows index[/] wrote.",
    ),
]
OfModel = Annotated[
    str | None,
    typer.Argument(
        help="With a model: a folder, an .npz, .npy or IDX file, or a named set. A collection has its own."
    ),
]
Where = Annotated[
    str | None,
    typer.Option(help="Only rows that pass, such as \"label = 'cat' and width > 500\"."),
]
Version = Annotated[
    int | None, typer.Option(help="A version of the collection; the newest whole one by default.")
]
Moved = Annotated[
    Path | None, typer.Option(help="The model, where it moved since the collection was made.")
]
Size = Annotated[
    str | None,
    typer.Option(
        help="Height and width in pixels: 64, or 45x37. Default: 64 for a folder, the set's own otherwise."
    ),
]
Gray = Annotated[bool, typer.Option("--gray", help="Read the pictures as gray.")]
Fit = Annotated[
    str, typer.Option(help="How a picture meets --size: crop, pad or stretch.", show_default=True)
]
Split = Annotated[
    str | None, typer.Option(help="Only this part of the set: train, validation or test.")
]
Seed = Annotated[int, typer.Option(help="Of every random draw.", show_default=True)]
Files = Annotated[list[str], typer.Argument(help="Picture files, folders, arrays or named sets.")]
Limit = Annotated[
    int | None, typer.Option(help="At most so many pictures, evenly spread over all of them.")
]


def _folder(out: Path) -> Path:
    """Refuse a picture's name, which would become a folder's."""
    if out.suffix.lower() in (".png", ".jpg", ".jpeg", ".gif", ".webp") and not out.is_dir():
        raise ValueError(f"-o is a folder for the results; we got {out}")
    return out


Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.", callback=_folder)]
Resize = Annotated[
    str | None,
    typer.Option(
        help="Bring each picture to the model's size first: crop, pad or stretch. Default: its own "
        "size, in overlapping tiles of the model's."
    ),
]
FitOn = Annotated[
    str | None,
    typer.Option(
        metavar="PICTURES", help="Fit what has to be fitted, and linear baselines, to these."
    ),
]
FitSize = Annotated[
    int, typer.Option(help="Learn from at most so many pictures, evenly spread over all of them.")
]
Baselines = Annotated[
    bool, typer.Option("--baselines/--no-baselines", help="Whether to compare with baselines.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, mps.", show_default=True)]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def sheet_or_folder(out: Path | None, files: bool, name: str) -> Path:
    """Where pictures go: -o, or a PNG or folder of that name.

    Raises:
        ValueError: one sheet is wanted, and -o is no PNG.
    """
    if out is None:
        out = Path(name if files else f"{name}.png")
    if not files and out.suffix.lower() != ".png":
        raise ValueError(f"-o names a PNG, or with --files a folder; we got {str(out)!r}")
    return out


def number(text: str) -> tuple[str, int | float]:
    """``components=10`` → the name and the number."""
    key, _, value = text.partition("=")
    for of in (int, float):
        try:
            return key.strip().replace("-", "_"), of(value)
        except ValueError:
            continue
    raise ValueError(f"--set takes NAME=NUMBER, such as components=10; we got {text!r}")


def parsed_size(text: str | None) -> tuple[int, int] | None:
    """``64`` or ``45x37`` (height x width)."""
    if text is None:
        return None
    try:
        numbers = [int(piece) for piece in text.lower().replace("×", "x").split("x")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or min(numbers, default=0) < 1:
        raise ValueError(f"--size is a number of pixels such as 64 or 45x37; we got {text!r}")
    return numbers[0], numbers[-1]


def pictures(
    what: str,
    size: str | None = None,
    gray: bool = False,
    fit: str = "crop",
    center_crop: int | None = None,
    mode: str | None = None,
) -> Any:
    """Open pictures, with a progress bar on a terminal."""
    from ..images import open_source

    with counting("reading pictures") as progress:
        return open_source(
            what,
            size=parsed_size(size),
            mode="gray" if gray else mode,
            fit=fit,
            center_crop=center_crop,
            progress=progress,
        )


def pictures_like(model: Any, what: str, fit: str = "crop") -> Any:
    """Open pictures in the shape that a model takes."""
    channels, height, width = model.shape
    mode = "rgb" if channels == 3 else None
    return pictures(what, f"{height}x{width}", channels == 1, fit, mode=mode)


def gathered(model: Any, files: list[str], limit: int | None, fit: str) -> Images:
    """Picture files, folders and sets as one collection in the shape that a model takes.

    A file that cannot be read is in ``skipped``; if none can, the last reason is raised.
    """
    import numpy as np

    from ..errors import NoImages, UnreadableImage
    from ..images import Images, read
    from ..images.arrays import is_array_file

    channels, height, width = model.shape
    mode: Any = "gray" if channels == 1 else "rgb"
    manner: Any = fit
    pixels: list[Any] = []
    ids: list[str] = []
    skipped: list[tuple[str, str]] = []
    for name in files:
        path = Path(name)
        if path.is_file() and not is_array_file(path):
            try:
                pixels.append(read(path, size=(height, width), mode=mode, fit=manner)[None])
                ids.append(path.name)
            except UnreadableImage as error:
                skipped.append((name, str(error)))
            continue
        found = pictures_like(model, name, fit)
        count = len(found) if limit is None else min(limit, len(found))
        pixels.append(found.select(np.arange(count)).pixels.numpy())
        ids += list(found.ids[:count])
        skipped += list(found.skipped)
    if not ids:
        reason = f": {skipped[-1][0]}: {skipped[-1][1]}" if skipped else ""
        raise NoImages(f"none of the files is a picture that can be read{reason}")
    return Images(np.concatenate(pixels), ids=distinct(ids), skipped=skipped)


def distinct(ids: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """The ids, those that are there already (or ``taken``) with a number."""
    used, counts = set(taken), dict.fromkeys(taken, 1)
    out = []
    for id_ in ids:
        stem, dot, suffix = id_.rpartition(".")
        name = id_
        while name in used:
            counts[id_] = counts.get(id_, 1) + 1
            name = f"{stem}-{counts[id_]}{dot}{suffix}" if dot else f"{id_}-{counts[id_]}"
        used.add(name)
        out.append(name)
    return out


def output_names(ids: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """A PNG's relative path for each id, inside the output folder whatever the id says.

    ``taken`` are names that the verb itself writes there, such as its sheet.
    """
    names = []
    for id_ in ids:
        pieces = [p for p in Path(id_.replace("\\", "/")).parts if p not in ("/", "..", ".")]
        names.append(str(Path(*pieces).with_suffix(".png")) if pieces else "picture.png")
    return distinct(names, taken)


def place(model: Any, device: str) -> None:
    """Put a model where it is to be used, in float32."""
    from ..training import select_device

    select_device(device, "float32").place(model)


def summary(images: Images) -> str:
    """One line, and one more for what was skipped."""
    lines = [images.description]
    skipped = list(getattr(images, "skipped", ()))
    if skipped:
        lines.append(f"skipped {len(skipped)}:")
        lines += [f"  {name}: {reason}" for name, reason in skipped[:10]]
        if len(skipped) > 10:
            lines.append(f"  … and {len(skipped) - 10} more (all of them with --json)")
    return "\n".join(lines)


class counting:
    """A progress bar with the time left on a terminal; nothing elsewhere. Gives progress(done, total)."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Callable[[int, int], None]:
        return self._moved

    def _moved(self, done: int, total: int) -> None:
        if self._bar is None:
            if not sys.stderr.isatty():
                return
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self.title, total=total)
        self._bar.update(self._task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
