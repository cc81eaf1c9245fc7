"""``narrows upscale``: small pictures made larger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from . import options, restoring
from .app import app, printed

__all__ = ["upscale"]


@app.command()
def upscale(
    model: options.Model,
    files: restoring.Files,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path(
        "upscaled"
    ),
    factor: Annotated[int, typer.Option(help="How many times larger, such as 4 or 8.")] = 4,
    back_projection: Annotated[
        int,
        typer.Option(
            help="At most so many iterations until the reduced output agrees with the input to half "
            "a gray level."
        ),
    ] = 0,
    score: Annotated[
        bool,
        typer.Option(
            "--score", help="The files are the large pictures: reduce them first, compare."
        ),
    ] = False,
    limit: restoring.Limit = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Enlarge pictures with a model that was trained to undo being made small; Lanczos beside it.

    Train one with --set corruption=downscale --set corruption.factor=4.

    Example: [bold]narrows upscale runs/faces-4 small.png --factor 4 -o out/[/]
    """
    from ..applications import upscale as apply
    from ..images.resizing import reduced
    from ..training import load
    from .inpaint import trained_with

    if factor < 2 or back_projection < 0:
        raise ValueError(
            "--factor is at least 2 and --back-projection at least 0; "
            f"we got {factor} and {back_projection}"
        )
    loaded = load(model)
    options.place(loaded, device)
    found = restoring.opened(loaded, files, limit, None, None)
    corruption = trained_with(loaded)
    asked = None if corruption is None else corruption.arguments.get("factor")
    if corruption is None or corruption.name != "downscale":
        found.notes.append(
            "this model was not trained to undo being made small, only to reconstruct"
        )
    elif asked != factor:
        found.notes.append(f"this model was trained with a factor of {asked:g}, not {factor}")
    height, width = loaded.shape[1:]
    names = options.output_names(found.ids, ("comparison.png",))
    groups, pictures = [], []
    for group in found.groups:
        x, numbers = group.floats(), group.numbers
        clean = None
        if score:
            high, wide = (n // factor * factor for n in group.size)
            if not high or not wide:
                reason = (
                    f"{group.size[0]}×{group.size[1]} is too small to be reduced {factor} times"
                )
                found.skipped += [(found.ids[i], reason) for i in numbers]
                continue
            clean = x[:, :, :high, :wide]
            x = reduced(clean, (high // factor, wide // factor)).clamp(0, 1)
        shape = (x.shape[2] * factor, x.shape[3] * factor)
        if shape != (height, width):
            found.notes.append(
                f"{len(numbers)} of {shape[0]}×{shape[1]} when enlarged: in tiles of {height}×{width}"
            )
        with options.counting("upscaling") as progress:
            result = apply(
                restoring.through(loaded), x, factor, (height, width),
                clean=clean, back_projection=back_projection, progress=progress,
            )  # fmt: skip
        groups.append(result.restored)
        written = restoring.write(result.restored.output, [names[i] for i in numbers], out)
        for i, file, off in zip(numbers, written, result.disagreement.tolist(), strict=True):
            pictures.append({"id": found.ids[i], "file": file, "disagreement": off})
    restoring.some(groups, found)
    titles = {"as given": "bicubic"}
    sheet = restoring.sheet(groups, out / "comparison.png", titles)
    rows = restoring.document(groups, found, titles)
    worst = max(row["disagreement"] for row in pictures)
    document: dict[str, Any] = {
        "sheet": sheet, "factor": factor, "rows": rows, "disagreement": worst,
        "pictures": pictures, "notes": found.notes, "skipped": [list(i) for i in found.skipped],
    }  # fmt: skip
    lines = [restoring.table(rows)] if rows else []
    lines += [
        f"{restoring.counted(len(pictures))} in {out}, {factor} times larger; reduced again, they are "
        f"at most {255 * worst:.1f} gray levels from the input",
        f"look at {sheet}",
    ]
    printed(document, as_json, "\n".join(lines))
