"""``narrows demo``: all of it in about a minute, offline, and one page that shows what came out."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed

if TYPE_CHECKING:
    from ..autoencoder import Autoencoder
    from ..figures import Section

__all__ = ["demo"]

SHOWN = 12_000_000  # pixel values that the demo trains on per "minute": about that on two cores


@app.command()
def demo(
    pictures: Annotated[
        str | None,
        typer.Argument(help="A folder of your own, or a named set. Default: digits."),
    ] = None,
    to: Annotated[Path, typer.Option("--to", "-o", help="Folder for the demo.")] = Path(
        "narrows-demo"
    ),
    epochs: Annotated[
        float | None, typer.Option(help="Passes over the pictures. Default: what fits a minute.")
    ] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Train a small model, try it, and write one page that shows what came out.

    Example: [bold]narrows demo[/]  or  [bold]narrows demo holiday/[/]
    """
    from .. import fit, recipes
    from ..figures import Section, report_page
    from ..files import write_text
    from ..images import split

    images: Any
    chosen = pictures or "digits"
    images, name = options.pictures(chosen), Path(chosen).name or chosen
    print(options.summary(images), file=sys.stderr)
    parts = split(images, validation=0.1, seed=seed)
    if parts.validation is None:
        parts = parts._replace(validation=parts.train)
    recipe = recipes.conv_vae(images.shape, 16 if min(images.shape[1:]) < 16 else 64)
    recipe = recipe.with_(batch_size=32)
    wanted = epochs or _affordable(images.shape, len(parts.train))
    run = _fresh(to / "model")
    model = fit(
        recipe, parts.train, validation=parts.validation, epochs=wanted, to=run, seed=seed,
        facts={"pictures": chosen, "validation": 0.1},
    )  # fmt: skip
    page = to / "report.html"
    sections, numbers = _sections(model, parts, run, name, seed)
    following = _following(run, chosen)
    sections.append(Section("Three commands to try next", commands="\n".join(following)))
    write_text(page, report_page(f"What an autoencoder made of {name}", sections))
    lines = ["", f"open {page.resolve()} in a browser", "", "three commands to try next:"]
    printed(
        {"page": str(page), "model": str(run), "numbers": numbers, "next": following},
        as_json,
        "\n".join(lines + [f"  {command}" for command in following]),
    )


def _affordable(shape: tuple[int, ...], n: int) -> float:
    """As many passes as about half a minute on two cores allows, at least one batch's worth."""
    values = shape[0] * shape[1] * shape[2]
    return max(1.0, min(60.0, round(15 * SHOWN / (values * n))))


def _fresh(folder: Path) -> Path:
    """A folder name that holds no run yet: demos never overwrite one another's models."""
    number, chosen = 1, folder
    while (chosen / "recipe.toml").exists():
        number += 1
        chosen = folder.with_name(f"{folder.name}-{number}")
    return chosen


def _following(run: Path, pictures: str) -> list[str]:
    folder, mine = shlex.quote(str(run)), shlex.quote(pictures)
    return [
        f"narrows info {folder}",
        f"narrows reconstruct {folder} {mine} --limit 12 -o out/",
        "narrows train YOUR-PICTURES/ --size 64",
    ]


def _sections(
    model: Autoencoder, parts: Any, run: Path, name: str, seed: int
) -> tuple[list[Section], list[dict[str, Any]]]:
    """What the page shows, and its table of numbers."""
    import torch

    from ..applications import reconstruct
    from ..figures import Picture, Section, comparison, loss_curves, picture_grid
    from ..measures import evaluate
    from ..randomness import Draws
    from ..training import history_of

    held_out = parts.validation
    few = held_out.batch(torch.arange(min(8, len(held_out))))
    result = reconstruct(model, few)
    judged = evaluate(model, held_out, train=parts.train, seed=seed)
    with model.evaluating():
        codes = model.encode(few).z
        draws = Draws(seed).normal("demo", (24, *model.code_shape))
        new = model.decode(draws.to(model.device)).cpu()
        share = torch.linspace(0, 1, 9)[:, None]
        between = [
            model.decode(((1 - share) * codes[i] + share * codes[i + 1]).to(model.device)).cpu()
            for i in range(0, min(6, len(codes) - 1), 2)
        ]
    shape = "×".join(map(str, model.shape[1:]))
    sheet = comparison(result.pictures.numpy(), result.reconstructions.numpy())
    sections = [
        Section(
            text=f"{len(parts.train):,} pictures of {name} at {shape} pixels went into a "
            f"variational autoencoder that has {model.code_shape[0]} numbers to describe each. "
            f"It was judged on {len(held_out):,} pictures that it was not trained on.",
        ),
        Section(
            "Reconstruction",
            "Each picture, the same after its passage through the code, and where they differ.",
            pictures=[Picture(sheet, alt="Pictures above their reconstructions and error maps")],
        ),
        Section(
            "Is that good?",
            "Beside principal components with as many numbers per picture, and the mean picture. "
            "Higher PSNR and SSIM are better; each is a mean over the pictures.",
            table=[
                {
                    "": row["name"],
                    **{
                        title: f"{row[key]:.{digits}f} ± {row[f'{key}_deviation']:.{digits}f}"
                        for key, title, digits in (
                            ("mse", "MSE per pixel", 4),
                            ("psnr", "PSNR (dB)", 2),
                            ("ssim", "SSIM", 3),
                        )
                        if key in row
                    },
                }
                for row in judged.rows()
            ],
        ),
    ]
    if between:
        walk = picture_grid(torch.cat(between).numpy(), columns=9)
        sections.append(
            Section(
                "From one picture to another",
                "The first and the last picture of a row are reconstructions; between them the "
                "code moves in a straight line.",
                pictures=[Picture(walk, alt="Pictures that change into another", crisp=True)],
            )
        )
    drawn = picture_grid(new.numpy(), columns=8)
    sections += [
        Section(
            "Pictures that never were",
            "Decoded from random codes.",
            pictures=[Picture(drawn, alt="Pictures decoded from random codes", crisp=True)],
        ),
        Section(
            "Training",
            "Loss in nats per picture; the best epoch by validation is the one kept.",
            pictures=[Picture(loss_curves(history_of(run)), alt="Loss curves")],
        ),
    ]
    return sections, judged.rows()
