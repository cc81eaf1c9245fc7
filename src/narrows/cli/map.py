"""``narrows map``: pictures where their codes lie, as a PNG and as a page to move about in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed
from .collection import ModelOrCollection, OfModel, Where, given
from .prior import some

if TYPE_CHECKING:
    from ..measures import Neighbourhoods

__all__ = ["map_"]

NAMES = {"tsne": "t-SNE", "pca": "PCA"}


@app.command("map")
def map_(
    model: ModelOrCollection,
    pictures: OfModel = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="What to colour by: a column of the pictures' labels, FILE.csv, FILE.csv:COLUMN or "
            "FILE.npy. Default: the main label, where there is one; none: no colours."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The PNG; the page stands beside it as .html.")
    ] = Path("map.png"),
    new: Annotated[
        str | None,
        typer.Option("--project", help="More pictures, placed on the finished map as rings."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="At most so many pictures, drawn by the seed.")
    ] = None,
    fit_size: Annotated[
        int, typer.Option(help="t-SNE is made of so many pictures; the others are placed on it.")
    ] = 10_000,
    perplexity: Annotated[
        float, typer.Option(help="Of t-SNE: about how many neighbours of a picture count.")
    ] = 30.0,
    where: Where = None,
    fit: options.Fit = "crop",
    seed: options.Seed = 0,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Draw the codes of pictures as a map, by t-SNE and by PCA.

    The page is one file: drag to move, scroll to zoom, and the picture under the pointer is shown.
    How many of a picture's nearest codes are its nearest on the map stands beside either map. A
    collection is drawn by the codes that are stored, of all its pictures or those that pass --where.

    Example: [bold]narrows map runs/pca-vae-holiday holiday/ -o map.png[/]
    """
    from ..applications import embed_2d, thumbnails
    from ..collection import pooled
    from ..figures import map_page, maps, save
    from ..files import write_text
    from ..measures import neighbourhoods

    if out.suffix.lower() != ".png":
        raise ValueError(f"-o names a PNG; we got {str(out)!r}")
    named = given(model, pictures, where, fit, device)
    loaded, images, codes = named.model, named.images, named.codes
    label_name, values = _labels(images, labels)
    ids = list(getattr(images, "ids", None) or map(str, range(len(images))))
    skipped = [list(item) for item in getattr(images, "skipped", ())]
    if limit is not None and (chosen := some(images, limit, seed)) is not images:
        images, which = chosen, chosen.indices.numpy()
        ids = [ids[i] for i in which]
        values = None if values is None else values[which]
        codes = None if codes is None else codes[which]
    print(f"mapping {len(images):,} pictures", file=sys.stderr)
    if codes is None:
        with options.counting("encoding") as progress:
            codes = loaded.encode(images, progress=progress).z.flatten(1).numpy()
    layouts = {}
    for method, name in NAMES.items():
        with options.counting(name) as progress:
            layouts[name] = embed_2d(
                codes,
                method,
                perplexity=perplexity,
                fit_size=fit_size,
                seed=seed,
                progress=progress,
            )
    classes = None if values is None or _continuous(values) else values
    judged = {n: neighbourhoods(codes, at.points, classes, seed=seed) for n, at in layouts.items()}
    notes = {n: f"{at.note} · {_words(judged[n])}" for n, at in layouts.items()}
    placed: dict[str, Any] = {}
    more = None
    pool = "flatten" if named.collection is None else named.collection.about.pool
    if new is not None:
        more = options.gathered(loaded, [new], None, fit)
        own = pooled(loaded.encode(more).z.numpy(), pool)
        placed = {n: at.transform(own) for n, at in layouts.items()}
    points = {n: at.points for n, at in layouts.items()}
    small = thumbnails(images)
    figure = maps(
        points,
        values,
        notes=notes,
        title=label_name,
        pictures=small if values is None else None,
        new=placed,
    )
    what = Path(named.pictures).name or named.pictures
    page = map_page(
        f"{what}, as {named.folder.name} sees it",
        points,
        small,
        ids,
        values,
        notes=notes,
        label_name=label_name,
    )
    write_text(out.with_suffix(".html"), page)
    save(figure, out)
    document = {
        "file": str(out),
        "page": str(out.with_suffix(".html")),
        "pictures": len(images),
        "labels": label_name or None,
        "maps": {
            n: {"fitted_on": layouts[n].fitted_on, "note": layouts[n].note, **vars(judged[n])}
            for n in layouts
        },
        "placed": {
            id_: {n: [float(v) for v in at[i]] for n, at in placed.items()}
            for i, id_ in enumerate(more.ids if more is not None else ())
        },
        "skipped": skipped,
    }
    for file, reason in skipped:
        print(f"skipped {file}: {reason}", file=sys.stderr)
    text = f"{_table(judged)}\nlook at {out}, move about in {out.with_suffix('.html')}"
    printed(document, as_json, text)


def _labels(images: Any, given: str | None) -> tuple[str, Any]:
    from ..images.labels import known_labels

    found = None if given == "none" else known_labels(images, given)
    return ("", None) if found is None else found


def _continuous(values: Any) -> bool:
    """Whether labels are numbers of which neighbours do not share one, such as an age."""
    import numpy as np

    return bool(values.dtype.kind == "f" or len(np.unique(values)) > max(20, len(values) / 20))


def _words(found: Neighbourhoods) -> str:
    return f"trustworthiness {found.trustworthiness:.3f}, {found.kept:.0%} of neighbours kept"


def _table(judged: dict[str, Neighbourhoods]) -> str:
    first = next(iter(judged.values()))
    labelled = first.same_label is not None
    lines = [f"{'':<6}{'trustworthiness':>17}{'neighbours kept':>17}"]
    lines[0] += f"{'of the same label':>19}" if labelled else ""
    for name, found in judged.items():
        line = f"{name:<6}{found.trustworthiness:>17.3f}{found.kept:>17.1%}"
        lines.append(line + (f"{found.same_label:>19.1%}" if labelled else ""))
    if labelled:
        lines.append(f"{'codes':<6}{'1.000':>17}{'100.0%':>17}{first.same_label_of_codes:>19.1%}")
    lines.append(
        f"(of the {first.k} nearest of a picture, over {first.asked:,} of {first.of:,} pictures; "
        "trustworthiness is 0.5 by chance)"
    )
    return "\n".join(lines)
