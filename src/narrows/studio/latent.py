"""Latent space: pictures of any code, while a hand moves it.

codes that are known ──nw.applications.traversals──► sliders, those that change the most first
rows, uploads, draws of nw.generate ──► codes, which the page mixes
a code (float32) ──socket──► decode ──► pixels (uint8)
an attribute ──nw.steer, behind──► a direction, and what else it changes
codes ──morph_codes──► an animation
"""

from __future__ import annotations

import asyncio
import math
import secrets
import threading
import traceback
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Literal

import numpy as np
import torch
from fastapi import APIRouter, Query, Request, Response, WebSocket
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from .. import generate, steer
from ..applications import decoder, morph_codes, traversals
from ..errors import NarrowsError
from ..images.inputs import even_rows, pictures
from ..parts import listed
from ..priors import stored_priors
from . import wire
from .jobs import FAILED
from .map import Row, plain, shown
from .search import Upload, ground
from .session import Session

__all__ = ["NAME", "missing", "routes"]

Array = np.ndarray[Any, Any]

NAME = "latent"
KNOWN = 1000  # codes that the axes are of
REACH = 3.0  # deviations to either side of a slider
MOST = 16  # pictures that are mixed, and codes that an animation goes through
SOCKETS, AT_ONCE = 8, 2  # pages that decode, and decodings at a time
LEARNT = 8  # attributes that are kept
UNKNOWN = ("size", "width", "height")  # columns that say nothing of what a picture shows


class Sliders(BaseModel):
    """Where they begin, and what each of them moves."""

    key: str = Field("", max_length=64)
    of: Literal["axes", "units"] = "axes"
    row: Row | None = None


class Drawing(BaseModel):
    """How many pictures, from which prior."""

    n: int = Field(24, ge=1, le=96)
    seed: int = Field(0, ge=0, lt=1 << 31)
    prior: str = Field("", max_length=64)
    text: str = Field("", max_length=200)


class Chosen(BaseModel):
    """Pictures whose codes are asked for."""

    key: str = Field("", max_length=64)
    rows: list[Row] = Field(default_factory=list, max_length=MOST)
    uploads: list[Upload] = Field(default_factory=list, max_length=MOST)


class Attribute(BaseModel):
    """What is steered by: a transform, or a column with or without a value."""

    key: str = Field("", max_length=64)
    by: str = Field(min_length=1, max_length=300)


def missing(session: Session) -> str:
    """Why nothing can be decoded."""
    return session.missing.get("model", "") or session.missing.get("decoder", "")


def routes(session: Session) -> APIRouter:
    """What the page asks."""
    router = APIRouter(prefix="/api/latent", tags=["latent"])
    hands = ThreadPoolExecutor(AT_ONCE, "studio decoding", initializer=alone)
    session.at_end.append(hands.shutdown)
    learnt: OrderedDict[str, Any] = OrderedDict()
    open_sockets: set[int] = set()

    @router.get("")
    def about() -> dict[str, Any]:
        """How large a code and a picture are, which priors there are, what can be steered by."""
        model = session.autoencoder()
        folder = session.run_folder
        stored = [] if folder is None else stored_priors(folder)
        columns = [] if session.rows is None else session.document()["rows"]["columns"]
        labels = [one for one in columns if one["name"] not in (*UNKNOWN, *listed("transform"))]
        return {
            "size": math.prod(model.code_shape),
            "shape": list(model.shape),
            "priors": [*(["normal"] if model.bottleneck.generative else []), *stored],
            "text": "caption-flow" in stored,
            "reach": REACH,
            "ground": ground(session.rows),
            "transforms": list(listed("transform")),
            "labels": [choice for one in labels for choice in _steered_by(one)],
        }

    @router.post("/sliders")
    def sliders(asked: Sliders) -> Response:
        """The code to begin at, what a deviation of each slider adds to it, and the pictures at their ends."""
        model = session.autoencoder()
        rows = None if session.rows is None else session.shown(asked.key)
        codes = start = None
        if rows is not None and len(rows) > 1:
            some = even_rows(len(rows), KNOWN)
            codes = shaped(model, rows.codes[some])
        if rows is not None and asked.row is not None:
            start = shaped(model, rows.codes[[rows.checked(asked.row)]])[0]
        with session.in_use:
            found = traversals(
                model, codes=codes, start=start, reach=REACH, steps=3,
                units="effect" if asked.of == "units" else None,
            )  # fmt: skip
        assert found.start is not None and found.steps is not None
        head = {
            "of": asked.of,
            "numbers": [unit + (asked.of == "axes") for unit in found.units.tolist()],
            "effects": found.effects.tolist(),
            "notes": [session.said(note) for note in found.notes],
        }
        ends = found.pictures[:, [0, -1]].flatten(0, 1)
        return wire.columns(
            head, start=flat(found.start[None])[0], steps=flat(found.steps), ends=shown(ends)
        )

    @router.post("/generate")
    def drawn(asked: Drawing) -> Response:
        """Pictures that the model makes up, and their codes."""
        model = session.autoencoder()
        with session.in_use:
            made = generate(
                model, asked.n, prior=asked.prior or None, text=asked.text or None, seed=asked.seed
            )
        notes = [session.said(note) for note in made.notes]
        head = {"prior": made.prior, "notes": notes}
        return wire.columns(head, codes=flat(made.codes), pictures=shown(made.pictures))

    @router.post("/codes")
    def codes(asked: Chosen) -> Response:
        """The codes of rows, then of uploads."""
        model = session.autoencoder()
        found = []
        if asked.rows:
            rows = session.shown(asked.key)
            found.append(rows.codes[[rows.checked(row) for row in asked.rows]])
        for name in asked.uploads:
            with session.in_use:
                one = pictures(session.uploads.path(name), model.preprocessing)
                found.append(flat(model.encode(one).z))
        if not found:
            raise ValueError("name pictures whose codes are wanted")
        return wire.columns({}, codes=np.concatenate(found).astype(np.float32))

    @router.post("/steer")
    def steered(asked: Attribute) -> Response:
        """What steering by an attribute adds to a code, and what it changes; 202 while it is learnt."""
        model, what = session.autoencoder(), _learnt_from(session, asked.by)
        name = f"steer {asked.by}"

        def work(progress: Any) -> None:
            with session.in_use:
                learnt[asked.by] = steer(
                    model, what, by=asked.by, fit_on=what, limit=1, progress=progress
                )
            while len(learnt) > LEARNT:
                session.jobs.forget(f"steer {learnt.popitem(last=False)[0]}")

        if asked.by not in learnt:
            job = session.jobs.start(name, f"learning {asked.by}", work)
            if job.state == "failed":
                raise ValueError(job.message)
            return JSONResponse({"message": "the direction is being learnt", "job": name}, 202)
        return _direction(session, learnt[asked.by])

    @router.post("/film")
    async def film(request: Request, frames: Annotated[int, Query(ge=2, le=120)] = 60) -> Response:
        """An animated WebP through codes (N, D), float32 as the body, beside the fade of their pictures."""
        model, content = session.autoencoder(), await request.body()

        def make() -> bytes:
            z = received(model, content, most=MOST)
            if len(z) < 2:
                raise ValueError("an animation goes through at least 2 codes")
            with session.in_use:
                decode = decoder(model)
                made = morph_codes(decode, z, decode(z), frames=frames)
            path = session.temporary(f"{secrets.token_hex(8)}.webp")
            made.save(path)
            try:
                return path.read_bytes()
            finally:
                path.unlink()

        return Response(await run_in_threadpool(make), media_type="image/webp")

    @router.websocket("/decode")
    async def decoding(socket: WebSocket) -> None:
        """A code (D,) as float32 in, its picture (H, W, C) as uint8 out; a sentence where that fails."""
        await socket.accept()
        if len(open_sockets) >= SOCKETS:
            await socket.send_json({"message": f"{SOCKETS} pages decode already; close one"})
            await socket.close()
            return
        open_sockets.add(id(socket))
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                try:
                    model = session.autoencoder()
                    # without session.in_use: decoding changes nothing, and a hand does not wait for a job
                    pixels = await asyncio.get_running_loop().run_in_executor(
                        hands, _decoded, model, message.get("bytes") or b""
                    )
                except (NarrowsError, ValueError) as error:
                    await socket.send_json({"message": session.said(error)})
                except RuntimeError:  # a fault of ours, or of what the model asks of this machine
                    traceback.print_exc()
                    await socket.send_json({"message": FAILED})
                else:
                    await socket.send_bytes(pixels)
        except (WebSocketDisconnect, RuntimeError):  # gone while it was being answered
            pass
        finally:
            open_sockets.discard(id(socket))

    return router


_settling = threading.Lock()


def alone() -> None:
    """Let this thread compute without others' help, and leave all others as they are.

    One small picture is no work to share: beside a training on the same two cores, two threads that wait
    for each other take many times as long as one.
    """
    with _settling:
        usual = torch.get_num_threads()
        torch.set_num_threads(1)
        again = threading.Thread(target=torch.set_num_threads, args=(usual,))  # for new threads
        again.start()
        again.join()


def _decoded(model: Any, content: bytes) -> bytes:
    """The picture of one code, as the socket has both."""
    picture = decoder(model)(received(model, content, most=1))[0]
    pixels: bytes = (picture * 255).round().byte().permute(1, 2, 0).contiguous().numpy().tobytes()
    return pixels


def received(model: Any, content: bytes, most: int) -> torch.Tensor:
    """Codes (N, *code) of a body.

    Raises:
        ValueError: it is none, holds too many, or numbers that are not finite.
    """
    size = math.prod(model.code_shape)
    n, rest = divmod(len(content), 4 * size)
    if rest or not 1 <= n <= most:
        raise ValueError(
            f"a code of this model is {size:,} numbers of 4 bytes, and at most {most} are decoded at "
            f"once; we got {len(content):,} bytes"
        )
    rows = np.frombuffer(content, "<f4").reshape(n, size)
    if not np.isfinite(rows).all():
        raise ValueError("a code holds finite numbers only")
    return shaped(model, rows)


def shaped(model: Any, rows: Array) -> torch.Tensor:
    """Flat codes (N, D) as the model's (N, *code)."""
    return torch.from_numpy(rows.astype(np.float32)).reshape(len(rows), *model.code_shape)


def flat(codes: torch.Tensor) -> Array:
    return np.asarray(codes.flatten(1).float().cpu().numpy())


def _steered_by(column: Mapping[str, Any]) -> list[str]:
    """A column of numbers by its name, one of classes by each of them."""
    name, values = column["name"], column["values"]
    if column["kind"] == "text" or (column["kind"] == "number" and len(values) > 1):
        return [f"{name}={value}" for value in values]
    return [name] if column["kind"] == "number" else []


def _learnt_from(session: Session, by: str) -> Any:
    """The pictures that an attribute is learnt from: for a column those that have it.

    Raises:
        ValueError: none are known.
    """
    shown_here, seen = session.pictures_shown, session.trained_on
    found = (seen or shown_here) if by in listed("transform") else (shown_here or seen)
    if not found:
        raise ValueError(
            "neither the model nor the collection says where its pictures are, from which that would be "
            "learnt"
        )
    return found


def _direction(session: Session, found: Any) -> Response:
    document = found.document()
    moved = {
        kind: [{name: plain(value) for name, value in one.items()} for one in document[kind]]
        for kind in ("effects", "of_the_transform")
    }
    head = {
        "by": found.by, "amount": found.amount, "unit": found.unit, "nothing": session.said(found.nothing),
        "r2": plain(found.r2), "judged": len(found.judged), "judged_on": found.judged_on,
        "notes": [session.said(note) for note in found.notes], **moved,
    }  # fmt: skip
    arrays = {"vector": flat(found.steering.vector[None])[0]}
    if hasattr(found.steering, "matrix"):
        arrays["matrix"] = np.asarray(found.steering.matrix.float().cpu().numpy())
    return wire.columns(head, **arrays)
