"""``narrows generate``: pictures out of a prior."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from . import options
from .app import app, printed

__all__ = ["Files", "Number", "checked_out", "drawn", "generate"]

MOST_SHOWN = 400  # pictures on a sheet

Number = Annotated[int, typer.Option("-n", "--number", help="How many pictures.")]
Files = Annotated[
    bool, typer.Option("--files", help="Each picture as a PNG of its own, in the folder -o.")
]


@app.command()
def generate(
    model: options.Model,
    n: Number = 64,
    prior: Annotated[
        str | None,
        typer.Option(
            help="normal, or one that [bold]narrows prior[/] fitted. Default: normal for a "
            "variational model, else the one that is there."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The PNG; with --files, a folder. Default: generated.png, or generated/.",
        ),
    ] = None,
    files: Files = False,
    manifold: Annotated[
        bool, typer.Option("--manifold", help="The plane of a code of two numbers.")
    ] = False,
    traverse: Annotated[
        bool, typer.Option("--traverse", help="Single units over mean ± --reach deviations.")
    ] = False,
    unit: Annotated[
        list[int] | None,
        typer.Option(help="A unit to traverse; default: those that change most. Repeatable."),
    ] = None,
    reach: Annotated[
        float | None,
        typer.Option(help="Of a traversal: standard deviations to either side. Default: 3."),
    ] = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Sample pictures, and write them as one sheet.

    Example: [bold]narrows generate runs/conv-vae-holiday -n 64 -o generated.png[/]
    """
    from ..applications import decoder
    from ..training import load

    if manifold and traverse or files and (manifold or traverse):
        raise ValueError("--manifold, --traverse and --files are three outputs; choose one of them")
    if not traverse and (unit or reach is not None):
        raise ValueError(f"{'--unit' if unit else '--reach'} is of --traverse; add it")
    out = checked_out(out, files, "generated")
    loaded = load(model)
    options.place(loaded, device)
    name, chosen = _prior(loaded, model, prior)
    decode = decoder(loaded, seed)
    if manifold or traverse:
        drawing = _manifold if manifold else _traversals
        spread, reach = _spread(loaded, chosen, name), 3.0 if reach is None else reach
        document, text = drawing(decode, spread, out, unit, reach)
    else:
        document, text = drawn(loaded, decode, chosen, n, seed, out, files)
    printed({"prior": name, **document}, as_json, f"{text}\nprior: {name}")


def _prior(model: Any, folder: Path, wanted: str | None) -> tuple[str, Any]:
    """The prior to draw from, and its name."""
    from ..priors import load_prior, prior_for, stored_priors

    there = stored_priors(folder)
    if wanted is None and model.bottleneck.generative:
        wanted = "normal"
    if wanted is None and len(there) == 1:
        wanted = there[0]
    fitting = "autoregressive" if hasattr(model.bottleneck, "lookup") else "flow"
    if wanted is None:
        raise ValueError(
            f"this model has the priors {', '.join(there)}: choose one with --prior"
            if there
            else "this model's codes have no prior to draw from: run `narrows prior "
            f"{folder} PICTURES --kind {fitting}` first"
        )
    if wanted == "normal":
        return wanted, prior_for(model, wanted)
    return wanted, load_prior(model, folder, wanted)


def checked_out(out: Path | None, files: bool, name: str) -> Path:
    """Where drawn pictures go: -o, or a PNG or folder of that name.

    Raises:
        ValueError: one sheet is wanted, and -o is no PNG.
    """
    if out is None:
        out = Path(name if files else f"{name}.png")
    if not files and out.suffix.lower() != ".png":
        raise ValueError(f"-o names a PNG, or with --files a folder; we got {str(out)!r}")
    return out


def drawn(
    model: Any, decode: Any, prior: Any, n: int, seed: int, out: Path, files: bool, **given: Any
) -> tuple[dict[str, Any], str]:
    """Draw n pictures and write them: what ``--json`` says of them, and a line for people.

    Args:
        given: what the prior is told, such as ``caption``.
    """
    from ..applications import generate as draw_and_decode
    from ..figures import picture_grid, save
    from ..priors import sample_codes

    with options.counting("generating") as progress:
        found = draw_and_decode(
            decode,
            lambda n, seed: sample_codes(model, prior, n, seed, **given),
            n,
            seed=seed,
            progress=progress,
        )
    sheet = out / "sheet.png" if files else out
    written = []
    if files:
        for i, picture in enumerate(found.pictures):
            path = out / f"{i:0{len(str(n - 1))}d}.png"
            written.append(str(save((picture.permute(1, 2, 0) * 255).round().byte().numpy(), path)))
    save(picture_grid(found.pictures[:MOST_SHOWN]), sheet)
    where = f"{n} pictures in {out}\nlook at {sheet}" if files else f"{n} pictures in {sheet}"
    return {"pictures": n, "sheet": str(sheet), "files": written}, where


def _spread(model: Any, prior: Any, name: str) -> Any:
    """Mean and deviation of the units, of the code's shape."""
    if prior.spread is None:
        raise ValueError(
            f"the prior {name!r} is one of entries of a code book, which have no mean to move from: "
            "use one of mixture, flow or gaussian"
        )
    return tuple(rows.reshape(model.code_shape) for rows in prior.spread)


def _manifold(
    decode: Any, spread: Any, out: Path, unit: Any, reach: float
) -> tuple[dict[str, Any], str]:
    from ..applications import manifold
    from ..figures import picture_grid, save

    found = manifold(decode, spread[0], spread[1])
    side = len(found.first)
    save(picture_grid(found.pictures, side), out)
    document = {
        "sheet": str(out),
        "side": side,
        "first": found.first.tolist(),
        "second": found.second.tolist(),
    }
    return document, f"{side} × {side} pictures over the two units in {out}"


def _traversals(
    decode: Any, spread: Any, out: Path, unit: Any, reach: float
) -> tuple[dict[str, Any], str]:
    from ..applications import traverse
    from ..figures import picture_rows, save

    found = traverse(decode, spread[0], spread[1], unit or None, reach=reach)
    rows = [
        (f"unit {u}  ({e:.3f})", pictures)
        for u, e, pictures in zip(found.units.tolist(), found.effects, found.pictures, strict=True)
    ]
    captions = [
        f"{at:+.2g} σ".replace("-", "−") if at else "mean" for at in found.deviations.tolist()
    ]
    save(picture_rows(rows, captions, corner="unit (change of a pixel)"), out)
    document = {
        "sheet": str(out),
        "deviations": found.deviations.tolist(),
        "units": found.units.tolist(),
        "effects": found.effects.tolist(),
    }
    return document, f"traversals of {len(rows)} units in {out}"
