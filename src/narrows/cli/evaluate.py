"""``narrows evaluate``: our number beside PCA's and the mean picture's."""

from __future__ import annotations

import math
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
    picture, fitted to the training pictures, stand beside. Where it is known what the pictures are
    made of (sprites), so does how well single units tell it, beside PCA and the encoder untrained.

    Example: [bold]narrows evaluate runs/pca-vae-holiday holiday/[/]
    """
    import torch

    from ..images import evaluation_split, known_factors
    from ..images import split as divide
    from ..images.views import Subset
    from ..measures import evaluate as measure
    from ..training import facts_of, load

    loaded = load(model)
    options.place(loaded, device)
    images = options.pictures_like(loaded, pictures, fit)
    known = facts_of(model)
    share = float(known.get("validation", 0.1))
    parts = divide(images, validation=share, seed=int(known.get("seed", 0)))
    name, part = evaluation_split(parts, split)
    whole: Any = images if part is None else part
    subset: Any = whole
    if limit is not None:
        subset = Subset(whole, torch.arange(min(limit, len(whole))))
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
    document, text = {"evaluated": name, **found.document()}, _table(found)
    if known_factors(whole) is not None:
        document["units"], lines = _units(loaded, whole, parts.train, seed)
        text += "\n\n" + lines
    printed(document, as_json, text)


def _units(model: Any, held: Any, train: Any, seed: int) -> tuple[dict[str, Any], str]:
    """How well single units tell the factors: the document, and a table."""
    from ..applications import baseline_encoders, disentangle
    from ..applications.disentangle import FEWEST, LARGEST

    size = math.prod(model.code_shape)
    if size > LARGEST or len(held) < FEWEST:
        why = f"codes have at most {LARGEST} numbers and {FEWEST:,} pictures are held out"
        note = f"single units are measured where {why}; here {size:,} and {len(held):,}"
        return {"rows": [], "notes": [note]}, f"note: {note}"

    encoders = baseline_encoders(model, train, seed=seed)
    with options.counting("measuring units") as progress:
        found = disentangle(encoders, held, seed=seed, progress=progress)
    rows: list[dict[str, Any]] = [{"name": name, **each.numbers()} for name, each in found.items()]
    one = next(iter(found.values()))
    document = {"pictures": one.pictures, "chance": one.chance, "rows": rows, "notes": []}
    return document, _unit_table(document)


def _unit_table(document: dict[str, Any]) -> str:
    """The measures of single units as aligned text."""
    wide = max(len(row["name"]) for row in document["rows"])
    titles = {
        "mig": "MIG",
        "disentanglement": "DCI: disentangled",
        "completeness": "complete",
        "informativeness": "informative",
        "sap": "SAP",
        "factor_vae": "FactorVAE score",
        "beta_vae": "β-VAE score",
    }
    widths = {key: max(5, len(title)) for key, title in titles.items()}
    lines = [f"{'':<{wide}}  " + "  ".join(f"{titles[key]:>{widths[key]}}" for key in titles)]
    for row in document["rows"]:
        cells = "  ".join(f"{row[key]:>{widths[key]}.3f}" for key in titles)
        lines.append(f"{row['name']:<{wide}}  {cells}")
    lines.append(
        f"(what single units tell of the factors of {document['pictures']:,} pictures; without any "
        f"knowledge the last two are {document['chance']:.2f})"
    )
    return "\n".join(lines)


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
