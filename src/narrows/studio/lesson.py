"""What a lesson shows of a code: a plane of two of its numbers, fewer of them, codes beside pixels, what is usual.

two units of a code ──traversals──► a plane, the pictures' own codes on it
a picture's code ──by_first_numbers──► what the first 1 … D numbers draw, and how far that is from it
codes ──morph_codes──► decoded on the way, above the fade of pixels
a drawing's code ──usualness──► its p-value among the pictures here
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
import torch
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from ..applications import (
    by_first_numbers,
    decoder,
    morph_codes,
    traversals,
    unit_effects,
    usualness,
)
from ..figures import colouring
from ..images.inputs import even_rows, pictures
from ..measures import psnr
from . import wire
from .latent import KNOWN, MOST, REACH, flat, received, shaped
from .map import Row, near_code, plain, shown
from .search import Upload
from .session import Session
from .share import small

__all__ = ["routes"]

Array = np.ndarray[Any, Any]

SHOWN = 48  # of the numbers of a code, at how many the picture is shown
LABELS = ("label", "hand_label")  # columns whose colours the plane takes
LARGEST = 1024  # numbers of a code that are ordered by what they change
NEIGHBOURS = 5


class Square(BaseModel):
    """Which two numbers, around which row's code."""

    key: str = Field("", max_length=64)
    row: Row | None = None
    units: list[Annotated[int, Field(ge=0, lt=1 << 20)]] = Field(default_factory=list, max_length=2)


class One(BaseModel):
    """A picture: a row, or an upload."""

    key: str = Field(max_length=64)
    row: Row | None = None
    upload: Upload | None = None


class Drawn(BaseModel):
    """An upload that is compared with the rows."""

    key: str = Field(max_length=64)
    upload: Upload


def routes(session: Session) -> APIRouter:
    """What the page asks."""
    router = APIRouter(prefix="/api/lesson", tags=["lesson"])

    @router.post("/plane")
    def plane(asked: Square) -> Response:
        """The code in the middle, a deviation of each of two numbers, and where the pictures' codes lie."""
        model = session.autoencoder()
        rows = None if session.rows is None else session.shown(asked.key)
        if len({*asked.units}) == 1:
            raise ValueError("a plane is of two different numbers of a code")
        codes = start = None
        some = np.zeros(0, int)
        if rows is not None and len(rows) > 1:
            some = even_rows(len(rows), KNOWN)
            codes = shaped(model, rows.codes[some])
        if rows is not None and asked.row is not None:
            start = shaped(model, rows.codes[[rows.checked(asked.row)]])[0]
        with session.in_use:
            found = traversals(
                model, codes=codes, start=start, reach=REACH, steps=2, units=asked.units or "effect"
            )
        assert found.start is not None and found.steps is not None
        if len(found.units) < 2:
            raise ValueError("a plane is of two numbers, and this model's codes have one")
        units = found.units[:2].tolist()
        middle, steps = flat(found.start[None])[0], flat(found.steps[:2])
        sizes = np.maximum([steps[i][unit] for i, unit in enumerate(units)], 1e-12)
        points, which = np.zeros((0, 2), np.float32), np.zeros(0, np.uint8)
        names: list[str] = []
        colours: list[str] = []
        if rows is not None and codes is not None:
            if asked.row is None:  # so that the pictures lie around the middle of the plane
                middle[units] = rows.codes[some][:, units].mean(0)
            points = ((rows.codes[some][:, units] - middle[units]) / sizes).astype(np.float32)
            column = next((rows.columns[name] for name in LABELS if name in rows.columns), None)
            made = colouring(None if column is None else column[some], len(some))
            names, colours, which = (
                list(made.names),
                list(made.colours),
                made.which.astype(np.uint8),
            )
        head = {
            "units": units, "size": len(middle), "effects": found.effects[:2].tolist(), "names": names,
            "colours": colours, "reach": REACH, "known": found.units.tolist(),
        }  # fmt: skip
        return wire.columns(head, start=middle, steps=steps, points=points, which=which)

    @router.post("/numbers")
    def numbers(asked: One) -> Response:
        """A picture by the first numbers of its code, the others at their mean; PSNR of each in dB."""
        model, rows = session.autoencoder(), session.shown(asked.key)
        if math.prod(model.code_shape) > LARGEST:
            raise ValueError(
                f"the numbers of codes of up to {LARGEST:,} are put in order; this model's have "
                f"{math.prod(model.code_shape):,}"
            )
        if len(rows) < 2:
            raise ValueError("what a number changes is told by at least 2 pictures")
        known = shaped(model, rows.codes[even_rows(len(rows), KNOWN)])
        with session.in_use:
            code, given = _code_of(session, rows, asked)
            decode = decoder(model)
            order = unit_effects(decode, known).argsort(descending=True, stable=True)
            counts = steps_to(len(order))
            made = by_first_numbers(decode, code, known.mean(0), order, counts)
        errors = psnr(made, given.expand_as(made))
        head = {"counts": counts, "psnr": [plain(each) for each in errors.tolist()]}
        return wire.columns(
            head, order=order.numpy().astype(np.uint32), pictures=shown(made), given=shown(given)
        )

    @router.post("/way")
    async def way(request: Request, frames: Annotated[int, Query(ge=2, le=64)] = 33) -> Response:
        """Frames through codes (N, D), float32 as the body: decoded codes, and the fade of their pictures."""
        model, content = session.autoencoder(), await request.body()

        def make() -> Response:
            z = received(model, content, most=MOST)
            if len(z) < 2:
                raise ValueError("a way goes between at least 2 codes")
            with session.in_use:
                decode = decoder(model)
                made = morph_codes(decode, z, decode(z), frames=frames)
            return wire.columns({}, frames=shown(made.frames), fade=shown(made.fade))

        return await run_in_threadpool(make)

    @router.post("/usual")
    def usual(asked: Drawn) -> dict[str, Any]:
        """How usual a drawing is among the rows, by the distance to its nearest codes, and those."""
        model, rows = session.autoencoder(), session.shown(asked.key)
        with session.in_use:
            one = pictures(session.uploads.path(asked.upload), model.preprocessing)
            code = flat(model.encode(one).z)
        found = usualness(rows.codes, code)
        return {
            "score": float(found.scores[0]), "p": float(found.p_values[0]), "others": found.others,
            "nearest": near_code(rows, code[0], NEIGHBOURS),
        }  # fmt: skip

    return router


def steps_to(size: int) -> list[int]:
    """Up to 48 counts from 1 to all numbers, closer together where they are few."""
    found = {round(size ** (k / (SHOWN - 1))) for k in range(SHOWN)}
    return sorted(found | {*range(1, min(size, SHOWN // 2) + 1)})


def _code_of(session: Session, rows: Any, asked: One) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture's code (*code), and itself (1, C, H, W).

    Raises:
        ValueError: neither a row nor an upload is named.
    """
    model = session.model
    if asked.upload is not None:
        one = pictures(session.uploads.path(asked.upload), model.preprocessing)
        return model.encode(one).z.cpu()[0], one.batch(torch.arange(1)).cpu()
    if asked.row is None:
        raise ValueError("name a picture: a row, or an upload")
    row = rows.checked(asked.row)
    given = small(session, rows, [rows.ids[row]]).batch(torch.arange(1)).cpu()
    return shaped(model, rows.codes[[row]])[0], given
