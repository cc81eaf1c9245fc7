"""What a studio has open: a model, a collection, what is missing, and what is going on.

COLLECTION ──────────────────────────────► rows, and its model where that can be read
MODEL ──its pictures, encoded behind─────► a collection in the cache ──► rows
FOLDER ──what is in it─► principal components as a first model, pictures encoded behind ──► rows
   └─a model of them is trained behind (train.py), and adopted: the same rows with its codes
RUN that has no weights yet ─────────────► nothing but what its folder says
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..defaults import DEMO
from ..errors import NarrowsError, NoImages
from .cache import trim
from .folder import checked, copies, counted, headers
from .jobs import Jobs
from .rows import Rows
from .words import for_a_page

if TYPE_CHECKING:
    from ..collection import Collection

__all__ = ["Session", "opened"]

WEIGHTS = "model.safetensors"
LOOKS = 3.0  # seconds between two looks at whether a collection has changed
WRITES = (
    "outliers",
    "duplicates",
    "moving",
    "reading",
    "watching",
)  # jobs that write to what is shown
FEW = 20  # values of a column of numbers that are listed
_ADDRESS = re.compile(r"(?<![\w/:])(?:[A-Za-z]:)?(?:[/\\][^\s/\\'\":;,()]+)+[/\\]?")

Progress = Callable[[str, int, int], None]


@dataclass
class Session:
    """One studio's belongings, shared by all of its pages.

    Attributes:
        title: what is open, in the words of whoever opened it.
        kind: ``collection``, ``model``, ``pictures`` or ``run``.
        model: what encodes and decodes; None while there is none.
        collection: whose rows are shown; None while there is none.
        rows: as they were read last; None before.
        folder: what a folder of pictures holds, as counts; None of anything else.
        missing: why there is no ``model``, no ``rows``, no ``decoder``: a sentence each.
        read_only: whether nothing may be changed.
        cache: for what can be made again; None: Narrows' own.
        subject: the path that was opened, or the name of a set.
        files: those of a folder of pictures.
        failure: why the source cannot be opened; None where it can.
        standing: what stands in for a trained model, in a sentence; empty where there is one.
        minutes: how long a model of a folder's pictures is trained behind; 0: none is.
        trained: how the model that was trained here compares, in a sentence; empty before.
        watch: whether new pictures in the folder of what is open are taken in as they come.
        came: what came last, ``{"number", "count", "above", "said"}``; None before.
    """

    title: str
    kind: str
    read_only: bool = False
    model: Any = None
    collection: Collection | None = None
    rows: Rows | None = None
    folder: dict[str, Any] | None = None
    missing: dict[str, str] = field(default_factory=dict)
    cache: Path | None = None
    subject: Any = None
    files: Any = None
    standing: str = ""
    failure: Exception | None = None
    minutes: float = 0.0
    trained: str = ""
    watch: bool = False
    came: dict[str, Any] | None = None
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.said)
        self.in_use = threading.RLock()  # a model does one thing at a time
        self.decoding = threading.BoundedSemaphore(2)  # pictures that are opened at a time
        self.writing = threading.Lock()  # columns are written one at a time
        self.kept: dict[str, Any] = {}  # what rooms keep for all pages, by their names
        self.at_end: list[Callable[[], None]] = []  # what has to be ended with the studio
        self.once_open: list[Callable[[], None]] = []  # what begins when the pictures are there
        self.earlier: Callable[[], Path | None] = lambda: None  # a run on these pictures that ended
        self.uploads: Any = None  # what pages have sent (search.Uploads), for every room
        self.on_adopted: list[Callable[[], None]] = []  # what is of the model before
        self._private: list[str] = []
        self._reading = threading.Lock()
        self._seen: tuple[int, int] | None = None  # the version and its rows when they were read
        self._looked = 0.0
        self._named: tuple[Any, str] = (None, "")  # the model, and its fingerprint
        self._same: set[str] = set()  # keys of rows that had the same numbers as those of now
        self._columns: dict[str, tuple[Any, dict[str, Any]]] = {}
        self._temporary = Path(tempfile.mkdtemp(prefix="narrows-studio-"))
        self.hide(os.getcwd(), str(Path.home()), str(self._temporary))

    # ---- what the page may read ------------------------------------------------------------------

    def hide(self, *addresses: str) -> None:
        """Addresses of this machine, of which a page reads the last name only."""
        known = {a.rstrip("/\\") for a in addresses if len(a) > 1}
        self._private = sorted({*self._private, *known}, key=len, reverse=True)

    def said(self, error: Exception | str) -> str:
        """The sentence of an error in a page's words, without the addresses of this machine."""
        text = for_a_page(str(error))
        for address in self._private:
            text = text.replace(address, Path(address).name)
        return _ADDRESS.sub(lambda found: Path(found[0].rstrip("/\\")).name, text)

    @property
    def run_folder(self) -> Path | None:
        """Where the model lies; of none, or one in memory, nothing."""
        return getattr(getattr(self.model, "run", None), "folder", None)

    @property
    def trained_on(self) -> Any:
        """The pictures of the model's training, as its run says them."""
        return getattr(getattr(self.model, "run", None), "facts", {}).get("pictures")

    @property
    def pictures_shown(self) -> Any:
        """The pictures that are open, or those that the collection is of."""
        if self.collection is None or self.kind == "pictures":
            return self.subject
        return self.collection.about.pictures

    def temporary(self, name: str) -> Path:
        """A file of this session, gone with it."""
        return self._temporary / name

    def cached(self, name: str) -> Path:
        """A folder below the cache, made when it is first asked for."""
        from ..images.cache import place

        root = self.cache if self.cache is not None else place("studio")[0]
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    # ---- what the rooms take ---------------------------------------------------------------------

    def shown(self, key: str) -> Rows:
        """The rows that a page has seen; the same with other codes where another model was adopted since.

        Raises:
            Changed: there are others by now.
            NoImages: there are none yet.
        """
        if self.rows is None:
            raise NoImages(self.missing.get("rows", "the pictures are not read yet"))
        if key != self.rows.key and key not in self._same:
            raise Changed("the collection has changed since this page read it; it is read again")
        return self.rows

    def autoencoder(self) -> Any:
        """The model, where it makes pictures of the codes that are stored.

        Raises:
            NoImages: it does not; the sentence says why.
        """
        why = self.missing.get("decoder") or self.missing.get("model")
        if why or self.model is None:
            raise NoImages(why or "the model is not read yet")
        return self.model

    def document(self) -> dict[str, Any]:
        """All of it that the page shows."""
        rows, about = self.rows, None if self.collection is None else self.collection.about
        return {
            "id": self.id,
            "title": self.title,
            "kind": self.kind,
            "read_only": self.read_only,
            "folder": self.folder,
            "standing": self.standing,
            "trained": self.said(self.trained),
            "watches": self.watch and not self.missing.get("watch"),
            "came": self.came,
            "missing": {name: self.said(why) for name, why in self.missing.items()},
            "model": self.model is not None,
            "encoder": self._encoder(),
            "shape": None if self.model is None else list(self.model.shape),
            "rows": None
            if rows is None
            else {
                "key": rows.key,
                "order": rows.order,
                "count": len(rows),
                "columns": [self._described(*each) for each in [*rows.columns.items()]],
                "of": about.rows if about is not None else "codes",
            },
            "jobs": self.jobs.document(),
        }

    def _encoder(self) -> str:
        """A few letters by which a page knows that another model is in use."""
        if self.model is None:
            return ""
        if self._named[0] is not self.model:
            self._named = (self.model, str(self.model.fingerprint())[:16])
        return self._named[1]

    def _described(self, name: str, values: Any) -> dict[str, Any]:
        """What the page's lists need of a column; said anew only where it was written."""
        known = self._columns.get(name)
        if known is None or known[0] is not values:
            known = self._columns[name] = (values, _column(name, values))
        return known[1]

    def close(self) -> None:
        """End what was begun, and remove what was temporary."""
        for end in self.at_end:
            end()
        shutil.rmtree(self._temporary, ignore_errors=True)

    # ---- opening ---------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start what goes on behind the first page."""
        self.jobs.start("opening", f"opening {self.title}", self._open)

    def read_rows(self, progress: Progress = lambda stage, done, total: None) -> None:
        """Read the collection's rows again."""
        from ..collection import Collection

        assert self.collection is not None
        with self._reading:  # one after the other, so that what was read last is what is there
            self.collection = Collection.open(self.collection.address)
            seen = (self.collection.version.number, len(self.collection))
            rows = Rows.of(
                self.collection, lambda d, t: progress("reading the collection", d, t), self.rows
            )
            self._took(rows, seen)

    def _took(self, rows: Rows, seen: tuple[int, int]) -> None:
        """Show these rows from now on."""
        before, self.rows, self._seen = self.rows, rows, seen
        if before is not None and before.key != rows.key:
            self._same = {*self._same, before.key} if before.order == rows.order else set()
        self.missing.pop("rows", None)
        if not len(rows):
            self.missing["rows"] = f"{self.title} holds no picture yet: index some pictures"

    def look(self) -> None:
        """Read the rows again where others write to the collection; asked now and then by open pages."""
        now, opening = time.monotonic(), self.jobs.of("opening")
        if self.rows is None or now - self._looked < LOOKS or opening is None:
            return
        if self.writing.locked():  # a room of this studio, which reads the rows when it is done
            return
        self._looked = now
        from ..collection import Collection

        assert self.collection is not None
        try:
            newest = Collection.open(self.collection.address)
            seen = (newest.version.number, len(newest))
        except NarrowsError:
            return  # it is gone, or being written: the next question says so
        if seen != self._seen and opening.state == "done":
            self.jobs.forget("reading")
            self.jobs.start("reading", "reading the collection again", self.read_rows)

    def _open(self, progress: Progress) -> None:
        """Read the source; what is wrong with it is kept for whoever serves this session."""
        progress("starting", 0, 0)
        try:
            self._source()
        except (NarrowsError, ValueError) as error:
            self.failure = error
            raise
        if self.collection is not None:
            self.read_rows(progress)
            self.jobs.changes += 1
            self._model_of_collection()
        elif self.kind != "run":
            self._pictures(progress)
        trim(self.cached(""), self._kept())
        if self.rows is not None:
            for begin in self.once_open:
                begin()

    def _kept(self) -> set[Path]:
        """What of the cache is in use here."""
        stay = set() if self.rows is None else {self.cached("sheets") / self.rows.key}
        for each in (self.run_folder, None if self.collection is None else self.collection.address):
            if each is not None:
                stay.add(Path(each))
        return stay

    def _source(self) -> None:
        from .. import load
        from ..collection import Collection

        if self.kind == "collection" and self.collection is None:
            self.collection = Collection.open(self.subject)
        elif self.kind == "model" and self.model is None:
            self.model = load(self.subject)
        elif self.kind == "pictures":
            self.files = checked(str(self.subject))

    def _model_of_collection(self) -> None:
        """Where a collection's model cannot be read, most of what there is to do still works."""
        from .. import load

        assert self.collection is not None
        about = self.collection.about
        self.hide(about.model, about.pictures)
        if not about.model:
            self.missing["model"] = (
                "this collection was made with a model in memory; open it with the model saved"
            )
        elif self.model is None:
            try:
                model = load(about.model)
                self.collection.check(model.fingerprint(), Path(about.model).name)
                self.model = model
            except NarrowsError as error:
                self.missing["model"] = f"the model of this collection cannot be read: {error}"
        self._decoder()

    def _decoder(self) -> None:
        about = self.collection.about if self.collection is not None else None
        if about is not None and not about.plain:
            self.missing["decoder"] = (
                f"this collection holds {about.rows}, of which no picture can be decoded: index the "
                "pictures with plain codes"
            )
        elif about is not None and about.pool != "flatten":
            self.missing["decoder"] = (
                f"this collection holds the {about.pool} of each map of codes, of which no picture can be "
                "decoded: index with `--pool flatten`"
            )
        elif self.model is not None and not hasattr(self.model, "decode"):
            self.missing["decoder"] = "this model makes codes only: it decodes no picture"

    def _pictures(self, progress: Progress) -> None:
        """Encode pictures into a collection of the cache, by the model or by a first one."""
        from .. import index

        subject = self.subject
        if self.kind == "pictures":
            self.model = first_model(subject, self, progress)
            if (run := self.earlier()) is not None:
                self.model = self._trained(run)
        else:
            subject = self.trained_on
            if not subject:
                self.missing["rows"] = (
                    "this model does not say which pictures it was trained on: index some, and open the "
                    "collection (narrows index MODEL PICTURES --to NAME)"
                )
                return
        self.hide(str(subject))
        try:
            made = index(self.model, subject, self._place(self.model, subject), progress=progress)
        except NoImages as error:
            self.missing["rows"] = f"the pictures of this model cannot be read: {error}"
            return
        self.collection = made.collection
        self.read_rows(progress)
        self._decoder()

    def encode_again(self, progress: Progress) -> None:
        """Bring the collection up to what its pictures are now."""
        from .. import index

        index(self.model, self.subject, self.collection.address, progress=progress)  # type: ignore[union-attr]

    def _place(self, model: Any, subject: Any) -> Path:
        """Where the codes that a model makes of pictures are kept."""
        name = hashlib.blake2b(
            f"{model.fingerprint()} {_absolute(subject)}".encode(), digest_size=8
        ).hexdigest()
        to = self.cached("collections") / name
        self.hide(str(to))
        return to

    def _trained(self, run: Path) -> Any:
        """The model of a run on these pictures, which stands in for nothing any more."""
        from .. import load
        from ..training import run_info

        model = load(run)
        compared = run_info(run).get("beside_pca", "")
        self.trained = f"The model {run.name} is in use" + (f": {compared}" if compared else "")
        self.standing = ""
        return model

    def adopt(self, run: Path, progress: Progress) -> None:
        """Show the same pictures by the model of a run; numbers of rows, selections and labels stay.

        Raises:
            ValueError: something else than a folder of pictures is open.
            BadFile: the model cannot be read.
        """
        from .. import index, load
        from . import masks

        if self.kind != "pictures" or self.collection is None:
            raise ValueError(
                "a model is taken into use where the studio was opened with a folder of pictures; open "
                "this run by itself (narrows studio RUN)"
            )
        model = load(run)
        made = index(model, self.subject, self._place(model, self.subject), progress=progress)
        while any(self.jobs.runs(name) for name in WRITES):  # what they find is of the rows of now
            progress("waiting for what is written", 0, 0)
            time.sleep(0.1)
        with self.writing, self.in_use, self._reading:
            assert self.rows is not None
            carry(self.rows, made.collection)
            masks.carry(self.collection, made.collection)
            collection = type(made.collection).open(made.collection.address)
            seen = (collection.version.number, len(collection))
            rows = Rows.of(collection, like=self.rows)
            self.model, self.collection = self._trained(run), collection
            self._took(rows, seen)
            for name in ("model", "decoder"):
                self.missing.pop(name, None)
            self._decoder()
            for forget in self.on_adopted:
                forget()
        self.jobs.changes += 1


class Changed(NarrowsError):
    """What a page asks about is not there any more as it was."""


def opened(
    source: Any = None,
    *,
    read_only: bool = False,
    cache: Path | str | None = None,
    minutes: float = 0.0,
    watch: bool = False,
) -> Session:
    """What a source is, by its files alone; it is read by :meth:`Session.begin`.

    Args:
        source: a ``Collection``, a model, or the folder or address of a collection, a model
            (``hf://owner/name`` too), a run or pictures; None: what ``narrows demo`` made here.
        read_only: whether nothing may be changed.
        cache: a folder for what can be made again; None: Narrows' own.
        minutes: of a folder of pictures, how long a model of them is trained behind; 0: none is.
        watch: whether new pictures in the folder of what is open are taken in as they come.

    Raises:
        NoImages: there is nothing of that name.
    """
    kept = None if cache is None else Path(cache)
    if source is None:
        source = demo_here()
    if not isinstance(source, (str, os.PathLike)):
        if hasattr(source, "about"):
            title, kind = Path(source.address).name, "collection"
            session = Session(title, kind, read_only, collection=source, cache=kept)
            session.hide(source.address, os.path.abspath(source.address))
            return session
        return Session("a model", "model", read_only, model=source, cache=kept)
    if str(source).startswith("hf:"):
        from ..training import located

        source = located(source)
    text = os.fspath(source)
    path = Path(text).expanduser()
    kind = _kind(text, path)
    title = (path.resolve().name or text) if path.exists() else path.name
    session = Session(title, kind, read_only, cache=kept, minutes=0.0 if read_only else minutes)
    session.watch = watch and not read_only
    session.subject = path if path.exists() else text
    session.hide(str(path.resolve()), str(path))
    if kind == "pictures" and not path.exists():
        checked(text)  # there may be a named set of that name
    if kind == "run":
        session.missing["model"] = session.missing["rows"] = (
            f"{title} has no weights yet: its training goes on, or ended before the first epoch"
        )
    return session


def _kind(text: str, path: Path) -> str:
    if "://" in text or (path / "narrows.lance").is_dir():
        return "collection"
    if (path / WEIGHTS).is_file() or (path.is_file() and path.suffix == ".safetensors"):
        return "model"
    return "run" if (path / "recipe.toml").is_file() else "pictures"


def demo_here() -> Path:
    """The newest model that a demo made below the working folder.

    Raises:
        NoImages: there is none.
    """
    found = [path for path in Path(DEMO).glob("model*") if (path / WEIGHTS).is_file()]
    if not found:
        raise NoImages(
            "nothing to open here: run `narrows demo` first, or name a model, a collection or a folder of "
            "pictures (narrows studio holiday/)"
        )
    return max(found, key=lambda path: (path / WEIGHTS).stat().st_mtime)


# ---- a folder of pictures ------------------------------------------------------------------------


def first_model(subject: Any, session: Session, progress: Progress) -> Any:
    """Principal components as a model: what a folder can be looked at with before anything is trained.

    What the folder holds is said on the session as soon as it is known.
    """
    from .. import fit, load, recipes
    from ..images import open_source

    if session.files:
        progress("looking at the files", 0, 1)
        session.folder = headers(session.files)
        session.jobs.changes += 1
        session.folder = session.folder | copies(
            session.files, lambda d, t: progress("comparing files", d, t)
        )
        session.jobs.changes += 1
    images = open_source(subject, progress=lambda d, t: progress("reading pictures", d, t))
    session.folder = counted(session.folder, images)
    session.jobs.changes += 1
    progress("a first model", 0, 1)
    recipe = recipes.pca_vae(images.shape).with_(steps=0)
    session.standing = (
        "nothing is trained on these pictures yet: principal components stand in for a model"
    )
    # on the disk, as verbs that take a collection read its model from there
    making = session.cached("models") / f"making-{secrets.token_hex(8)}"
    facts = {"pictures": _absolute(subject)}
    made = fit(recipe, images, to=making, report="quiet", facts=facts)
    to = making.with_name(str(made.fingerprint())[:32])
    if to.exists():
        shutil.rmtree(making, ignore_errors=True)
    else:
        os.replace(making, to)
    session.hide(str(to))
    return load(to)


def carry(rows: Rows, collection: Any) -> None:
    """What a person said of pictures, and what else is known of them, into another collection of them.

    Scores are of a model, and stay with its codes.
    """
    known = {*collection.columns}
    more = {
        name: values
        for name, values in rows.columns.items()
        if name not in known and not name.startswith("score_")
    }
    if more:
        collection.update(list(rows.ids), more)


def _column(name: str, values: Any) -> dict[str, Any]:
    """A column as the page's lists need it: its kind, and its values where they are few."""
    if values.dtype.kind in "iuf":
        finite = values[np.isfinite(values)]
        few = np.unique(finite) if len(finite) else finite
        listed = [f"{value:g}" for value in few.tolist()] if len(few) <= FEW else []
        return {"name": name, "kind": "number", "values": listed}
    counts = Counter(value for value in values.tolist() if value is not None)
    flag = values.dtype.kind == "b" or all(isinstance(value, bool) for value in counts)
    listed = [str(value) for value, _ in counts.most_common()] if len(counts) <= 50 else []
    return {"name": name, "kind": "flag" if flag else "text", "values": listed}


def _absolute(subject: Any) -> str:
    path = Path(str(subject)).expanduser()
    return str(path.resolve()) if path.exists() else str(subject)
