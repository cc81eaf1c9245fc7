"""``narrows segment``: learn the class of each pixel from masks, and find it in other pictures."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed

if TYPE_CHECKING:
    from torch import Tensor

    from ..images import Masked

__all__ = ["segment"]

segment = typer.Typer(
    no_args_is_help=True, help="Learn the class of each pixel from masks, and find it in pictures."
)
app.add_typer(segment, name="segment")

SHOWN = 6

Masks = Annotated[
    Path | None,
    typer.Option(
        help="A folder with a gray or palette picture of class numbers for each picture, of the same "
        "name. Default for training: masks/ beside images/ in PICTURES."
    ),
]


@segment.command("train")
def train(
    pictures: Annotated[
        Path, typer.Argument(help="A folder with images/ and masks/; or pictures, with --masks.")
    ],
    to: Annotated[Path, typer.Option("--to", "-o", help="Folder for the run.")],
    masks: Masks = None,
    size: options.Size = None,
    names: Annotated[str | None, typer.Option(help="Of the classes 0, 1, …: sky,road,car.")] = None,
    void: Annotated[
        int | None, typer.Option(help="The number in the masks that is no class.")
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the pictures.")] = None,
    balanced: Annotated[
        bool, typer.Option(help="Weigh rare classes up, by the median of all frequencies.")
    ] = True,
    validation: Annotated[
        float, typer.Option(help="Share of the pictures kept to judge by.")
    ] = 0.15,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Train a SegNet on pictures and their masks.

    Example: [bold]narrows segment train street/ --to runs/street --size 120x160 --void 11[/]
    """
    from ..figures import loss_curves, save
    from ..images import masked, masks_below, split, stacked
    from ..measures import class_weights
    from ..recipes.lingrand import lingrand_2021_segmentation
    from ..training import fit as train_model
    from ..training import history_of

    where = (pictures, masks) if masks is not None else masks_below(pictures)
    called = [name.strip() for name in names.split(",")] if names else None
    with options.counting("reading pictures") as progress:
        given = masked(
            *where, options.parsed_size(size) or 64, void=void, names=called, progress=progress
        )
    count = len(given.names)
    parts = split(stacked(given), validation=validation, seed=seed)
    held = parts.validation if parts.validation is not None else parts.train
    place = {id_: number for number, id_ in enumerate(given.images.ids)}
    learnt, judged = (
        given.select([place[id_] for id_ in part.ids]) for part in (parts.train, held)
    )
    weights = class_weights(learnt.masks, count).tolist() if balanced else None
    recipe = lingrand_2021_segmentation(given.images.shape, count, weights=weights)
    if epochs is not None:
        recipe = recipe.with_(epochs=epochs)
    facts = {
        "pictures": str(where[0]),
        "masks": str(where[1]),
        "classes": list(given.names),
        "trained_on": f"{len(learnt.masks):,} of {len(given.masks):,} pictures with masks",
        "seed": seed,
        "command": "narrows " + " ".join(map(shlex.quote, sys.argv[1:])),
    }
    model = train_model(recipe, parts.train, to=to, seed=seed, device=device, facts=facts)
    save(loss_curves(history_of(to)), to / "losses.png")
    found = _found(model, judged.images.pixels.float() / 255, count)
    rows = _rows(judged.masks, found, learnt.masks, given.names)
    sheet = _sheet(judged, found, to / "segments.png")
    document = {
        "folder": str(to), "classes": list(given.names), "judged_on": len(judged.masks),
        "held_out": parts.validation is not None, **rows, "sheet": sheet,
    }  # fmt: skip
    kind = "held-out" if parts.validation is not None else "training"
    text = (
        f"{_table(rows, given.names)}\n(intersection over union, {len(judged.masks)} {kind} "
        f"pictures; prior: the most frequent class of each position)\nlook at {sheet}\n"
        f"  use it   narrows segment predict {shlex.quote(str(to))} FILES… -o OUT/"
    )
    printed(document, as_json, text)


@segment.command("predict")
def predict(
    model: options.Model,
    pictures: Annotated[list[str], typer.Argument(help="Files and folders of pictures.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the masks.")] = Path(
        "segments"
    ),
    masks: Masks = None,
    void: Annotated[
        int | None, typer.Option(help="The number in --masks that is no class.")
    ] = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Write a mask for each picture, in its own size; with --masks, say how right they are.

    Example: [bold]narrows segment predict runs/street new/*.jpg -o out/[/]
    """
    import numpy as np
    import torch

    from ..errors import NarrowsError, NoImages
    from ..figures import mask_png, overlays, save
    from ..files import write_bytes
    from ..images import masks_by_name, read_mask
    from ..measures import pixel_confusion
    from ..training import facts_of, load

    loaded = load(model)
    names = _classes(loaded, facts_of(model), model)
    options.place(loaded, device)
    channels = loaded.shape[0] - len(names)
    files, skipped = _files(pictures), []
    truths = masks_by_name(masks) if masks is not None else {}
    confusion = torch.zeros(len(names), len(names), dtype=torch.int64)
    targets = options.output_names([file.name for file in files], ("comparison.png",))
    shown: list[tuple[Any, Any, Any]] = []
    rows: list[dict[str, Any]] = []
    with options.counting("segmenting") as progress:
        for number, (file, target) in enumerate(zip(files, targets, strict=True)):
            try:
                x, truth = _read(file, channels), None
                if masks is not None:
                    if file.stem not in truths:
                        raise NoImages(f"no mask of that name in {masks}")
                    truth = read_mask(truths[file.stem], void)
                    if truth.shape != x.shape[2:]:
                        raise NoImages(f"its mask is {'×'.join(map(str, truth.shape))} pixels")
            except NarrowsError as error:
                skipped.append((str(file), str(error)))
                continue
            found = _found(loaded, x, len(names))[0]
            write_bytes(out / target, mask_png(found.numpy(), len(names)))
            share = torch.bincount(found.flatten().long(), minlength=len(names)) / found.numel()
            rows.append({"id": file.name, "file": str(out / target), "shares": share.tolist()})
            if truth is not None:
                confusion += pixel_confusion(truth, found, len(names))
            if len(shown) < SHOWN:
                shown.append((x[0], found, truth))
            progress(number + 1, len(files))
    for name, reason in skipped:
        typer.echo(f"skipped {name}: {reason}", err=True)
    if not rows:
        raise NoImages("none of the pictures could be segmented; the reasons stand above")
    alike = [one for one in shown if one[0].shape == shown[0][0].shape]
    drawn = {"model": np.stack([one[1].numpy() for one in alike])}
    if masks is not None:
        drawn = {
            "truth": np.stack([one[2].numpy() for one in alike if one[2] is not None]),
            **drawn,
        }
    figure = overlays(torch.stack([one[0] for one in alike]).numpy(), drawn, names)
    sheet = str(save(figure, out / "comparison.png"))
    document: dict[str, Any] = {
        "sheet": sheet, "classes": list(names), "pictures": rows,
        "skipped": [list(item) for item in skipped],
    }  # fmt: skip
    lines = []
    if masks is not None:
        scored = _scored(confusion)
        document |= scored
        lines = [_table({"IoU": scored}, names)]
    plural = "s" if len(rows) > 1 else ""
    lines += [f"{len(rows)} mask{plural} in {out}", f"look at {sheet}"]
    printed(document, as_json, "\n".join(lines))


def _classes(model: Any, known: dict[str, Any], folder: Path) -> tuple[str, ...]:
    count = getattr(model.likelihood, "classes", None)
    if count is None:
        raise ValueError(
            f"{folder} was not trained on masks; `narrows segment train` makes a model that was"
        )
    names = tuple(str(name) for name in known.get("classes", ()))
    return names if len(names) == count else tuple(map(str, range(count)))


def _files(given: list[str]) -> list[Path]:
    """Files as they are, and all that may be pictures in folders."""
    from ..errors import NoImages
    from ..images.files import picture_files

    found: list[Path] = []
    for name in given:
        path = Path(name)
        if path.is_dir():
            found += [Path(file.path) for file in picture_files(path).files]
        elif path.exists():
            found.append(path)
        else:
            raise NoImages(f"there is no file or folder {name}")
    return found


def _read(file: Path, channels: int) -> Tensor:
    from ..images import read

    return read(file, mode="gray" if channels == 1 else "rgb")[None].float() / 255


def _found(model: Any, x: Tensor, classes: int) -> Tensor:
    """The classes of pictures (N, C, H, W), uint8 (N, H, W)."""
    from ..applications import segment as find

    with model.evaluating():
        return find(
            lambda batch: model(batch.to(model.device)), x, classes, tuple(model.shape[1:])
        ).classes


def _rows(truth: Tensor, found: Tensor, learnt: Tensor, names: tuple[str, ...]) -> dict[str, Any]:
    """Of each class and on average: the model, and the blind guess."""
    from ..measures import pixel_confusion, position_prior

    blind = position_prior(learnt, len(names)).expand(truth.shape)
    guesses = {"model": found, "prior": blind}
    return {
        name: _scored(pixel_confusion(truth, guess, len(names))) for name, guess in guesses.items()
    }


def _scored(confusion: Tensor) -> dict[str, Any]:
    """Intersection over union of each class, and their mean."""
    from ..measures import intersection_over_union

    each = intersection_over_union(confusion)
    return {"iou": each.tolist(), "mean_iou": float(each.mean())}


def _table(rows: dict[str, Any], names: tuple[str, ...]) -> str:
    """A line for each class and their mean, a column for each of ``rows``."""
    wide = max(map(len, [*names, "mean"]))
    columns = [[*each["iou"], each["mean_iou"]] for each in rows.values()]
    lines = [" " * wide + "".join(f"  {name:>6}" for name in rows)]
    for name, *values in zip([*names, "mean"], *columns, strict=True):
        lines.append(f"{name:<{wide}}" + "".join(f"  {value:6.3f}" for value in values))
    return "\n".join(lines)


def _sheet(given: Masked, found: Tensor, path: Path) -> str:
    from ..figures import overlays, save

    pictures = given.images.pixels[:SHOWN].numpy()
    masks = {"truth": given.masks[:SHOWN].numpy(), "model": found[:SHOWN].numpy()}
    return str(save(overlays(pictures, masks, given.names), path))
