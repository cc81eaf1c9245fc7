"""Restore: a picture denoised, inpainted or enlarged, beside what needs no model.

a row or an upload ──nw.denoise · nw.inpaint · nw.upscale, behind──► a picture by every method, scores, a file
what is to be filled: a mask that the page painted, itself an upload
"""

from __future__ import annotations

import io
import secrets
import shutil
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from fastapi import APIRouter, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from .. import denoise, inpaint, upscale
from ..applications import MODEL
from ..errors import NarrowsError, NoImages
from ..images import Images, read
from ..images.thumbnails import SIDE
from .guard import LARGEST_UPLOAD
from .map import Row, plain
from .search import Upload, unnamed
from .session import Session
from .share import small

__all__ = ["NAME", "missing", "routes"]

Array = np.ndarray[Any, Any]

NAME = "restore"
KEPT, WAITING = 8, 3  # results, and pictures that are worked on or wait for it
FEWEST, FITTED = 20, 2000  # pictures that the linear baseline is fitted to
LARGEST = 1600  # pixels of the longer side of what is looked at; a file has all of them
EXACT = 512  # up to which a picture is sent without loss

Noise = Literal["gaussian", "dropout", "salt-and-pepper", "blur", "jpeg", "patch", "downscale"]


class Adopted(BaseModel):
    """A row whose picture is restored."""

    key: str = Field(max_length=64)
    row: Row


class Task(BaseModel):
    """What is to be done with an upload."""

    upload: Upload
    verb: Literal["denoise", "inpaint", "upscale"]
    noise: Noise | None = None
    amount: float = Field(0.1, ge=0, le=1000, allow_inf_nan=False)
    sigma: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    resize: Literal["crop", "pad", "stretch"] | None = None
    mask: Upload | None = None
    factor: int = Field(2, ge=2, le=8)
    by: Literal["model", "projection", "lanczos"] | None = None
    score: bool = False


@dataclass
class Made:
    """One result: what is said of it, and its pictures as files of the session."""

    document: dict[str, Any]
    pictures: list[bytes]
    file: Path


def missing(session: Session) -> str:
    """Why nothing can be restored."""
    return session.missing.get("model", "")


def routes(session: Session) -> APIRouter:
    """What the page asks."""
    router = APIRouter(prefix="/api/restore", tags=["restore"])
    made: OrderedDict[str, Made] = OrderedDict()
    lock = threading.Lock()

    @router.get("")
    def about() -> dict[str, Any]:
        """What the model was trained to undo, so that the page begins there."""
        model = _model(session)
        phases = getattr(model.recipe, "phases", ())
        undone = phases[-1].corruption if phases else None
        numbers = {} if undone is None else undone.arguments
        return {
            "shape": list(model.shape),
            "undoes": None if undone is None else undone.name,
            "numbers": {
                name: plain(value) for name, value in numbers.items() if not name[0] == "_"
            },
        }

    @router.post("/pictures")
    def adopted(asked: Adopted) -> dict[str, Any]:
        """A row's picture as if it had been sent; of one whose file is gone its thumbnail."""
        rows = session.shown(asked.key)
        wanted = ["path", "thumbnail"]
        known = rows.collection.rows(wanted, ids=[rows.ids[rows.checked(asked.row)]])
        path, thumbnail = (known[name][0] for name in wanted)
        try:
            content, note = _content(Path(str(path))), ""
        except OSError:
            content = thumbnail
            note = "its file is not there any more: this is its thumbnail"
        return {**session.uploads.add(content), "name": rows.ids[asked.row], "note": note}

    @router.post("")
    def asked(task: Task) -> dict[str, Any]:
        """Begin; the job's end is when ``/api/restore/{id}`` has an answer."""
        model = _model(session)
        path = session.uploads.path(task.upload)
        mask = None if task.mask is None else session.uploads.path(task.mask)
        running = [job for job in session.jobs.document() if job["state"] == "running"]
        if sum(job["name"].startswith("restore ") for job in running) >= WAITING:
            raise ValueError(f"{WAITING} pictures are being restored: wait for one of them")
        id_ = secrets.token_hex(8)

        def work(progress: Any) -> None:
            with session.in_use:
                try:
                    result = _result(session, model, task, path, mask, progress)
                except (NarrowsError, ValueError) as error:
                    raise NarrowsError(unnamed(str(error), [path])) from error
            folder = session.temporary(f"restored-{id_}")
            found = _made(session, task, result, path, folder)
            with lock:
                made[id_] = found
                while len(made) > KEPT:
                    old, one = made.popitem(last=False)
                    shutil.rmtree(one.file.parent, ignore_errors=True)
                    session.jobs.forget(f"restore {old}")

        doing = {"denoise": "denoising", "inpaint": "filling", "upscale": "enlarging"}[task.verb]
        job = session.jobs.start(f"restore {id_}", f"{doing} the picture", work, stops=True)
        return {"id": id_, "job": job.name}

    def one(id_: str) -> Made:
        with lock:
            if id_ not in made:
                raise NoImages("that result is not here any more: restore the picture again")
            return made[id_]

    @router.get("/{id_}")
    def result(id_: str) -> dict[str, Any]:
        """What was done and what is said of it; its pictures have numbers."""
        return one(id_).document

    @router.get("/{id_}/pictures/{number}")
    def picture(id_: str, number: int) -> Response:
        """One picture of a result, to be looked at."""
        pictures = one(id_).pictures
        if not 0 <= number < len(pictures):
            raise ValueError(f"there is no picture {number} of this result; it has {len(pictures)}")
        kept = {"cache-control": "private, max-age=86400"}
        kind = "image/png" if pictures[number][:4] == b"\x89PNG" else "image/webp"
        return Response(pictures[number], media_type=kind, headers=kept)

    @router.get("/{id_}/file")
    def file(id_: str) -> FileResponse:
        """The model's picture as the verb writes it: all of its pixels, with what its file said of it."""
        path = one(id_).file
        return FileResponse(path, filename=f"restored{path.suffix}")

    return router


def _model(session: Session) -> Any:
    if session.model is None or session.missing.get("model"):
        raise NoImages(session.missing.get("model") or "the model is not read yet")
    return session.model


def _content(path: Path) -> bytes:
    """A file's bytes; OSError where there is none, or more than an upload may have."""
    if path.stat().st_size > LARGEST_UPLOAD:
        raise OSError("too large")
    return path.read_bytes()


def _result(
    session: Session, model: Any, task: Task, path: Path, mask: Path | None, progress: Any
) -> Any:
    """What the verb answers.

    Raises:
        ValueError, NarrowsError: of the verb.
    """
    if task.verb == "denoise":
        noise = None if task.noise is None else f"{task.noise} {task.amount:g}"
        return denoise(
            model, path, noise=noise, sigma=task.sigma, resize=task.resize, fit_on=_fitting(session),
            progress=progress,
        )  # fmt: skip
    if task.verb == "upscale":
        how = "lanczos" if task.by == "lanczos" else "model"
        return upscale(model, path, factor=task.factor, by=how, score=task.score, progress=progress)
    if mask is None:
        raise ValueError("paint over what is to be filled first")
    by = task.by if task.by in ("model", "projection") else None
    fit_on = None
    if not model.bottleneck.generative and by != "model":  # where its codes lie has to be learnt
        fit_on = getattr(getattr(model, "run", None), "facts", {}).get("pictures")
    return inpaint(
        model, path, mask=mask, by=by, score=task.score, fit_on=fit_on, progress=progress
    )


def _fitting(session: Session) -> Images | None:
    """Pictures as the model takes them, to fit the linear baseline to: thumbnails, where these are as large."""
    rows = session.rows
    if rows is None or len(rows) < FEWEST or max(session.model.shape[1:]) > SIDE:
        return None
    name = f"fitting {session.model.fingerprint()} {rows.key}"
    if session.kept.get("fitting", ("",))[0] != name:
        ids = [*rows.ids[:: max(1, len(rows) // FITTED)]][:FITTED]
        session.kept["fitting"] = (name, small(session, rows, ids))
    found: Images = session.kept["fitting"][1]
    return found


def _made(session: Session, task: Task, result: Any, path: Path, folder: Path) -> Made:
    """The first picture of a result by every method, and its file."""
    group, output = result.groups[0], result.outputs[0]
    ways = {"as given": group.given, MODEL: group.output, **group.others}
    if group.clean is not None:
        ways["original"] = group.clean
    scores = group.scores()
    methods, pictures = [], []
    whole = tuple(group.output.shape[2:]) == tuple(output.shape[1:])
    for name, x in ways.items():
        own = scores.get(name, {})
        methods.append(
            {"name": result.titles.get(name, name), "model": name == MODEL}
            | {measure: plain(values[0].item()) for measure, values in own.items()}
        )
        pictures.append(_bytes((x[0].clamp(0, 1) * 255).round().byte().cpu()))
    pair = None  # of a large picture the methods show a part; the whole is there of the model's
    if not whole:
        pictures.append(_bytes(output))
        pair = [None, len(pictures) - 1]
        if task.noise is None and not task.score:
            pictures.append(_bytes(read(path)))
            pair[0] = len(pictures) - 1
    written = result.save(folder)

    def told(text: str) -> str:
        return session.said(unnamed(text, [path]))

    document = {
        "verb": task.verb,
        "said": told(result.said),
        "score": result.score,
        "methods": methods,
        "part": [int(group.output.shape[3]), int(group.output.shape[2])],
        "whole": pair,
        "height": int(output.shape[1]),
        "width": int(output.shape[2]),
        "notes": [told(note) for note in result.notes],
    }
    return Made(document, pictures, Path(written["pictures"][0]))


def _bytes(pixels: torch.Tensor) -> bytes:
    """Pixels uint8 (C, H, W) as a file to look at: small ones exactly, large ones smaller."""
    from PIL import Image

    rows = pixels.permute(1, 2, 0).numpy()
    image = Image.fromarray(np.ascontiguousarray(rows[..., 0] if rows.shape[2] == 1 else rows))
    image.thumbnail((LARGEST, LARGEST), Image.Resampling.BOX)
    out = io.BytesIO()
    if max(image.size) <= EXACT:
        image.save(out, format="PNG")
    else:
        image.save(out, format="WEBP", quality=92, method=2)
    return out.getvalue()
