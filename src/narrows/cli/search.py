"""``narrows search``: the pictures of a collection that are like one, or like a sum of several."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .app import app, printed
from .collection import Address, Moved, Number, Where, model_of, plain

if TYPE_CHECKING:
    import numpy as np

    from ..collection import Collection

__all__ = ["search"]


@app.command()
def search(
    collection: Address,
    like: Annotated[
        list[str] | None,
        typer.Option(help="A picture file to be like. Several: their mean code."),
    ] = None,
    id_: Annotated[
        list[str] | None,
        typer.Option("--id", help="A picture of the collection to be like. Repeatable."),
    ] = None,
    minus: Annotated[
        list[str] | None,
        typer.Option(help="A picture file, or an id, whose code is taken away. Repeatable."),
    ] = None,
    k: Annotated[int, typer.Option("-k", help="How many pictures.")] = 12,
    where: Where = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Look at every code, also where there is an index.")
    ] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="The contact sheet.")] = Path(
        "search.png"
    ),
    model: Moved = None,
    version: Number = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Find the pictures whose codes are nearest, and draw them on a contact sheet.

    Codes can be added and taken away: --like smiling.jpg --like plain2.jpg --minus plain.jpg asks
    for what is to plain2 as smiling is to plain.

    Example: [bold]narrows search holiday-codes --like beach.jpg --where "width > 500"[/]
    """
    import numpy as np

    from ..applications.search import combined
    from ..applications.search import search as apply
    from ..collection import Collection
    from ..figures import save
    from ..figures.contact import contact_sheet
    from ..images.thumbnails import opened_thumbnail

    if not like and not id_:
        raise ValueError("say what to search for: --like PICTURE or --id ID")
    if k < 1:
        raise ValueError(f"-k is at least 1; we got {k}")
    opened = Collection.open(collection, version)
    if not len(opened):
        raise ValueError(f"{collection} holds no picture yet: run `narrows index` again")
    terms = [("like", name, False) for name in like or []]
    terms += [("like", name, True) for name in id_ or []]
    terms += [("minus", name, not Path(name).is_file()) for name in minus or []]
    read = _Codes(opened, model, device)
    asked = [(sign, name, *read(name, stored)) for sign, name, stored in terms]
    likes = np.stack([code for sign, _, code, _ in asked if sign == "like"])
    less = [code for sign, _, code, _ in asked if sign == "minus"]
    query = combined(likes, np.stack(less) if less else None)
    own = [name for _, name, stored in terms if stored]
    hits = apply(opened, query, k, where=where, exact=exact, without=own)
    if hits.fewer:
        among = " that pass the filter" if where else ""
        print(
            f"asked for {k} pictures; there are {len(hits.ids)}{among} beside the query",
            file=sys.stderr,
        )
    if not hits.ids:
        raise ValueError(
            f"no picture of {collection} beside the query passes the filter {where!r}"
            if where
            else f"{collection} holds no picture beside the query"
        )
    shown = [name for name in ("path", "width", "height", "label") if name in opened.columns]
    rows = opened.rows(["thumbnail", *shown, *opened.scores], ids=hits.ids)
    results = [
        {
            "id": name,
            "distance": distance,
            **{key: plain(rows[key][place]) for key in (*shown, *opened.scores)},
        }
        for place, (name, distance) in enumerate(zip(hits.ids, hits.distances, strict=True))
    ]
    signs = {"like": "+" if len(asked) > 1 else "query", "minus": "−"}
    sheet = contact_sheet(
        [(signs[sign], Path(name).name, picture) for sign, name, _, picture in asked],
        [
            (_shown(row["distance"], hits.distances[-1]), _caption(row), opened_thumbnail(small))
            for row, small in zip(results, rows["thumbnail"], strict=True)
        ],
        title=f"nearest of {len(opened):,} pictures, by distance of codes"
        + (f", where {where}" if where else ""),
    )
    save(sheet, out)
    document = {
        "collection": str(collection),
        "version": opened.version.number,
        "query": [{"sign": sign, "picture": name} for sign, name, _, _ in asked],
        "where": where,
        "exact": hits.exact,
        "sheet": str(out),
        "results": results,
    }
    wide = max(len(name) for name in hits.ids)
    lines = [
        f"{_shown(row['distance'], hits.distances[-1]):>10}  {row['id']:<{wide}}  {_about(row)}"
        for row in results
    ]
    printed(document, as_json, "\n".join([*map(str.rstrip, lines), f"look at {out}"]))


class _Codes:
    """The code (D,) and the thumbnail (C, H, W) of a picture, stored or not."""

    def __init__(self, collection: Collection, model: Path | None, device: str) -> None:
        self.collection, self.given, self.device = collection, model, device
        self._model: Any = None

    def __call__(self, name: str, stored: bool) -> tuple[np.ndarray, np.ndarray]:
        from ..images.thumbnails import opened_thumbnail

        if stored:
            rows = self.collection.rows(["code", "thumbnail"], ids=[name])
            return rows["code"][0], opened_thumbnail(rows["thumbnail"][0])
        return self._encoded(name)

    def _encoded(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        from ..collection import pooled
        from ..errors import UnreadableImage
        from ..images import Images
        from ..images.read import wanted
        from ..images.thumbnails import opened_thumbnail, seen

        about = self.collection.about
        channels, height, width = about.shape
        how = wanted((height, width), "gray" if channels == 1 else "rgb", about.fit, None)
        try:
            picture = seen(Path(name), how)
        except UnreadableImage as error:
            raise UnreadableImage(f"cannot read {name}: {error}") from error
        if self._model is None:
            self._model = model_of(self.collection, self.given, self.device)
        code = self._model.encode(Images(picture.pixels[None])).z.numpy()
        return pooled(code, about.pool)[0], opened_thumbnail(picture.thumbnail)


def _shown(distance: float, farthest: float) -> str:
    """A distance as text; what the rounding of a code leaves counts as none."""
    return f"{distance:.3g}" if distance > 1e-5 * farthest else "0"


def _caption(row: dict[str, Any]) -> str:
    label = row.get("label")
    name = Path(row["id"]).name
    return name if label is None else f"{label} · {name}"


def _about(row: dict[str, Any]) -> str:
    pieces = [str(row[key]) for key in ("label",) if row.get(key) is not None]
    if row.get("width"):
        pieces.append(f"{row['width']}x{row['height']}")
    return "  ".join(pieces)
