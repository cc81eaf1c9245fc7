"""The map: every picture where its code lies, and what the model decodes between two of them.

rows ──PCA (at once) · t-SNE (behind, kept on disk)──► uint16 x, y ──► the page's canvas
row, row ──their codes──nw.applications.morph_codes──► frames      the row under the pointer ──► what is decoded
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from . import wire
from .filters import Condition, where
from .rows import Rows
from .session import Session
from .sheets import ACROSS, Sheets

if TYPE_CHECKING:
    import torch

__all__ = ["NAME", "missing", "routes"]

Array = np.ndarray[Any, Any]

NAME = "map"
LAYOUTS = ("pca", "tsne")
NEIGHBOURS = 8
FRAMES = 9

Key = Annotated[str, Query(max_length=64, description="the key of the rows that the page has seen")]
Row = Annotated[int, Field(ge=0, lt=1 << 32)]


class Way(BaseModel):
    """From one row to another."""

    key: str = Field(max_length=64)
    first: Row
    last: Row
    frames: int = Field(FRAMES, ge=2, le=64)


class Filter(BaseModel):
    """Conditions that rows pass."""

    key: str = Field(max_length=64)
    conditions: list[Condition] = Field(default_factory=list, max_length=12)


def missing(session: Session) -> str:
    """Why there is no map; nothing where there is one."""
    if session.rows is not None and session.rows.flat is None:
        return session.rows.flat_note
    return session.missing.get("rows", "")


def routes(session: Session) -> APIRouter:
    """What the map's page asks."""
    router = APIRouter(prefix="/api/map", tags=["map"])
    sheets = Sheets(session)

    @router.get("/points")
    def points(key: Key, layout: Literal["pca", "tsne"] = "pca") -> Response:
        """x and y of every row, uint16; 202 while t-SNE is being made."""
        rows = session.shown(key)
        found = laid_out(session, rows, layout)
        if found is None:
            return JSONResponse({"message": "the map is being made", "job": _job(rows)}, 202)
        placed, note = found
        x, y = wire.sixteen_bits(placed)
        head = {"layout": layout, "note": note, "side": sheets.side(rows), "across": ACROSS}
        return wire.columns(head, x=x, y=y)

    @router.get("/colours")
    def colours(key: Key, column: Annotated[str, Query(max_length=200)] = "") -> Response:
        """Which colour each row has, by a column's values; without a column one for all."""
        from ..figures import colouring

        rows = session.shown(key)
        if column and column not in rows.columns:
            raise ValueError(
                f"there is no column {column!r}; there are {', '.join(rows.columns) or 'none'}"
            )
        values = rows.columns[column] if column else None
        made = colouring(values, len(rows))
        head = {
            "column": column, "names": made.names, "colours": made.colours, "numbers": made.numbers,
        }  # fmt: skip
        return wire.columns(head, which=made.which.astype(np.uint8))

    @router.get("/sheets/{number}")
    def sheet(number: int, key: Key) -> Response:
        """1,024 thumbnails, 32 in a row, as WebP."""
        content = sheets.sheet(session.shown(key), number)
        kept = {"cache-control": "private, max-age=31536000, immutable"}
        return Response(content, media_type="image/webp", headers=kept)

    @router.get("/rows/{row}")
    def about(row: int, key: Key, neighbours: bool = True) -> dict[str, Any]:
        """What is known of a row, and the rows whose codes are nearest to its own."""
        rows = session.shown(key)
        known = {name: plain(values[rows.checked(row)]) for name, values in rows.columns.items()}
        found = near(rows, row, NEIGHBOURS) if neighbours else []
        return {"row": row, "id": rows.ids[row], "columns": known, "neighbours": found}

    @router.get("/rows/{row}/decoded")
    def decoded(row: int, key: Key) -> Response:
        """What the model makes of a row's code: one frame."""
        import torch

        from ..applications import decoder

        rows = session.shown(key)
        model = session.autoencoder()
        codes = torch.from_numpy(rows.codes[[rows.checked(row)]].copy())
        with session.in_use:
            made = decoder(model)(codes.reshape(1, *model.code_shape))
        return wire.columns({"id": rows.ids[row]}, frames=shown(made))

    @router.post("/passing")
    def passing(asked: Filter) -> Response:
        """One bit for each row, whether it passes; the first row is the lowest bit of the first byte."""
        rows = session.shown(asked.key)
        text = where(rows, asked.conditions)
        bits = np.ones(len(rows), bool)
        if text is not None:
            found = rows.collection.table(["id"], text)["id"].to_pylist()
            bits[:] = False
            bits[[row for id_ in found if (row := rows.row_of(id_)) is not None]] = True
        return wire.columns({"count": int(bits.sum())}, bits=np.packbits(bits, bitorder="little"))

    @router.post("/morph")
    def morphed(asked: Way) -> Response:
        """Frames from one row to another: decoded codes, and the fade of their pixels."""
        import torch

        from ..applications import decoder, morph_codes

        rows = session.shown(asked.key)
        ends = [rows.checked(asked.first), rows.checked(asked.last)]
        model = session.autoencoder()
        codes = torch.from_numpy(rows.codes[ends].copy()).reshape(2, *model.code_shape)
        with session.in_use:
            decode = decoder(model)
            made = morph_codes(decode, codes, decode(codes), frames=asked.frames)
        head = {"first": rows.ids[ends[0]], "last": rows.ids[ends[1]]}
        return wire.columns(head, frames=shown(made.frames), fade=shown(made.fade))

    return router


def near(rows: Rows, row: int, k: int) -> list[dict[str, Any]]:
    """The k rows whose codes are nearest to a row's, without itself: all codes are at hand, so exactly."""
    found = near_code(rows, rows.codes[row], k + 1)
    return [each for each in found if each["row"] != row][:k]


def near_code(rows: Rows, code: Array, k: int) -> list[dict[str, Any]]:
    """The k rows whose codes are nearest to one (D,), with their distances."""
    from ..collection import nearest

    places, distances = nearest([rows.codes], code[None], min(k, len(rows)))
    pairs = zip(places[0].tolist(), distances[0].tolist(), strict=True)
    return [{"row": other, "id": rows.ids[other], "distance": away} for other, away in pairs]


def shown(pictures: torch.Tensor) -> Array:
    """Pictures (F, C, H, W) in [0, 1] as a canvas takes them, uint8 (F, H, W, 4)."""
    import torch

    pixels = (pictures.clamp(0, 1) * 255).round().byte()
    f, c, h, w = pixels.shape
    if c != 3:
        pixels = pixels[:, :1].expand(f, 3, h, w)
    whole = torch.cat([pixels, torch.full((f, 1, h, w), 255, dtype=torch.uint8)], 1)
    return np.asarray(whole.permute(0, 2, 3, 1).contiguous().numpy())


def plain(value: Any) -> Any:
    """A value of a column as JSON has it: None where it is not known."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return None if value != value or value in (float("inf"), float("-inf")) else value
    return value if isinstance(value, (int, bool, str)) or value is None else str(value)


# ---- layouts -------------------------------------------------------------------------------------


def laid_out(session: Session, rows: Rows, layout: str) -> tuple[Array, str] | None:
    """Points (N, 2) and what to know of them; None while they are being made.

    Raises:
        ValueError: there is nothing to map, or making it failed.
    """
    if rows.flat is None:
        raise ValueError(rows.flat_note)
    if layout == "pca":
        return rows.flat, rows.flat_note
    kept = session.cached("maps") / f"{rows.key}-{layout}"
    if (found := _kept(kept, len(rows))) is not None:
        return found
    job = session.jobs.start(
        _job(rows), "making the t-SNE map", lambda progress: _tsne(rows, kept, progress)
    )
    if job.state == "failed":
        raise ValueError(job.message)
    return None


def _job(rows: Rows) -> str:
    return f"tsne-{rows.key}"


def _tsne(rows: Rows, kept: Path, progress: Any) -> None:
    from .. import files
    from ..applications import embed_2d

    made = embed_2d(rows.codes, "tsne", progress=lambda d, t: progress("t-SNE", d, t))
    note = made.note.encode()
    content = np.asarray(made.points, "<f4").tobytes() + note
    files.write_bytes(kept, content)


def _kept(path: Path, n: int) -> tuple[Array, str] | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if len(content) < 8 * n:
        return None
    points = np.frombuffer(content[: 8 * n], "<f4").reshape(n, 2)
    return points, content[8 * n :].decode("utf-8", "replace")
