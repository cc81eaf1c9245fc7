"""``narrows kernels``: a model's first kernels, and the feature maps of any level, as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["kernels"]

SHOWN = 144  # kernels, the strongest first


@app.command()
def kernels(
    model: options.Model,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path(
        "kernels"
    ),
    activations: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Also the feature maps of this picture. Repeatable."),
    ] = None,
    level: Annotated[
        int | None, typer.Option(help="Of the feature maps: 1 is the first rung's. Default: all.")
    ] = None,
    fit: options.Fit = "crop",
    limit: Annotated[int | None, typer.Option(help="At most so many pictures of each.")] = 4,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Draw what the first layer looks for, one grid; and what each level finds in a picture.

    Example: [bold]narrows kernels runs/conv-vae-faces --activations a.png --level 2 -o out/[/]
    """
    from ..applications import feature_maps, first_kernels
    from ..figures import kernel_grid, save
    from ..training import load

    loaded = load(model)
    options.place(loaded, device)
    count = len(loaded.ladder)
    if level is not None and not 0 <= level <= count:
        raise ValueError(f"this model has the levels 0 to {count}; we got --level {level}")
    images = None
    if activations:
        images = options.gathered(loaded, activations, limit, fit)
    shown = first_kernels(first_weight(loaded), loaded.shape)
    grid = kernel_grid(shown[:SHOWN].numpy(), signed=True)
    sheet = str(save(grid, out / "kernels.png"))
    maps: list[dict[str, Any]] = []
    if images is not None:
        import torch

        x = images.batch(torch.arange(len(images))).to(loaded.device)
        names = options.output_names(images.ids)
        with loaded.evaluating():
            for i in range(1, count + 1) if level is None else [level]:
                found = feature_maps(lambda batch: loaded.ladder.descend(batch).levels, x, i)
                for name, each in zip(names, found, strict=True):
                    file = out / Path(name).with_suffix("") / f"level-{i}.png"
                    save(kernel_grid(each.numpy()), file)
                    maps.append({"id": name, "level": i, "file": str(file), "maps": len(each)})
    for name, reason in images.skipped if images is not None else ():
        typer.echo(f"skipped {name}: {reason}", err=True)
    skipped = [list(item) for item in images.skipped] if images is not None else []
    document = {"sheet": sheet, "kernels": len(shown), "activations": maps, "skipped": skipped}
    _, _, h, w = shown.shape
    strongest = f", the {SHOWN} strongest" if len(shown) > SHOWN else ""
    lines = [f"{len(shown)} kernels of {h}×{w}{strongest}: look at {sheet}"]
    for row in maps:
        plural = "s" if row["maps"] != 1 else ""
        lines.append(f"{row['maps']} map{plural} of level {row['level']}: {row['file']}")
    printed(document, as_json, "\n".join(lines))


def first_weight(model: Any) -> Tensor:
    """The weights of the first layer that meets the picture, (K, P) or (K, C, h, w).

    Raises:
        ValueError: the first rung has neither a dense nor a convolutional layer.
    """
    from torch import nn

    for module in model.ladder.rung(0).modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            return module.weight
    raise ValueError("the first rung of this model has neither a dense layer nor a convolution")
