"""``narrows inpaint``: holes in pictures filled by what a model knows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options, restoring
from .app import app, printed

if TYPE_CHECKING:
    from torch import Tensor

    from ..applications import CodeGaussian
    from ..parts import Part

__all__ = ["inpaint"]

SHAPES = {"tiles": "in tiles of", "whole": "filled at the model's"}
HOLES = ("patch", "rectangle", "dropout-mask")  # corruptions that hide what is there


@app.command()
def inpaint(
    model: options.Model,
    files: restoring.Files,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path(
        "inpainted"
    ),
    mask: Annotated[
        Path | None, typer.Option(help="A picture of the same size: white is filled, black stays.")
    ] = None,
    rectangle: Annotated[
        str | None, typer.Option(help="x,y,w,h in pixels from the top left: what is filled.")
    ] = None,
    colour: Annotated[
        str | None, typer.Option(help="Pixels of exactly this colour are filled, such as #ff00ff.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="model: once through one that was trained on pictures with holes. projection: the "
            "closest picture on the manifold. Default: as the model was trained."
        ),
    ] = None,
    score: Annotated[
        bool,
        typer.Option(
            "--score", help="What the mask hides is real: measure the filling against it."
        ),
    ] = False,
    tiles: Annotated[
        bool,
        typer.Option(
            "--tiles", help="Pictures of another size in tiles of the model's, not as a whole."
        ),
    ] = False,
    starts: Annotated[int, typer.Option(help="Starts of the projection for each picture.")] = 4,
    evaluations: Annotated[int, typer.Option(help="Of the energy, for each start.")] = 60,
    variance: Annotated[
        float | None,
        typer.Option(
            help="Squared error of a good reconstruction, per value. Default: measured on "
            "--fit-on, else 0.01."
        ),
    ] = None,
    fit_on: Annotated[
        str | None,
        typer.Option(
            "--fit-on",
            metavar="PICTURES",
            help="Learn from these where codes lie, and fit the linear baseline to them.",
        ),
    ] = None,
    with_baselines: restoring.Beside = True,
    limit: restoring.Limit = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Fill holes in pictures; every pixel outside them stays as it is. Classical fillings stand beside.

    Example: [bold]narrows inpaint runs/conv-vae-faces a.png --rectangle 16,16,32,32 -o out/[/]
    """
    import torch

    from ..applications import by_model, by_projection, inpainting_baselines
    from ..applications import inpaint as apply
    from ..errors import NarrowsError
    from ..training import load

    mark = marker(mask, rectangle, colour)
    if starts < 1 or evaluations < 2:
        raise ValueError(
            f"--starts is at least 1 and --evaluations at least 2; we got {starts} and {evaluations}"
        )
    loaded = load(model)
    options.place(loaded, device)
    corruption = trained_with(loaded)
    holes = corruption if corruption and corruption.name in HOLES else None
    chosen = by or ("model" if holes else "projection")
    if chosen not in ("model", "projection"):
        raise ValueError(f"--by is model or projection; we got {by!r}")
    whole = "tiles" if tiles else "whole"
    found = restoring.opened(loaded, files, limit, None, SHAPES[whole])
    pca = restoring.fitted_pca(loaded, fit_on, None) if with_baselines else None
    if chosen == "model":
        value = 0.0 if holes and holes.name == "dropout-mask" else 0.5
        fill = by_model(
            restoring.through(loaded), holes.arguments.get("value", value) if holes else value
        )
        if holes is None:
            found.notes.append("this model was not trained on holes: --by projection may do better")
    else:
        codes, spread = where_codes_lie(loaded, fit_on)
        fill = by_projection(
            lambda x: loaded.posterior(x).z, loaded.decode, codes,
            variance=spread if variance is None else variance,
            starts=starts, evaluations=evaluations, seed=seed,
            batch_size=32 if loaded.device.type == "cpu" else 2048,
        )  # fmt: skip

    size = (loaded.shape[1], loaded.shape[2])
    names = options.output_names(found.ids, ("comparison.png",))
    groups, pictures = [], []
    for group in found.groups:
        marked, kept = [], []
        for place, i in enumerate(group.numbers):
            try:
                marked.append(mark(found.origins[i], group.pixels[place], found.ids[i]))
                kept.append(place)
            except NarrowsError as error:
                found.skipped.append((found.ids[i], str(error)))
        if not kept:
            continue
        hole = torch.stack(marked)
        pixels = group.pixels[kept]
        x = (pixels.float() / 255).to(loaded.device)
        with options.counting("filling") as progress:
            result, notes = apply(
                partial(fill, progress=progress), x, hole.to(loaded.device), size, tiles=tiles,
                clean=x if score else None,
                baselines=inpainting_baselines(pca) if with_baselines else None,
            )  # fmt: skip
        found.notes += [note for note in notes if note not in found.notes]
        groups.append(result)
        filled = torch.where(hole, (result.output.cpu() * 255).round().byte(), pixels)
        numbers = [group.numbers[place] for place in kept]
        written = restoring.write(filled, [names[i] for i in numbers], out)
        for i, file, each in zip(numbers, written, hole, strict=True):
            pictures.append({"id": found.ids[i], "file": file, "filled": int(each.sum())})
    restoring.some(groups, found)
    titles = {"as given": "with its hole"}
    sheet = restoring.sheet(groups, out / "comparison.png", titles)
    rows = restoring.document(groups, found, titles)
    document = {
        "sheet": sheet, "by": chosen, "rows": rows, "pictures": pictures, "notes": found.notes,
        "skipped": [list(item) for item in found.skipped],
    }  # fmt: skip
    lines = [restoring.table(rows, "PSNR in the hole")] if rows else []
    lines += [f"{restoring.counted(len(pictures))} filled by {chosen} in {out}", f"look at {sheet}"]
    printed(document, as_json, "\n".join(lines))


Marker = Callable[[Path | None, "Tensor", str], "Tensor"]


def marker(mask: Path | None, rectangle: str | None, colour: str | None) -> Marker:
    """What tells the hole (1, H, W) of a picture from its file, its pixels uint8 (C, H, W) and name.

    Raises:
        ValueError: not exactly one of the three, or one that does not parse.
        UnreadableImage: the mask cannot be read.
    """
    import torch

    from ..errors import NarrowsError
    from ..images import read

    given = [name for name, value in _named(mask, rectangle, colour) if value is not None]
    if len(given) != 1:
        got = " and ".join(given) or "none"
        raise ValueError(f"give one of --mask, --rectangle and --colour; we got {got}")
    white = None if mask is None else read(mask, mode="gray") >= 128
    box = None if rectangle is None else _rectangle(rectangle)
    wanted = None if colour is None else torch.tensor(_colour(colour))[:, None, None]

    def mark(file: Path | None, pixels: Tensor, name: str) -> Tensor:
        height, width = pixels.shape[1:]
        if white is not None:
            if tuple(white.shape[1:]) != (height, width):
                raise NarrowsError(
                    f"the mask {mask} is {white.shape[1]}×{white.shape[2]} but {name} is "
                    f"{height}×{width}: give a mask of the picture's size"
                )
            hole = white
        elif box is not None:
            x, y, w, h = box
            if x + w > width or y + h > height:
                raise NarrowsError(
                    f"the rectangle {rectangle} reaches beyond {name}, which is {width} wide and "
                    f"{height} high"
                )
            hole = torch.zeros(1, height, width, dtype=torch.bool)
            hole[:, y : y + h, x : x + w] = True
        else:
            assert wanted is not None
            coloured = pixels if file is None else read(file, mode="rgb")
            hole = (coloured == wanted).all(0, keepdim=True)
        if not hole.any():
            what = "the mask is empty" if wanted is None else f"no pixel has the colour {colour}"
            raise NarrowsError(f"{what}, so there is nothing to fill in {name}")
        if hole.all():
            raise NarrowsError(f"the mask covers all of {name}, so nothing of it is known")
        return hole

    return mark


def _named(*values: object) -> list[tuple[str, object]]:
    return list(zip(("--mask", "--rectangle", "--colour"), values, strict=True))


def _rectangle(text: str) -> tuple[int, int, int, int]:
    try:
        x, y, w, h = (int(piece) for piece in text.split(","))
    except ValueError:
        x, y, w, h = -1, -1, 0, 0
    if x < 0 or y < 0 or w < 1 or h < 1:
        raise ValueError(f"--rectangle is x,y,w,h in pixels, such as 16,16,32,32; we got {text!r}")
    return x, y, w, h


def _colour(text: str) -> list[int]:
    digits = text.removeprefix("#")
    try:
        if len(digits) != 6:
            raise ValueError
        return list(bytes.fromhex(digits))
    except ValueError:
        raise ValueError(f"--colour is written as #ff00ff; we got {text!r}") from None


def trained_with(model: Any) -> Part | None:
    """The corruption of the last phase of a model's training, if there was one."""
    phases = getattr(model.recipe, "phases", ())
    found: Part | None = phases[-1].corruption if phases else None
    return found


def where_codes_lie(model: Any, what: str | None) -> tuple[CodeGaussian, float]:
    """The prior of codes that projection goes by, and how far a good reconstruction is from a value.

    Fitted to at most 5,000 pictures if there are any, else what a variational model was trained to.

    Raises:
        ValueError: neither.
    """
    from ..applications import CodeGaussian
    from ..images import as_source
    from ..measures import squared_error
    from ..randomness import permutation

    if what is None:
        if not model.bottleneck.generative:
            raise ValueError(
                "projection has to know where codes lie, and this model has no prior: add "
                "--fit-on PICTURES, such as those it was trained on"
            )
        return CodeGaussian.standard(model.code_shape), 0.01
    images = as_source(options.pictures_like(model, what))
    chosen = permutation(0, "inpaint", len(images))[:5000]
    with options.counting("encoding") as progress:
        codes = model.encode(images.batch(chosen), progress=progress).z
    some = images.batch(chosen[:500])
    error = float(squared_error(some, model.reconstruct(some)).mean())
    return CodeGaussian.of(codes), max(error, 1e-4)
