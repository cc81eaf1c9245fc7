"""``narrows compress`` and ``narrows decompress``: pictures to files of a model, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .app import answer, app, printed

__all__ = ["compress", "decompress"]

Inputs = Annotated[
    list[str] | None, typer.Argument(help="Picture files, folders, arrays or named sets.")
]
To = Annotated[Path, typer.Option("--out", "-o", help="Folder, or the file of --together.")]
Quality = Annotated[
    int | None, typer.Option(help="1 to 100. Default: 50, or the smallest if lossless.")
]
MaxError = Annotated[int | None, typer.Option(help="No 8-bit value is further off than this.")]
FitOn = Annotated[
    str | None,
    typer.Option(
        metavar="PICTURES",
        help="Fit the tables to these pictures, once. Give those of the training: only what the "
        "model was trained on is used.",
    ),
]
Resize = Annotated[
    str | None, typer.Option(help="Read pictures at the model's size, by crop, pad or stretch.")
]
Sheet = Annotated[
    Path | None, typer.Option(help="PNG of the originals, what the files give back, and the error.")
]
Curve = Annotated[
    Path | None,
    typer.Option(help="PNG of the PSNR at every tenth quality, ours and other formats'."),
]


@app.command()
def compress(
    model: options.Model,
    pictures: Inputs = None,
    out: To = Path("compressed"),
    quality: Quality = None,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Every 8-bit value exactly.")
    ] = False,
    max_error: MaxError = None,
    together: Annotated[
        bool, typer.Option("--together", help="All pictures in one file; they need one size.")
    ] = False,
    fit_on: FitOn = None,
    resize: Resize = None,
    sheet: Sheet = None,
    curve: Curve = None,
    limit: options.Limit = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Compress pictures by a model; compared with JPEG, WebP and AVIF at the same PSNR.

    Pictures keep their size; those of another size than the model's are cut into tiles. The tables of
    the codes are fitted once, with --fit-on, and stay with the model: no file can be read without them.

    Example: [bold]narrows compress runs/pca-vae-holiday a.jpg b.png --fit-on holiday/ -o small/[/]
    """
    from ..applications.compress import compress as call
    from ..applications.compress import fit_tables
    from ..figures import save

    if not pictures:
        if fit_on is None:
            raise ValueError("name the pictures to compress, or those to --fit-on the tables to")
        fit_tables(model, fit_on, seed=seed)
        printed({"tables": str(model)}, as_json, f"the tables are in {model}")
        return
    result = call(
        model, pictures, quality=quality, lossless=lossless, max_error=max_error,
        together=together, fit_on=fit_on, resize=resize, limit=limit, seed=seed,
    )  # fmt: skip
    drawn = []
    if sheet is not None:
        drawn.append(save(result.figure(), sheet))
    if curve is not None:
        drawn.append(save(result.curve(), curve))
    text = "\n".join([f"{result}: {out}", *(f"look at {path}" for path in drawn)])
    answer(result, as_json, out, text)


@app.command()
def decompress(
    model: options.Model,
    files: Annotated[list[Path], typer.Argument(help="Files that narrows compress wrote.")],
    out: options.Out = Path("decompressed"),
    as_json: options.Json = False,
) -> None:
    """Write the pictures of compressed files as PNG.

    A file that is damaged, or of another model, is named and left out; the exit code is then 1.

    Example: [bold]narrows decompress runs/pca-vae-holiday small/*.nrw -o out/[/]
    """
    from ..applications.compress import decompress as call
    from ..errors import BadFile

    result = call(model, files)
    answer(result, as_json, out, f"{result}, in {out}")
    if result.skipped:
        name, reason = result.skipped[0]
        raise BadFile(
            f"{len(result.skipped)} of {len(files)} files could not be decompressed, the first of "
            f"them {name}: {reason}"
        )
