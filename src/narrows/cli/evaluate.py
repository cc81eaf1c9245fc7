"""``narrows evaluate``: our number beside PCA's and the mean picture's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed

if TYPE_CHECKING:
    from ..measures import Evaluation

__all__ = ["evaluate"]


@app.command()
def evaluate(
    model: options.Model,
    pictures: options.Pictures,
    split: options.Split = None,
    samples: Annotated[
        int, typer.Option(help="Importance samples per picture for log p(x); 0 leaves it out.")
    ] = 0,
    limit: Annotated[int | None, typer.Option(help="Evaluate only the first so many.")] = None,
    fit: options.Fit = "crop",
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Measure reconstruction (MSE per pixel, PSNR, SSIM) and, for a VAE, ELBO and log-likelihood.

    The pictures are those held out: the set's test part, else what the training kept for
    validation, else the same split made anew. PCA with as many numbers as the code and the mean
    picture, fitted to the training pictures, stand beside.

    Example: [bold]narrows evaluate runs/conv-vae-holiday holiday/[/]
    """
    import torch

    from ..images import judged
    from ..images import split as divide
    from ..measures import evaluate as measure
    from ..training import facts, load

    loaded = load(model)
    options.place(loaded, device)
    images = options.pictures_like(loaded, pictures, fit)
    known = facts(model)
    share = float(known.get("validation", 0.1))
    parts = divide(images, validation=share, seed=int(known.get("seed", 0)))
    name, part = judged(parts, split)
    subset: Any = images if part is None else part
    if limit is not None:
        subset = subset.select(torch.arange(min(limit, len(subset))))
    print(f"{images.description}; evaluating {len(subset):,} ({name})", file=sys.stderr)
    with options.counting("evaluating") as progress:
        found = measure(
            loaded,
            subset,
            train=None if name == "all" else parts.train,
            samples=samples,
            seed=seed,
            progress=progress,
        )
    printed({"evaluated": name, **found.document()}, as_json, _table(found))


def _table(found: Evaluation) -> str:
    """The rows as aligned text, each mean with its deviation over the pictures."""
    rows = found.rows()
    wide = max(len(row["name"]) for row in rows)
    lines = [f"{'':<{wide}}  {'MSE per pixel':>19}  {'PSNR (dB)':>15}  {'SSIM':>15}"]
    for row in rows:
        cells = []
        for key, digits, width in (("mse", 5, 19), ("psnr", 2, 15), ("ssim", 3, 15)):
            text = (
                f"{row[key]:.{digits}f} ± {row[f'{key}_deviation']:.{digits}f}"
                if key in row
                else "–"
            )
            cells.append(f"{text:>{width}}")
        lines.append(f"{row['name']:<{wide}}  " + "  ".join(cells))
    nats = found.nats()
    titles = {"elbo": "ELBO", "kl": "KL", "log_likelihood": f"log p(x), {found.samples} samples"}
    if nats:
        lines.append("")
    for key, title in titles.items():
        if key in nats:
            lines.append(
                f"{title}: {nats[key]:.2f} ± {nats[f'{key}_deviation']:.2f} nats per picture"
            )
    lines.append(f"(mean ± standard deviation over {found.n:,} pictures)")
    lines += [f"note: {note}" for note in found.notes]
    return "\n".join(lines)
