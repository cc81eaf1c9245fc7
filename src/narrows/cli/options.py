"""Arguments and options that several verbs share, and how a verb opens pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..images import Images

__all__ = [
    "Baselines",
    "Collection",
    "Device",
    "Features",
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
    "Sheet",
    "Size",
    "Split",
    "Version",
    "Where",
    "apart",
    "number",
    "parsed_size",
    "pictures",
    "sheet_or_folder",
    "summary",
]  # fmt: skip

Pictures = Annotated[
    str, typer.Argument(help="A folder, an .npz, .npy or IDX file, or a named set (narrows data).")
]
Model = Annotated[
    str,
    typer.Argument(
        help="The folder that [bold]narrows train[/] wrote, or hf://owner/name of one on the hub."
    ),
]
Collection = Annotated[
    str, typer.Argument(help="The folder or address that [bold]narrows index[/] wrote to.")
]
ModelOrCollection = Annotated[
    str,
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
    typer.Option(
        help="Only rows of a collection that pass, such as \"label = 'cat' and width > 500\"."
    ),
]
Features = Annotated[
    str | None,
    typer.Option(
        help="What stands for a picture: codes, pca, pixels (16x16), colours (histograms of 4x4 cells), "
        "patches (k-means features), or joined (codes and the last three). Default: codes, or what the "
        "collection holds."
    ),
]
Version = Annotated[
    int | None, typer.Option(help="A version of the collection. Default: the newest complete one.")
]
Moved = Annotated[
    str | None,
    typer.Option(help="The model's folder, if it has moved since the collection was made."),
]
Size = Annotated[
    str | None,
    typer.Option(
        help="Height and width in pixels: 64, or 45x37. Default: 64 for a folder, the set's own otherwise."
    ),
]
Gray = Annotated[bool, typer.Option("--gray", help="Read the pictures as gray.")]
Fit = Annotated[
    str,
    typer.Option(
        help="How a picture is brought to --size: crop, pad or stretch.", show_default=True
    ),
]
Split = Annotated[
    str | None, typer.Option(help="Only this part of the set: train, validation or test.")
]
Seed = Annotated[int, typer.Option(help="Seed of every random draw.", show_default=True)]
Files = Annotated[list[str], typer.Argument(help="Picture files, folders, arrays or named sets.")]
Limit = Annotated[
    int | None, typer.Option(help="At most this many pictures, evenly spread over all of them.")
]


def _folder(out: Path) -> Path:
    """Refuse a picture's name, which would become a folder's."""
    if out.suffix.lower() in (".png", ".jpg", ".jpeg", ".gif", ".webp") and not out.is_dir():
        raise ValueError(f"-o is a folder for the results; we got {out}")
    return out


def _sheet(out: Path) -> Path:
    """Refuse the name of a picture that is no PNG."""
    return out if out.suffix.lower() == ".png" else _folder(out)


Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.", callback=_folder)]
Sheet = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        help="Folder for the results, or a PNG for the picture alone.",
        callback=_sheet,
    ),
]
Resize = Annotated[
    str | None,
    typer.Option(
        help="Bring each picture to the model's size first: crop, pad or stretch. Default: its own "
        "size, with a model of patches in overlapping tiles."
    ),
]
FitOn = Annotated[
    str | None,
    typer.Option(
        metavar="PICTURES",
        help="Pictures that the linear baseline is fitted to, and what else has to be fitted.",
    ),
]
FitSize = Annotated[
    int, typer.Option(help="Learn from at most this many pictures, evenly spread over all of them.")
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


def apart(out: Path, files: Sequence[str]) -> None:
    """Refuse results among the pictures that they are of, which they would replace.

    Raises:
        ValueError: ``out`` is one of the folders given, or a file that was given lies in it.
    """
    for one in files:
        path = Path(one).expanduser()
        where = path if path.is_dir() else path.parent
        if path.exists() and out.exists() and where.samefile(out):
            raise ValueError(
                f"the results would lie among the pictures, and replace those of the same name: name "
                f"another folder than {out} with -o"
            )


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
    from ..progress import stage

    with stage(None, "reading pictures") as step:
        return open_source(
            what,
            size=parsed_size(size),
            mode="gray" if gray else mode,
            fit=fit,
            center_crop=center_crop,
            progress=step,
        )


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
