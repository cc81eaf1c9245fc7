"""``narrows denoise``: noise out of pictures of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from . import options, restoring
from .app import app, printed

__all__ = ["denoise"]

NOISES = {
    "gaussian": ("gaussian-noise", "sigma"),
    "dropout": ("dropout-mask", "p"),
    "salt-and-pepper": ("salt-and-pepper", "p"),
    "blur": ("blur", "sigma"),
    "jpeg": ("jpeg", "quality"),
    "patch": ("patch", "size"),
    "downscale": ("downscale", "factor"),
}


@app.command()
def denoise(
    model: options.Model,
    files: restoring.Files,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path(
        "denoised"
    ),
    noise: Annotated[
        str | None,
        typer.Option(
            help="The files are clean: spoil them first and score what comes back. gaussian 0.3, "
            "dropout 0.3, salt-and-pepper 0.1, blur 1.5, jpeg 20."
        ),
    ] = None,
    sigma: Annotated[
        float | None,
        typer.Option(help="The noise's deviation, for the baselines. Default: told or estimated."),
    ] = None,
    limit: restoring.Limit = None,
    fit: restoring.Resized = None,
    fit_on: restoring.FittedTo = None,
    with_baselines: restoring.Beside = True,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Take the noise out of pictures, large ones in overlapping tiles; filters stand beside.

    Writes each picture, a sheet of all methods, and how far pictures travelled.

    Example: [bold]narrows denoise runs/kovenko-digits digits --noise "gaussian 0.3" -o out/[/]
    """
    from ..applications import denoise as apply
    from ..applications import denoising_baselines
    from ..figures import distances, save
    from ..measures.filters import estimated_sigma
    from ..randomness import Draws
    from ..training import load

    spoil = None if noise is None else parsed_noise(noise)
    if sigma is not None and not 0 <= sigma < 10:
        raise ValueError(f"--sigma is a deviation from 0, of pictures in [0, 1]; we got {sigma}")
    loaded = load(model)
    options.place(loaded, device)
    found = restoring.opened(loaded, files, limit, fit)
    pca = restoring.fitted_pca(loaded, fit_on, fit) if with_baselines else None
    known = sigma if sigma is not None else getattr(spoil, "sigma", None)
    if noise is not None and not noise.startswith("gaussian") and sigma is None:
        known = None
    names = options.output_names(found.ids, ("comparison.png", "distances.png"))
    groups, pictures = [], []
    for number, group in enumerate(found.groups):
        clean = group.floats()
        given = clean if spoil is None else spoil(clean, Draws(seed, number))
        level = estimated_sigma(given) if known is None else known
        with options.counting("denoising") as progress:
            result, notes = apply(
                restoring.through(loaded),
                given,
                (loaded.shape[1], loaded.shape[2]),
                clean=None if spoil is None else clean,
                baselines=denoising_baselines(level, pca) if with_baselines else None,
                progress=progress,
            )
        found.notes += [note for note in notes if note not in found.notes]
        groups.append(result)
        far = result.distances()
        files_ = restoring.write(result.output, [names[i] for i in group.numbers], out)
        for place, (i, file) in enumerate(zip(group.numbers, files_, strict=True)):
            row: dict[str, Any] = {"id": found.ids[i], "file": file}
            row |= {name: float(values[place]) for name, values in far.items()}
            pictures.append(row)
    given_name = {"as given": "noisy"}
    sheet = restoring.sheet(groups, out / "comparison.png", given_name)
    told = {"moved": "noisy to output", "before": "noisy to clean", "after": "output to clean"}
    series = {told[name]: [row[name] for row in pictures] for name in told if name in pictures[0]}
    travelled = str(save(distances(series), out / "distances.png"))
    rows = restoring.document(groups, found, given_name)
    moved = sum(row["moved"] for row in pictures) / len(pictures)
    result_document = {
        "sheet": sheet, "distances": travelled, "noise": noise, "rows": rows, "pictures": pictures,
        "notes": found.notes, "skipped": [list(item) for item in found.skipped],
    }  # fmt: skip
    lines = [restoring.table(rows)] if rows else []
    lines += [
        f"{restoring.counted(len(pictures))} in {out}, moved by {moved:.3f} (root mean square)"
        + (" on average" if len(pictures) > 1 else ""),
        f"look at {sheet} and {travelled}",
    ]
    printed(result_document, as_json, "\n".join(lines))


def parsed_noise(text: str) -> Any:
    """``gaussian 0.3`` → the corruption; or a part's own name with its one number."""
    from ..images import corruptions
    from ..parts import Part, build

    assert corruptions
    words = text.replace("=", " ").split()
    example = "--noise takes a name and a number, such as 'gaussian 0.3'"
    if len(words) != 2 or words[0] not in NOISES:
        raise ValueError(f"{example}, of {', '.join(NOISES)}; we got {text!r}")
    name, argument = NOISES[words[0]]
    try:
        number = float(words[1])
    except ValueError:
        raise ValueError(f"{example}; we got {text!r}") from None
    return build("corruption", Part(name, {argument: number}))
