"""Train: runs are watched while they go on, begun, stopped, resumed, and compared.

runs of this folder ──ids──► the page
a run's metrics.jsonl ──lines, whoever writes them──► events, whose ids are the numbers of the lines
its weights, whenever they change ──► the same pictures reconstructed, the same draws decoded
what the studio was opened with, a recipe ──`narrows train` as a process of its own──► a run to watch
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import glob
import hashlib
import io
import json
import math
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from .. import fit, generate, load, prior
from ..applications import measure_run
from ..applications.beside_pca import linear
from ..applications.train import run_folder
from ..bottlenecks.quantised import Quantised
from ..defaults import RECIPE
from ..errors import BadFile, NarrowsError, NoImages
from ..figures import compared_runs, vector
from ..images import names, open_source
from ..images.inputs import evenly, pictures
from ..measures import psnr
from ..priors import stored_priors
from ..recipes import bibtex, grouped, recipe
from ..training import Following, Recipe, facts_of, history_of, run_info, training_goes_on
from . import wire
from .jobs import Stopped
from .map import plain, shown
from .session import Session

__all__ = ["NAME", "missing", "routes"]

Array = np.ndarray[Any, Any]

NAME = "train"
LISTED = 60  # runs
LOOKS, BEATS = 0.5, 5.0  # seconds between two looks at a run; and two signs of life
STREAMS = 24  # pages and runs that are followed at a time
SAME = 8  # pictures that every run shows, and draws
JUDGED = 200  # pictures that runs are compared on
TIMED, SECONDS = 512, 2.0  # pictures and time that tell what a recipe costs
COMPARED = 4
WAITING = 8  # trainings that wait for their turn
KEPT = 12  # looks at runs
BEHIND = "training"  # the job that trains what is open
NICE = 5  # how far such a training stands back for whoever looks at the page
FEW = 50  # pictures, below which nothing is trained by itself

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class Wanted(BaseModel):
    """What is to be trained, and for how long."""

    recipe: str = Field(RECIPE, max_length=80)
    minutes: float = Field(5.0, gt=0, le=60 * 24 * 7, allow_inf_nan=False)
    size: int = Field(64, ge=8, le=512)
    gray: bool = False
    for_: Literal["", "denoise", "inpaint", "upscale"] = Field("", alias="for")
    after: bool = Field(False, description="wait for those that go on, instead of being refused")


class Change(BaseModel):
    """What becomes of a run that goes on, or does not."""

    do: Literal["stop", "resume", "use", "prior"]


class Several(BaseModel):
    """Runs that are compared."""

    runs: list[Id] = Field(min_length=2, max_length=COMPARED)


@dataclass
class Look:
    """What a run's weights make of the same pictures."""

    document: dict[str, Any]
    arrays: dict[str, Array]


def missing(session: Session) -> str:
    """Runs can always be watched; what cannot be begun is said there."""
    return ""


def routes(session: Session) -> APIRouter:
    """What the page asks."""
    router = APIRouter(prefix="/api/train", tags=["train"])
    room = Room(session)
    session.at_end.append(room.stop_all)
    session.once_open.append(room.begin_behind)
    session.earlier = room.earlier

    @router.get("")
    def about() -> dict[str, Any]:
        """The runs, the newest first; what can be trained on, by which recipes."""
        return room.document()

    @router.get("/runs/{id_}")
    def run(id_: Id) -> dict[str, Any]:
        """One run, and every line of its metrics with its number."""
        path = room.path(id_)
        _, records = Following(path).new()
        return {**room.row(id_, path), "records": [[line, _record(one)] for line, one in records]}

    @router.get("/runs/{id_}/events")
    async def events(
        id_: Id,
        after: Annotated[int, Query(ge=0, le=1 << 40)] = 0,
        last_event_id: Annotated[str, Header(max_length=20)] = "",
    ) -> StreamingResponse:
        """Its metrics as they are written, and whether it goes on; ids are numbers of lines."""
        path = room.path(id_)
        if room.streams >= STREAMS:
            raise ValueError(f"{STREAMS} runs are followed already: close a page")
        known = int(last_event_id) if last_event_id.isdecimal() else after
        return StreamingResponse(
            room.follow(id_, path, known),
            media_type="text/event-stream",
            headers={"cache-control": "no-store"},
        )

    @router.get("/runs/{id_}/look")
    def look(id_: Id) -> Response:
        """Some pictures, what its weights of now make of them, and draws, always the same ones."""
        found = room.look(room.path(id_))
        return wire.columns(found.document, **found.arrays)

    @router.post("/compare")
    def compare(asked: Several) -> Response:
        """Runs side by side, on the same pictures, beside PCA with as many numbers; 202 while that is made."""
        paths = [room.path(id_) for id_ in dict.fromkeys(asked.runs)]
        found = room.compared(paths)
        if isinstance(found, str):
            return JSONResponse({"message": "the runs are being compared", "job": found}, 202)
        return wire.columns(found.document, **found.arrays)

    @router.post("/measured")
    def measured(asked: Several) -> Any:
        """Samples, bits and time of runs beside PCA, by ``nw.applications.measure_run``; 202 while it is made."""
        found = room.measured([room.path(id_) for id_ in dict.fromkeys(asked.runs)])
        if isinstance(found, str):
            return JSONResponse({"message": "the runs are being measured", "job": found}, 202)
        return {"rows": found}

    @router.post("/figure")
    def figure(asked: Several) -> Response:
        """The runs side by side for a paper, as a ZIP: figure (SVG, PDF), table (CSV), BibTeX, recipes (TOML).

        202 while they are compared, which it is made of.
        """
        content = room.for_a_paper([room.path(id_) for id_ in dict.fromkeys(asked.runs)])
        if isinstance(content, str):
            return JSONResponse({"message": "the runs are being compared", "job": content}, 202)
        told = {"content-disposition": 'attachment; filename="runs.zip"'}
        return Response(content, media_type="application/zip", headers=told)

    @router.post("/cost")
    def cost(asked: Wanted) -> Any:
        """What a recipe costs on this machine, tried for two seconds; the job's name while it is tried."""
        return room.cost(asked)

    @router.put("/runs")
    def begin(asked: Wanted) -> dict[str, Any]:
        """Begin to train on what the studio was opened with."""
        return room.begin(asked)

    @router.patch("/runs/{id_}")
    def change(id_: Id, asked: Change) -> dict[str, Any]:
        """Stop a run that this studio began, with a checkpoint; go on with one; or show all by its model."""
        path = room.path(id_)
        if asked.do == "stop":
            room.stop(id_)
        elif asked.do == "use":
            room.use(path)
        elif asked.do == "prior":
            room.fit_prior(path)
        else:
            room.resume(id_, path)
        return room.row(id_, path)

    return router


class Room:
    """The runs that a session knows, and those that it began."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.streams = 0
        self._began: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: dict[str, Path] = {}
        self._looks: OrderedDict[Any, Look] = OrderedDict()
        self._costs: dict[str, Any] = {}
        self._measures: OrderedDict[Any, dict[str, Any]] = OrderedDict()
        self._waiting: list[str] = []  # jobs that begin a training in this order
        self._asked = 0
        self._lock = threading.RLock()

    # ---- which there are -------------------------------------------------------------------------

    def paths(self) -> dict[str, Path]:
        """Folders of runs by id: what is open, and where `narrows train` writes from here."""
        session, found = self.session, []
        own = session.run_folder
        for path in (session.subject if session.kind in ("run", "model") else None, own):
            if path is not None and Path(path).exists() and not session.standing:
                found.append(Path(path) if Path(path).is_dir() else Path(path).parent)
        if not session.read_only:  # others are shown what is open, and nothing beside it
            found += [path.parent for path in Path("runs").glob("*/recipe.toml")]
        with self._lock:
            begun = [Path(path) for path in self._logs]
        found += begun
        there = [path for path in found if (path / "recipe.toml").is_file() or path in begun]
        known = {str(path.resolve()): path for path in there}
        return {
            hashlib.blake2b(where.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest(): path
            for where, path in known.items()
        }

    def path(self, id_: str) -> Path:
        """The folder of an id.

        Raises:
            NoImages: there is none.
        """
        found = self.paths()
        if id_ not in found:
            raise NoImages("that run is not here any more; the list is read again")
        return found[id_]

    def document(self) -> dict[str, Any]:
        session = self.session
        runs = [self.row(id_, path) for id_, path in self.paths().items()]
        runs.sort(key=lambda one: one["changed"], reverse=True)
        what = self._pictures()
        return {
            "runs": runs[:LISTED],
            "pictures": None if what is None else session.said(Path(str(what)).name),
            "count": (session.folder or {}).get("pictures"),
            "recipes": {title: list(makers) for title, makers in grouped().items()},
            "default": RECIPE,
            "adopts": session.kind == "pictures" and session.collection is not None,
        }

    def row(self, id_: str, path: Path) -> dict[str, Any]:
        """A run in a line."""
        history = history_of(path)
        last = history[-1] if history else {}
        best = [one["validation_loss"] for one in history if "validation_loss" in one]
        metrics = path / "metrics.jsonl"
        try:
            made = Recipe.load(path / "recipe.toml")
            steps = [phase.steps for phase in made.phases]
            minutes = [phase.minutes for phase in made.phases]
            name, shape = made.name, list(made.shape)
        except (NarrowsError, ValueError):
            name = "damaged" if (path / "recipe.toml").exists() else "beginning"
            shape, steps, minutes = [], [], []
        return {
            "id": id_,
            "name": path.resolve().name,
            "recipe": name,
            "shape": shape,
            "changed": _changed(metrics) or _changed(path / "recipe.toml"),
            "going": training_goes_on(path),
            "ours": id_ in self._began and self._began[id_].poll() is None,
            "resumes": self._resumes(path) is not None,
            "weights": _changed(path / "model.safetensors"),
            "epoch": plain(last.get("epoch")),
            "loss": plain(last.get("loss")),
            "best": plain(min(best)) if best else None,
            "seconds": sum(float(one["seconds"]) for one in history),
            "phases": [
                {"steps": s, "minutes": m} for s, m in zip(steps, minutes, strict=True)
            ],
            "failed": self._failed(id_, path),
        }  # fmt: skip

    # ---- watching --------------------------------------------------------------------------------

    async def follow(self, id_: str, path: Path, after: int) -> AsyncIterator[str]:
        """Server-sent events of a run."""
        following, state, quiet = Following(path, after), "", 0.0
        self.streams += 1
        try:
            while True:
                again, records = await run_in_threadpool(following.new)
                if again:
                    yield "event: again\ndata: {}\n\n"
                for line, one in records:
                    yield f"id: {line}\nevent: record\ndata: {json.dumps(_record(one))}\n\n"
                now = json.dumps(await run_in_threadpool(self._state, id_, path))
                if now != state:
                    state = now
                    yield f"event: state\ndata: {now}\n\n"
                elif not records and quiet >= BEATS:
                    quiet = 0.0
                    yield ": still here\n\n"
                quiet += LOOKS
                await asyncio.sleep(LOOKS)
        finally:
            self.streams -= 1

    def _state(self, id_: str, path: Path) -> dict[str, Any]:
        own = self._began.get(id_)
        return {
            "going": training_goes_on(path),
            "ours": own is not None and own.poll() is None,
            "weights": _changed(path / "model.safetensors"),
            "failed": self._failed(id_, path),
        }

    def look(self, path: Path) -> Look:
        """What the weights of now make of the same pictures.

        Raises:
            BadFile: there are none yet, or they are damaged.
        """
        key = _state_of(path)
        with self._lock:
            if key in self._looks:
                return self._looks[key]
        if not key[1]:
            raise BadFile("this run has no weights yet: they come with its first validation")
        model = load(path)
        document: dict[str, Any] = {"weights": key[1], "notes": []}
        arrays: dict[str, Array] = {}
        try:
            images, judged = self._same(model, SAME)
        except (NarrowsError, ValueError, OSError) as error:
            document["notes"].append(f"its pictures cannot be read: {self.session.said(error)}")
        else:
            made = model.reconstruct(images).clamp(0, 1)
            x = images.batch(torch.arange(len(images))).cpu()
            document |= {"psnr": plain(float(psnr(x, made).mean())), "judged": judged}
            arrays |= {"given": shown(x), "made": shown(made)}
        try:
            drawn = generate(model, SAME, seed=0)
            document |= {"prior": drawn.prior, "fits": drawn.prior == "normal"}
            arrays["drawn"] = shown(drawn.pictures)
        except (NarrowsError, ValueError) as error:
            document |= self._undrawn(path, error)
        found = Look(document, arrays)
        with self._lock:
            self._looks[key] = found
            while len(self._looks) > KEPT:
                self._looks.popitem(last=False)
        return found

    def _undrawn(self, path: Path, error: Exception) -> dict[str, Any]:
        """Why nothing is drawn: no prior was fitted yet, which the page does by a button, or something else."""
        if not stored_priors(path):
            return {
                "fits": True,
                "undrawn": "No distribution was fitted to its codes yet, so that nothing is drawn.",
            }
        return {"fits": False, "undrawn": self.session.said(error)}

    def _same(self, model: Any, n: int) -> tuple[Any, str]:
        """Pictures that runs on the same ones share: of those that chose the weights, evenly spread."""
        what = model.run.facts.get("pictures") or self._pictures()
        if what is None:
            raise ValueError("the run does not say which pictures it was trained on")
        portion = model.run.split(pictures(what, model.preprocessing)).evaluation()
        return evenly(portion.images, n), portion.name

    # ---- comparing -------------------------------------------------------------------------------

    def compared(self, paths: list[Path]) -> Look | str:
        """Runs side by side; the name of the job while that is made.

        Raises:
            ValueError: why it cannot be made.
        """
        key = tuple(map(_state_of, paths))
        name = f"compare {hashlib.blake2b(repr(key).encode(), digest_size=6).hexdigest()}"
        with self._lock:
            if name in self._looks:
                return self._looks[name]

        def work(progress: Any) -> None:
            found = self._comparison(paths, progress)
            with self._lock:
                self._looks[name] = found
                while len(self._looks) > KEPT:
                    old, _ = self._looks.popitem(last=False)
                    if isinstance(old, str):
                        self.session.jobs.forget(old)

        job = self.session.jobs.start(name, f"comparing {len(paths)} runs", work)
        if job.state == "failed":
            raise ValueError(job.message)
        return job.name

    def _comparison(self, paths: list[Path], progress: Any) -> Look:
        rows: list[dict[str, Any]] = []
        arrays: dict[str, Array] = {}
        notes: list[str] = []
        for number, path in enumerate(paths):
            progress("reconstructing", number, len(paths))
            info, model = run_info(path), load(path)
            row = {"name": path.resolve().name, "recipe": info["recipe"], **info["numbers"]}
            corruption = Recipe.load(path / "recipe.toml").phases[-1].corruption
            if corruption is not None:  # it has learnt something else than to reconstruct
                row["undoes"] = corruption.name
            row["beside_pca"] = self.session.said(str(info.get("beside_pca", "")))
            images, judged = self._same(model, JUDGED)
            made = model.reconstruct(images).clamp(0, 1)
            x = images.batch(torch.arange(len(images))).cpu()
            row |= {"psnr": float(psnr(x, made).mean()), "pictures": len(x), "judged": judged}
            few = torch.linspace(0, len(x) - 1, min(SAME, len(x))).round().long()
            what = pictures(
                model.run.facts.get("pictures") or self._pictures(), model.preprocessing
            )
            pca = linear(model, model.run.split(what).fitting()[0], x)
            if pca is not None:
                row |= {"pca": pca.name, "pca_psnr": float(pca.psnr.mean())}
                arrays[f"pca{number}"] = shown(pca.reconstructions[few])
            arrays |= {f"given{number}": shown(x[few]), f"made{number}": shown(made[few])}
            try:
                arrays[f"drawn{number}"] = shown(generate(model, SAME, seed=0).pictures)
            except (NarrowsError, ValueError) as error:
                row |= self._undrawn(path, error)
            rows.append({name: plain(value) for name, value in row.items() if name != "shape"})
        if (
            len(
                {
                    (str(load_facts(path)), one["pictures"])
                    for path, one in zip(paths, rows, strict=True)
                }
            )
            > 1
        ):
            notes.append(
                "these runs were trained on different pictures: their numbers do not compare"
            )
        progress("reconstructing", len(paths), len(paths))
        return Look({"rows": rows, "notes": notes}, arrays)

    # ---- measuring -------------------------------------------------------------------------------

    def measured(self, paths: list[Path]) -> list[dict[str, Any]] | str:
        """What runs cost and give beside PCA; the name of the job while that is measured.

        Raises:
            ValueError: why it cannot be.
        """
        keys = [_state_of(path) for path in paths]
        with self._lock:
            if all(key in self._measures for key in keys):
                return [self._measures[key] for key in keys]
        name = f"measure {hashlib.blake2b(repr(keys).encode(), digest_size=6).hexdigest()}"

        def work(progress: Any) -> None:
            for number, (key, path) in enumerate(zip(keys, paths, strict=True)):
                if key in self._measures:
                    continue

                def step(stage: str, done: int, total: int, number: int = number) -> None:
                    share = done / total if total else 0
                    progress(
                        f"{stage}, run {number + 1}",
                        round(100 * (number + share)),
                        100 * len(paths),
                    )

                found = self._measure(path, step)
                with self._lock:
                    self._measures[key] = found
                    while len(self._measures) > 4 * KEPT:
                        self._measures.popitem(last=False)

        job = self.session.jobs.start(name, f"measuring {len(paths)} runs", work, stops=True)
        if job.state in ("failed", "done", "stopped"):  # what was measured is not kept for ever
            self.session.jobs.forget(name)
            if job.state == "failed":
                raise ValueError(job.message)
            return self.measured(paths)
        return job.name

    def _measure(self, path: Path, progress: Any) -> dict[str, Any]:
        model = load(path)
        what = model.run.facts.get("pictures") or self._pictures()
        if what is None:
            raise ValueError("a run does not say which pictures it was trained on")
        made = measure_run(model, what, progress=progress)
        found = {name: plain(value) for name, value in made.document().items() if name != "notes"}
        notes = [
            "no distribution was fitted to its codes, so that it has no samples"
            if note.startswith("no samples") and not stored_priors(path)
            else self.session.said(note)
            for note in made.notes
        ]
        return {"name": path.resolve().name, **found, "judged": list(made.judged), "notes": notes}

    def for_a_paper(self, paths: list[Path]) -> bytes | str:
        """A ZIP of what a paper needs of runs, with samples and bits where those are measured.

        The name of the job while the runs are compared.
        """
        found = self.compared(paths)
        if isinstance(found, str):
            return found
        recipes = [Recipe.load(path / "recipe.toml") for path in paths]
        measures = [self._measures.get(_state_of(path), {}) for path in paths]
        table = _table_of(found.document["rows"], measures)
        curves = {}
        for path in paths:
            lines = [one for one in history_of(path) if "validation_loss" in one]
            epochs = [float(one["epoch"]) for one in lines]
            curves[path.resolve().name] = (epochs, [float(one["validation_loss"]) for one in lines])
        made = compared_runs(curves, table)
        text = io.StringIO()
        csv.writer(text).writerows(table)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as pack:
            pack.writestr("runs.svg", vector(made, "svg"))
            pack.writestr("runs.pdf", vector(made, "pdf"))
            pack.writestr("runs.csv", text.getvalue())
            pack.writestr("papers.bib", bibtex(recipes))
            for path in paths:
                pack.writestr(
                    f"recipes/{path.resolve().name}.toml", (path / "recipe.toml").read_bytes()
                )
        return out.getvalue()

    def fit_prior(self, path: Path) -> None:
        """Fit a distribution of its codes to a run, so that it has something to draw from.

        Raises:
            ValueError: it does not say its pictures, or one is being fitted.
        """
        what = facts_of(path).get("pictures") or self._pictures()
        if what is None:
            raise ValueError("this run does not say which pictures it was trained on")

        def work(progress: Any) -> None:
            model = load(path)
            quantised = isinstance(model.bottleneck, Quantised)
            prior(
                model,
                what,
                "autoregressive" if quantised else "mixture",
                to=path,
                progress=progress,
            )

        title = f"fitting a prior to the codes of {path.resolve().name}"
        self.session.jobs.again("prior", title, work)

    # ---- beginning and ending --------------------------------------------------------------------

    def _pictures(self) -> Any:
        """What the studio was opened with, as far as it can be trained on; None where it cannot."""
        session = self.session
        if session.kind == "pictures":
            return session.subject
        about = None if session.collection is None else session.collection.about.pictures
        seen = session.trained_on
        for one in (about, seen):
            if one and (Path(str(one)).exists() or one in names()):
                return one
        return None

    def cost(self, asked: Wanted) -> Any:
        """Weights, and pictures a second, of a recipe on this machine.

        Raises:
            ValueError: no such recipe, or nothing to train on.
        """
        what = self._needed()
        key = f"{asked.recipe} {asked.size} {asked.gray}"
        if key in self._costs:
            return self._costs[key]
        make, name = recipe(asked.recipe), f"cost {key}"

        def work(progress: Any) -> None:
            images = open_source(
                what, asked.size, "gray" if asked.gray else None,
                progress=lambda d, t: progress("reading pictures", d, t),
            )  # fmt: skip
            progress("trying it", 0, 1)
            made = make(images.shape)
            some = evenly(images, TIMED)
            with self.session.in_use:
                model = fit(made, some, minutes=SECONDS / 60, report="quiet")
            rates = [float(one["images_per_second"]) for one in model.history]
            self._costs[key] = {
                "weights": sum(p.numel() for p in model.parameters()),
                "code": math.prod(model.code_shape),
                "rate": rates[-1],
                "pictures": len(images),
            }

        job = self.session.jobs.start(name, f"trying {asked.recipe}", work)
        if job.state == "failed":
            raise ValueError(job.message)
        return {"job": job.name}

    def begin(self, asked: Wanted) -> dict[str, Any]:
        """Train in a process of its own, into ``runs/``, at once or when others are over.

        Raises:
            ValueError: no such recipe, nothing to train on, another one goes on, or too many wait.
        """
        what = self._needed()
        recipe(asked.recipe)
        if asked.after and (self._waiting or self._goes_on()):
            return self._queue(asked)
        self._free()
        return self._begin(asked, what)

    def _queue(self, asked: Wanted) -> dict[str, Any]:
        """Begin when those that were asked for before are over.

        Raises:
            ValueError: too many wait.
        """
        with self._lock:
            if len(self._waiting) >= WAITING:
                raise ValueError(f"{WAITING} trainings wait already: stop one of them")
            self._asked += 1
            name = f"queued {self._asked}"
            self._waiting.append(name)

        def work(progress: Any) -> None:
            try:
                while self._waiting[0] != name or self._goes_on():
                    progress("", 0, 0)
                    time.sleep(LOOKS)
                self._begin(asked, self._needed())
            finally:
                self._waiting.remove(name)

        title = f"{asked.for_ or asked.recipe} waits for its turn to be trained"
        return {"id": "", "job": self.session.jobs.start(name, title, work, stops=True).name}

    def _goes_on(self) -> bool:
        return any(own.poll() is None for own in list(self._began.values()))

    def _begin(self, asked: Wanted, what: Any) -> dict[str, Any]:
        folder = _free_folder(run_folder(asked.for_ or asked.recipe, what))
        given = ["--for", asked.for_] if asked.for_ else ["--recipe", asked.recipe]
        command = [
            "train", str(what), *given, "--minutes", f"{asked.minutes:g}", "--size", str(asked.size),
            "--to", str(folder), *(["--gray"] if asked.gray else []),
        ]  # fmt: skip
        id_ = self._start(command, folder)
        return {"id": id_, "name": folder.name}

    def resume(self, id_: str, path: Path) -> None:
        """Go on with a run by the command that began it.

        Raises:
            ValueError: it goes on already, or was not begun from here.
        """
        if training_goes_on(path):
            raise ValueError("this run goes on already")
        command = self._resumes(path)
        if command is None:
            raise ValueError(
                "this run does not say how it was begun from here: go on with it where it was begun, by "
                "the same command with --resume"
            )
        self._free()
        self._start([*command, *([] if "--resume" in command else ["--resume"])], path)

    def _resumes(self, path: Path) -> list[str] | None:
        """The words of `narrows train` that began a run into this very folder; None where it does not say."""
        if not (path / "checkpoint.safetensors").is_file() or (path / "card.md").exists():
            return None  # a training ends with its card
        try:
            words = shlex.split(str(facts_of(path).get("command", "")))
        except (NarrowsError, ValueError):
            return None
        if words[:2] != ["narrows", "train"]:
            return None
        for flag in ("--to", "-o"):
            if flag in words[:-1]:
                to = Path(words[words.index(flag) + 1])
                return words[1:] if to.resolve() == path.resolve() else None
        return None

    def stop(self, id_: str) -> None:
        """Interrupt a run; it writes a checkpoint.

        Raises:
            ValueError: another process's.
        """
        own = self._began.get(id_)
        if own is None or own.poll() is not None:
            raise ValueError(
                "this studio did not begin that run: stop it where it was begun (Ctrl-C), it keeps a "
                "checkpoint"
            )
        own.send_signal(signal.SIGINT)

    def stop_all(self) -> None:
        """At the end of the studio: each keeps a checkpoint, and none that waits begins."""
        for name in list(self._waiting):
            with contextlib.suppress(ValueError):
                self.session.jobs.stop(name)
        for own in self._began.values():
            if own.poll() is None:
                own.send_signal(signal.SIGINT)
        for own in self._began.values():
            try:
                own.wait(20)
            except subprocess.TimeoutExpired:
                own.terminate()

    # ---- behind the page -------------------------------------------------------------------------

    def earlier(self) -> Path | None:
        """The newest run of the usual recipe on what is open that came to its end."""
        subject = self.session.subject
        usual = run_folder(None, subject)
        found = [path.parent for path in usual.parent.glob(f"{glob.escape(usual.name)}*/card.md")]
        mine = [path for path in found if _same_place(load_facts(path), subject)]
        return max(mine, key=lambda path: _changed(path / "card.md"), default=None)

    def begin_behind(self) -> None:
        """Train a first model of a folder's pictures, and adopt it when it is there."""
        session = self.session
        if not session.minutes or not session.standing or session.kind != "pictures":
            return
        if len(session.rows or ()) < FEW:
            return
        title = "A model of these pictures is trained"
        session.jobs.start(BEHIND, title, self._behind, stops=True)

    def _behind(self, progress: Any) -> None:
        """Train as `narrows train` does, and show the pictures by the model.

        Raises:
            Stopped: by a person, here or in the room of runs.
            NarrowsError: the training failed.
        """
        subject, minutes = self.session.subject, self.session.minutes
        self._free()
        folder = _free_folder(run_folder(None, subject))
        id_ = self._start(
            ["train", str(subject), "--minutes", f"{minutes:g}", "--to", str(folder)], folder
        )
        own = self._began[id_]
        if hasattr(os, "setpriority"):  # whoever looks at the page comes first
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, own.pid, NICE)
        try:
            while own.poll() is None:
                known = history_of(folder)
                spent = sum(float(one["seconds"]) for one in known)
                left = max(0.0, 60 * minutes - spent)
                progress(
                    ("" if known else "it begins, ") + _better_in(left),
                    min(int(spent), int(60 * minutes)),
                    int(60 * minutes),
                )
                time.sleep(LOOKS)
        except Stopped:
            own.send_signal(signal.SIGINT)
            raise
        if own.returncode:
            if own.returncode in (-signal.SIGINT, 130):
                raise Stopped
            raise NarrowsError(f"the training ended early: {self._failed(id_, folder)}")
        self.session.adopt(folder, progress)

    def use(self, path: Path) -> None:
        """Show the pictures by the model of a run.

        Raises:
            ValueError: no folder of pictures is open, or another model is being taken.
        """
        if self.session.kind != "pictures" or self.session.collection is None:
            raise ValueError("open the studio with a folder of pictures to look at them by a run")
        self.session.jobs.again(
            "adopting", f"encoding the pictures by {path.name}",
            lambda progress: self.session.adopt(path, progress),
        )  # fmt: skip

    def _needed(self) -> Any:
        what = self._pictures()
        if what is None:
            raise ValueError(
                "there is nothing to train on here: open the studio with a folder of pictures (narrows "
                "studio holiday/)"
            )
        return what

    def _free(self) -> None:
        if self._goes_on():
            raise ValueError("a training goes on already: stop it first, or wait for its end")

    def _start(self, command: list[str], folder: Path) -> str:
        where = str(folder.resolve())
        id_ = hashlib.blake2b(where.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        log = self.session.temporary(f"train-{id_}.log")
        folder.mkdir(parents=True, exist_ok=True)
        with open(log, "wb") as written:
            own = subprocess.Popen(
                [sys.executable, "-m", "narrows", *command],
                stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        with self._lock:
            self._began[id_] = own
            self._logs[where] = log
        self.session.hide(where)
        return id_

    def _failed(self, id_: str, path: Path) -> str:
        """The last sentence of a training that this studio began and that did not end well."""
        own = self._began.get(id_)
        if own is None or own.poll() in (None, 0):
            return ""
        try:
            lines = self._logs[str(path.resolve())].read_text("utf-8", "replace").splitlines()
        except (OSError, KeyError):
            return ""
        told = [one for one in lines if one.startswith("narrows: ")]
        return self.session.said(told[-1].removeprefix("narrows: ")) if told else "it ended early"


def _state_of(path: Path) -> tuple[str, float, float]:
    """A run as it is now: where it lies, when its weights changed, and its priors."""
    priors = max(map(_changed, path.glob("prior-*.safetensors")), default=0.0)
    return str(path.resolve()), _changed(path / "model.safetensors"), priors


def _table_of(rows: list[dict[str, Any]], measures: list[dict[str, Any]]) -> list[list[str]]:
    """Runs as columns, what is known of them as lines."""

    def line(title: str, name: str, form: str, of: list[dict[str, Any]] = rows) -> list[str]:
        values = [each.get(name) for each in of]
        return [title, *("–" if value is None else format(value, form) for value in values)]

    lines = [
        ["", *(str(row["name"]) for row in rows)],
        ["recipe", *(str(row["recipe"]) for row in rows)],
        line("weights", "weights", ","),
        line("numbers of a code", "code", ","),
        line("time, s", "seconds", ".0f"),
        line("PSNR of reconstructions, dB", "psnr", ".2f"),
        line("PCA with as many, dB", "pca_psnr", ".2f"),
    ]
    if any(measures):
        lines += [
            line("Fréchet distance of samples", "frechet", ".2f", measures),
            line("PCA with as many", "pca_frechet", ".2f", measures),
            line("other real pictures", "floor", ".2f", measures),
            line("real or drawn, told by a classifier", "told", ".3f", measures),
            line("bits per dimension (ELBO)", "bits", ".3f", measures),
            line("probabilistic PCA", "pca_bits", ".3f", measures),
            line("time of PCA, s", "pca_seconds", ".2f", measures),
        ]
    return lines


def load_facts(path: Path) -> Any:
    """Which pictures a run was trained on, as it says."""
    return facts_of(path).get("pictures")


def _same_place(one: Any, other: Any) -> bool:
    """Whether both name the same pictures."""
    if not one:
        return False
    first, second = Path(str(one)).expanduser(), Path(str(other)).expanduser()
    return first.resolve() == second.resolve() if first.exists() else str(one) == str(other)


def _better_in(seconds: float) -> str:
    """What to expect of a training, in a phrase."""
    if seconds < 1:
        return "it is nearly there"
    if seconds < 90:
        return f"better in about {max(10, round(seconds / 10) * 10)} seconds"
    return f"better in about {round(seconds / 60)} minutes"


def _record(record: dict[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in record.items()}


def _changed(path: Path) -> float:
    """When a file was written; 0 where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _free_folder(folder: Path) -> Path:
    """The folder, or one beside it with a number."""
    number, found = 1, folder
    while found.exists():
        number += 1
        found = folder.with_name(f"{folder.name}-{number}")
    return found
